"""Makes the envelope's vectors, by second.py.

    make.py all DIR         write good.json and refused.json, the same each time
    make.py seal            print vectors with random keys, nonces and contents
"""

import base64
import hashlib
import json
import os
import sys

from second import MAX_DEPTH, MAX_HEADER, assemble, base64url, encrypt, header, keys


def noise(label, length):
    """Bytes that look random and are the same each time."""
    return hashlib.shake_256(label.encode()).digest(length)


class Maker:
    def __init__(self, noise=noise):
        self.good, self.refused, self.noise = [], [], noise

    def seal(self, about, content, *, name=None, media_type=None, passphrase=None, head=None, padding=None, key=None):
        """Adds a vector that opens, and gives it."""
        key = self.noise(about + "/key", 32) if key is None else key
        nonce = self.noise(about + "/nonce", 12)
        canonical = head is None and padding is None
        head = header(len(content), name, media_type) if head is None else head
        sealing, proof = keys(key, passphrase)
        envelope = encrypt(sealing, nonce, int(passphrase is not None), assemble(head, content, padding))
        vector = {
            "about": about,
            "key": base64url(key),
            "passphrase": passphrase,
            "proof": proof,
            "name": name,
            "type": media_type,
            "content": base64.b64encode(content).decode(),
            "nonce": nonce.hex(),
            "canonical": canonical,
            "envelope": base64.b64encode(envelope).decode(),
        }
        self.good.append(vector)
        return key, envelope

    def refuse(self, about, error, key, envelope, passphrase=None):
        self.refused.append(
            {
                "about": about,
                "key": base64url(key),
                "passphrase": passphrase,
                "envelope": base64.b64encode(envelope).decode(),
                "error": error,
            }
        )

    def refuse_plaintext(self, about, error, plaintext):
        """An envelope whose seal is right and whose inside is not."""
        key = self.noise(about + "/key", 32)
        sealing, _ = keys(key, None)
        self.refuse(about, error, key, encrypt(sealing, self.noise(about + "/nonce", 12), 0, plaintext))


def make_good(maker):
    seal = maker.seal
    seal("a password", b"correct horse battery staple")
    seal("nothing at all", b"")
    seal("one byte", b"x")
    seal("every byte", bytes(range(256)))
    seal("text in UTF-8", "pässwörd 密码 🔑\n".encode())
    seal("content that ends in zeros, as padding does", b"abc" + bytes(40))
    seal("content of zeros only", bytes(300))
    seal("content that is an envelope's beginning", b"OTS1" + bytes(29))
    seal("a key of zeros", b"secret", key=bytes(32))
    seal("a key of ones", b"secret", key=b"\xff" * 32)

    seal("a passphrase", b"secret", passphrase="open sesame")
    seal("a passphrase of one character", b"secret", passphrase="0")
    seal("a passphrase of 1,024 bytes", b"secret", passphrase="0123456789abcdef" * 64)
    seal("a passphrase in several scripts", b"secret", passphrase="пароль 密碼 κωδικός 🔐")
    seal("a passphrase of 1,024 bytes once it is in NFC, of 1,536 before", b"secret", passphrase="e\u0301" * 512)
    cafe = noise("a passphrase in NFC and in NFD/key", 32)  # one key: the two have the same proof
    seal("a passphrase with an accent composed (NFC)", b"secret", passphrase="caf\u00e9", key=cafe)
    seal("the same accent decomposed (NFD): the same passphrase", b"secret", passphrase="cafe\u0301", key=cafe)
    seal("a passphrase whose marks stand in another order", b"secret", passphrase="a\u0301\u0323")
    seal("a passphrase in Hangul, each letter apart", b"secret", passphrase="\u1112\u1161\u11ab\u1100\u1173\u11af")
    seal("a passphrase with an \u212b ngstr\u00f6m sign, which NFC makes a letter", b"secret", passphrase="10 \u212b")
    seal("a passphrase with letters that NFC takes apart", b"secret", passphrase="\u0958\U0001d15e")
    seal("a passphrase with forms that NFKC would change and NFC keeps", b"secret", passphrase="\ufb01\uff21\u2460")
    seal("a passphrase in capitals, which count", b"secret", passphrase="OPEN Sesame")
    seal("a passphrase with spaces and a newline at its ends, which count", b"secret", passphrase=" open\tsesame \n")
    seal("a passphrase of one space", b"secret", passphrase=" ")
    seal("a passphrase with spaces of other kinds", b"secret", passphrase="\u00a0open\u2003sesame\u3000\u200b\ufeff")
    seal("a passphrase with a zero byte", b"secret", passphrase="open\0sesame")

    seal("a name", b"-----BEGIN KEY-----\n", name="key.pem")
    seal("a name and a type", b"{}", name="config.json", media_type="application/json")
    seal("a type only", b"plain", media_type="text/plain; charset=utf-8")
    seal("an empty name", b"secret", name="")
    seal("a name in several scripts", b"secret", name="Schlüssel 鍵 🗝.txt")
    seal("a name that wants to be elsewhere: the reader cleans it", b"secret", name="../../.ssh/authorized_keys")
    seal("a name that wants to drive a terminal: the reader cleans it", b"secret", name="a\u001b[2Jb\r\n\u202egpj.exe")
    seal("a name with quotes and a backslash", b"secret", name='"C:\\a"')
    seal("name, type and passphrase", b"secret", name="a.txt", media_type="text/plain", passphrase="open sesame")

    content = b"secret"
    seal("a header with other members, which are ignored", content, name="a",
         head=b'{"v":[1,{"x":null}],"length":6,"name":"a","views":2}')
    seal("a header with white space", content, name="a", head=b' {\n\t"length" : 6 , "name" : "a" }\r\n')
    seal("a header in another order and with escapes", content, name="a/\u00e9\U0001f511",
         head=b'{"name":"\\u0061\\/\\u00e9\\ud83d\\udd11","length":6}')
    seal("a header whose name is null: as if it weren't there", content, head=b'{"length":6,"name":null,"type":null}')
    seal("a header with numbers at their ends", content, head=b'{"a":9007199254740991,"b":[0,{"c":0}],"length":6}')
    seal("a header with members named like others elsewhere in it", content, name="a",
         head=b'{"length":6,"v":{"length":7,"name":1},"name":"a","w":{"length":7},"Length":8}')
    seal("a header with a member called __proto__", content,
         head=b'{"__proto__":{"name":"x","length":7},"constructor":{},"length":6}')
    seal("a header with digits, braces and escapes inside text", content, name='6.0,"-1":[{\\',
         head=b'{"\\"a\\":1.5,":"}{\\\\","length":6,"name":"6.0,\\"-1\\":[{\\\\"}')
    seal("a header with true, false and null", content, head=b'{"length":6,"v":[true,false,null,[],{},""]}')
    seal("a header with text of every kind of character", content, name="\0\x7f\u0085\u2028\ufeff\ufffe\U0010ffff",
         head='{"length":6,"name":"\\u0000\x7f\u0085\u2028\ufeff\ufffe\U0010ffff"}'.encode())
    nested = b"[" * (MAX_DEPTH - 1) + b"]" * (MAX_DEPTH - 1)
    seal("a header of 100 levels", content, head=b'{"length":6,"v":' + nested + b"}")
    most = b'{"length":6,"ignored":"' + b"x" * (MAX_HEADER - 25) + b'"}'
    assert len(most) == MAX_HEADER
    seal("a header of 4,096 bytes", content, head=most)
    seal("no padding: a reader takes any number of zeros", content, head=b'{"length":6}', padding=0)
    seal("more padding than is needed", content, head=b'{"length":6}', padding=1000)

    # Around every step: the last length that still fits, and the first that doesn't.
    for step in (256, 272, 288, 496, 512, 544, 992, 1024, 1088, 2048, 2176, 4096, 4352):
        for length in (step - 1, step, step + 1):
            size = length - 2
            while 2 + len(header(size)) + size > length:
                size -= 1
            about = f"a plaintext of {length} bytes before padding"
            head = header(size)
            if 2 + len(head) + size < length:  # one digit more would be too long
                seal(about, maker.noise(about, size), head=head[:-1] + b" }")
            else:
                seal(about, maker.noise(about, size))


def make_refused(maker):
    key, envelope = maker.seal("what the damaged ones were", b"secret", name="a.txt")
    guarded_key, guarded = maker.seal("what the damaged ones with a passphrase were", b"secret", passphrase="caf\u00e9")
    refuse = maker.refuse

    def damaged(at, mask=1):
        changed = bytearray(envelope)
        changed[at] ^= mask
        return bytes(changed)

    refuse("nothing", "too_short", key, b"")
    refuse("one byte", "too_short", key, b"O")
    refuse("the magic only", "too_short", key, b"OTS1")
    refuse("one byte less than the shortest", "too_short", key, envelope[:32])
    for at in range(4):
        refuse(f"byte {at} of the magic changed", "magic", key, damaged(at))
    refuse("another version", "magic", key, b"OTS2" + envelope[4:])
    refuse("text", "magic", key, b"not an envelope at all, just text that is long enough for one")
    for bit in range(1, 8):
        refuse(f"unknown flag {bit}", "flags", key, damaged(4, 1 << bit))
    refuse("the passphrase flag set, none given", "passphrase", key, damaged(4))
    refuse("the passphrase flag set, one given", "authentication", key, damaged(4), "caf\u00e9")
    refuse("a passphrase given that isn't needed", "passphrase", key, envelope, "caf\u00e9")
    refuse("a passphrase needed and none given", "passphrase", guarded_key, guarded)
    refuse("a wrong passphrase", "authentication", guarded_key, guarded, "cafe")
    refuse("the passphrase in a form that only NFKC makes the same", "authentication", guarded_key, guarded, "\uff43af\u00e9")
    refuse("the passphrase in capitals", "authentication", guarded_key, guarded, "CAF\u00c9")
    refuse("the passphrase with a space before it", "authentication", guarded_key, guarded, " caf\u00e9")
    refuse("the passphrase with a space after it", "authentication", guarded_key, guarded, "caf\u00e9 ")
    refuse("an empty passphrase", "passphrase_length", guarded_key, guarded, "")
    refuse("an empty passphrase that isn't needed", "passphrase_length", key, envelope, "")
    refuse("a passphrase of 1,025 bytes", "passphrase_length", guarded_key, guarded, "0123456789abcdef" * 64 + "0")
    refuse("a passphrase of 1,025 bytes once it is in NFC", "passphrase_length", guarded_key, guarded, "e\u0301" * 512 + "0")
    refuse("a passphrase that only NFC makes too long", "passphrase_length", guarded_key, guarded, "\u0958" * 341)
    refuse("a passphrase of 9,000 bytes and no envelope", "passphrase_length", key, b"", "x" * 9000)
    refuse("the passphrase with a newline", "authentication", guarded_key, guarded, "caf\u00e9\n")
    cleared = bytearray(guarded)
    cleared[4] = 0
    refuse("the passphrase flag cleared", "authentication", guarded_key, bytes(cleared))
    refuse("a wrong key", "authentication", bytes(32), envelope)
    refuse("the key with one bit changed", "authentication", bytes([key[0] ^ 128]) + key[1:], envelope)
    refuse("a wrong key with the right passphrase", "authentication", bytes(32), guarded, "caf\u00e9")
    refuse("the nonce's first byte changed", "authentication", key, damaged(5))
    refuse("the nonce's last byte changed", "authentication", key, damaged(16, 128))
    refuse("the header's length changed", "authentication", key, damaged(17))
    refuse("the header changed", "authentication", key, damaged(21))
    refuse("the content changed", "authentication", key, damaged(60))
    refuse("the padding changed", "authentication", key, damaged(-17))
    refuse("the tag's first byte changed", "authentication", key, damaged(-16))
    refuse("the tag's last byte changed", "authentication", key, damaged(-1, 128))
    refuse("cut by one byte", "authentication", key, envelope[:-1])
    refuse("cut by a tag", "authentication", key, envelope[:-16])
    refuse("cut to prefix and tag", "authentication", key, envelope[:33])
    refuse("one byte too many", "authentication", key, envelope + b"\0")
    refuse("a byte missing inside", "authentication", key, envelope[:100] + envelope[101:])
    refuse("another envelope's nonce", "authentication", key, envelope[:5] + guarded[5:17] + envelope[17:])


def make_refused_headers(inside):
    inside("an empty plaintext", "header", b"")
    inside("a plaintext of one byte", "header", b"\0")
    inside("a header of no bytes", "header", assemble(b"", b""))
    inside("a header of 4,097 bytes", "header", assemble(b'{"length":0}' + b" " * (4097 - 12), b""))
    inside("a header of 65,535 bytes that isn't there", "header", b"\xff\xff" + bytes(254))
    inside("a header longer than the plaintext", "header", b"\x01\x00" + b'{"length":0}' + bytes(200))
    inside("a header that is binary", "header", assemble(b"\x82\xa6length", b""))
    inside("a header that isn't UTF-8", "header", assemble(b'{"length":0,"name":"\xff"}', b""))
    inside("a header that is cut", "header", assemble(b'{"length":0', b""))
    inside("a header with something behind it", "header", assemble(b'{"length":0}x', b""))
    inside("a header that is an array", "header", assemble(b'[0,"a","b"]', b""))
    inside("a header that is a number", "header", assemble(b"0", b""))
    inside("a header that is null", "header", assemble(b"null", b""))
    inside("no length", "header", assemble(b'{"name":"a"}', b""))
    inside("a length that is null", "header", assemble(b'{"length":null}', b""))
    inside("a length that is text", "header", assemble(b'{"length":"0"}', b""))
    # Numbers: wherever they stand, integers without sign, fraction or exponent, up to 2^53 - 1.
    for number, about in [
        ("-1", "negative"), ("-0", "minus nought"), ("+6", "with a plus"), ("6.0", "with a fraction of nought"),
        ("6.", "with a point"), (".6", "with nothing before the point"), ("0.5", "not whole"), ("6e0", "with an exponent"),
        ("6E0", "with a capital exponent"), ("0e0", "nought with an exponent"), ("60e-1", "with a negative exponent"),
        ("1e999", "beyond every float"), ("06", "with a leading nought"), ("00", "of two noughts"), ("0x6", "in hexadecimal"),
        ("6_0", "with an underscore"), ("6n", "with a letter"), ("NaN", "called NaN"), ("Infinity", "called Infinity"),
        ("-Infinity", "called -Infinity"), ("\uff16", "in a digit of another script"), ("9007199254740992", "of 2^53"),
        ("9007199254740993", "of 2^53 + 1"), ("18446744073709551616", "of 2^64"), ("1" + "0" * 400, "of 401 digits"),
    ]:  # fmt: skip
        inside(f"a length {about}: {number[:20]}", "header", assemble(f'{{"length":{number}}}'.encode(), b"secret"))
        inside(f"an ignored number {about}", "header", assemble(f'{{"length":6,"v":[{number}]}}'.encode(), b"secret"))
    for value in ("true", "false", '""', "[6]", '{"length":6}', "six", "undefined", "'6'", ""):
        inside(f"a length that is {value or 'nothing'}", "header", assemble(f'{{"length":{value}}}'.encode(), b"secret"))
    inside("a length in capitals only", "header", assemble(b'{"LENGTH":6}', b"secret"))

    # Text: well-formed Unicode, wherever it stands.
    def text(about, inner, name=b"name"):
        inside(about, "header", assemble(b'{"length":6,"' + name + b'":"' + inner + b'"}', b"secret"))

    for name in (b"name", b"type", b"ignored"):
        place = name.decode()
        text(f"{place}: a high surrogate alone", rb"\ud800", name)
        text(f"{place}: a low surrogate alone", rb"a\udfff", name)
    text("two high surrogates", rb"\ud83d\ud83d")
    text("surrogates the wrong way round", rb"\udd11\ud83d")
    text("a high surrogate before another escape", rb"\ud83d\n")
    text("a high surrogate before a letter", rb"\ud83dx")
    text("a surrogate in UTF-8", b"\xed\xa0\x80")
    text("two surrogates in UTF-8 (CESU-8)", b"\xed\xa0\xbd\xed\xb4\x91")
    text("a byte of UTF-8 alone", b"\x80")
    text("an overlong slash", b"\xc0\xaf")
    text("a character beyond the last", b"\xf4\x90\x80\x80")
    text("a lone surrogate in a member's name", b"x", rb"\ud800")
    inside("a lone surrogate deep inside", "header", assemble(rb'{"length":6,"v":[{"w":["\ud800"]}]}', b"secret"))
    text("a zero byte as it is", b"a\0b")
    text("a newline as it is", b"a\nb")
    text("a tab as it is", b"a\tb")
    text("an escape that isn't one", rb"\x41")
    text("an escape in capitals", rb"\U0041")
    text("an escape cut", rb"\u00")
    text("an escape with a sign in it", rb"\u+041")
    text("an escape with an underscore in it", rb"\u0_41")
    text("a backslash at the end", b"\\")

    # Members: each once; after escapes, too.
    for about, head in [
        ("length twice, the same", b'{"length":6,"length":6}'),
        ("length twice", b'{"length":5,"length":6}'),
        ("length twice, once escaped", rb'{"length":6,"\u006cength":6}'),
        ("name twice", b'{"length":6,"name":"a","name":"b"}'),
        ("name twice, first null", b'{"length":6,"name":null,"name":"b"}'),
        ("an ignored member twice", b'{"length":6,"v":1,"v":1}'),
        ("an ignored member twice, deep inside", b'{"length":6,"v":[{"w":1,"w":2}]}'),
        ("an empty name twice", b'{"":0,"length":6,"":0}'),
        ("__proto__ twice", b'{"__proto__":0,"length":6,"__proto__":0}'),
    ]:
        inside(f"a member twice: {about}", "header", assemble(head, b"secret"))

    # Nesting, and what isn't JSON, or not only.
    for levels, about in [(MAX_DEPTH, "of 101 levels"), (1900, "of 1,901 levels")]:
        inside(f"arrays {about}", "header", assemble(b'{"length":6,"v":' + b"[" * levels + b"]" * levels + b"}", b"secret"))
    objects = b'{"v":' * MAX_DEPTH + b"0" + b"}" * MAX_DEPTH
    inside("objects of 101 levels", "header", assemble(b'{"length":6,"v":' + objects + b"}", b"secret"))
    inside("arrays that aren't closed", "header", assemble(b'{"length":6,"v":' + b"[" * 4000, b"secret"))
    for about, head in [
        ("a byte order mark before the header", b'\xef\xbb\xbf{"length":6}'),
        ("a byte order mark behind the header", b'{"length":6}\xef\xbb\xbf'),
        ("a header in UTF-16", '{"length":6}'.encode("utf-16-le")),
        ("a zero byte behind the header", b'{"length":6}\0'),
        ("two headers", b'{"length":6}{"length":6}'),
        ("a comma behind the header", b'{"length":6},'),
        ("a comma behind the last member", b'{"length":6,}'),
        ("a comma before the first member", b'{,"length":6}'),
        ("a comma behind the last item", b'{"length":6,"v":[1,]}'),
        ("an item missing", b'{"length":6,"v":[1,,2]}'),
        ("a comment", b'{"length":6/**/}'),
        ("a no-break space", b'{"length":\xc2\xa06}'),
        ("a form feed", b'{"length":\x0c6}'),
        ("a vertical tab", b'\x0b{"length":6}'),
        ("a member's name without quotes", b"{length:6}"),
        ("single quotes", b"{'length':6}"),
        ("a number for a member's name", b'{"length":6,1:2}'),
        ("a word that isn't one", b'{"length":6,"v":nul}'),
        ("a word in capitals", b'{"length":6,"v":True}'),
        ("a colon missing", b'{"length" 6}'),
        ("a bracket that closes another", b'{"length":6,"v":[1}}'),
    ]:
        inside(about, "header", assemble(head, b"secret"))
    inside("a name that is a number", "header", assemble(b'{"length":0,"name":1}', b""))
    inside("a type that is an array", "header", assemble(b'{"length":0,"type":[]}', b""))
    inside("a length one more than there is", "length", assemble(b'{"length":7}', b"secret", 0))
    inside("a length beyond the padding", "length", assemble(b'{"length":257}', b"secret"))
    inside("a length of 2^53 - 1", "length", assemble(b'{"length":9007199254740991}', b"secret"))
    inside("the first byte of the padding isn't zero", "padding", assemble(b'{"length":6}', b"secret\1"))
    inside("the last byte of the padding isn't zero", "padding", assemble(b'{"length":6}', b"secret")[:-1] + b"\1")
    inside("a length one less than was meant", "padding", assemble(b'{"length":5}', b"secret"))


def write(path, vectors):
    """One vector a line."""
    with open(path, "w", encoding="utf-8", newline="\n") as out:
        lines = ",\n".join(json.dumps(vector, ensure_ascii=True) for vector in vectors)
        out.write(f"[\n{lines}\n]\n")


def main(arguments):
    match arguments:
        case ["all", directory]:
            maker = Maker()
            make_good(maker)
            make_refused(maker)
            make_refused_headers(maker.refuse_plaintext)
            write(os.path.join(directory, "good.json"), maker.good)
            write(os.path.join(directory, "refused.json"), maker.refused)
        case ["seal"]:
            maker = Maker(lambda _, length: os.urandom(length))
            make_good(maker)
            json.dump(maker.good, sys.stdout)
        case _:
            sys.exit(__doc__)


if __name__ == "__main__":
    main(sys.argv[1:])
