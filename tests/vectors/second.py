"""A second implementation of the envelope OTS1, written from docs/envelope.md, on Python's `cryptography` and `argon2-cffi`.

    second.py make DIR      write good.json and refused.json, the same each time
    second.py check FILE... open every vector of these files, refuse every one that has an "error"
    second.py seal          print vectors with random keys, nonces and contents

It shares no code with src/crypto/envelope.rs: each checks the other.
"""

import base64
import hashlib
import json
import os
import sys

from argon2.low_level import Type, hash_secret_raw
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

MAGIC = b"OTS1"
MAX_HEADER = 4096
MAX_LENGTH = 2**53 - 1


class Refused(Exception):
    """Why an envelope can't be opened: the word that the vectors use."""


def hkdf(link_key, salt, info, length):
    return HKDF(algorithm=SHA256(), length=length, salt=salt, info=info).derive(link_key)


def keys(link_key, passphrase):
    """The key that opens, and the proof as the server is told it."""
    stretched = b""
    if passphrase is not None:
        salt = hkdf(link_key, b"", b"ots/salt/v1", 16)
        stretched = hash_secret_raw(
            passphrase.encode(), salt, time_cost=2, memory_cost=19 * 1024, parallelism=1, hash_len=32, type=Type.ID
        )
    proof = hkdf(link_key, stretched, b"ots/proof/v1", 32)
    return hkdf(link_key, stretched, b"ots/key/v1", 32), base64url(proof)


def padded_length(length):
    if length <= 256:
        return 256
    exponent = length.bit_length() - 1
    kept = exponent.bit_length()
    step = 1 << (exponent - kept)
    return (length + step - 1) // step * step


def header(length, name=None, media_type=None):
    members = {"length": length}
    if name is not None:
        members["name"] = name
    if media_type is not None:
        members["type"] = media_type
    return json.dumps(members, separators=(",", ":"), ensure_ascii=False).encode()


def assemble(head, content, padding=None):
    length = 2 + len(head) + len(content)
    padding = padded_length(length) - length if padding is None else padding
    return len(head).to_bytes(2, "big") + head + content + bytes(padding)


def encrypt(key, nonce, flags, plaintext):
    associated = MAGIC + bytes([flags])
    return associated + nonce + ChaCha20Poly1305(key).encrypt(nonce, plaintext, associated)


def decrypt(link_key, passphrase, envelope):
    """The header's members and the content."""
    if len(envelope) < 4 + 1 + 12 + 16:
        raise Refused("too_short")
    if envelope[:4] != MAGIC:
        raise Refused("magic")
    flags = envelope[4]
    if flags & ~1:
        raise Refused("flags")
    if bool(flags & 1) != (passphrase is not None):
        raise Refused("passphrase")
    key, proof = keys(link_key, passphrase)
    try:
        plaintext = ChaCha20Poly1305(key).decrypt(envelope[5:17], envelope[17:], envelope[:5])
    except InvalidTag:
        raise Refused("authentication") from None
    members, content = take_apart(plaintext)
    return members, content, proof


def take_apart(plaintext):
    if len(plaintext) < 2:
        raise Refused("header")
    length = int.from_bytes(plaintext[:2], "big")
    if length > MAX_HEADER or length > len(plaintext) - 2:
        raise Refused("header")
    head, rest = plaintext[2 : 2 + length], plaintext[2 + length :]
    try:
        members = json.loads(head.decode())
    except (ValueError, RecursionError):
        raise Refused("header") from None
    if not isinstance(members, dict):
        raise Refused("header")
    length = members.get("length")
    if type(length) is not int or not 0 <= length <= MAX_LENGTH:
        raise Refused("header")
    if any(members.get(word) is not None and not isinstance(members[word], str) for word in ("name", "type")):
        raise Refused("header")
    if length > len(rest):
        raise Refused("length")
    if any(rest[length:]):
        raise Refused("padding")
    return members, rest[:length]


def base64url(octets):
    return base64.urlsafe_b64encode(octets).rstrip(b"=").decode()


def from_base64url(text):
    return base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)


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
    seal("a passphrase with an accent composed (NFC)", b"secret", passphrase="caf\u00e9")
    seal("the same accent decomposed (NFD): other bytes, another passphrase", b"secret", passphrase="cafe\u0301")
    seal("a passphrase with spaces and a newline at its ends, which count", b"secret", passphrase=" open\tsesame \n")
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
    refuse("the passphrase in another normal form", "authentication", guarded_key, guarded, "cafe\u0301")
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

    inside = maker.refuse_plaintext
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
    inside("a negative length", "header", assemble(b'{"length":-1}', b""))
    inside("a length that isn't whole", "header", assemble(b'{"length":0.5}', b""))
    inside("a length of 2^53", "header", assemble(b'{"length":9007199254740992}', b""))
    inside("a length of 2^64", "header", assemble(b'{"length":18446744073709551616}', b""))
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


def check(path):
    with open(path, encoding="utf-8") as file:
        vectors = json.load(file)
    for vector in vectors:
        key, envelope = from_base64url(vector["key"]), base64.b64decode(vector["envelope"], validate=True)
        try:
            members, content, proof = decrypt(key, vector["passphrase"], envelope)
            found = (members.get("name"), members.get("type"), base64.b64encode(content).decode(), proof)
            wanted = tuple(vector.get(word) for word in ("name", "type", "content", "proof"))
        except Refused as refused:
            found, wanted = str(refused), vector.get("error")
        if found != wanted or ("error" in vector) != isinstance(found, str):
            sys.exit(f"{path}: {vector['about']}: expected {wanted}, found {found}")
    print(len(vectors))


def main(arguments):
    match arguments:
        case ["make", directory]:
            maker = Maker()
            make_good(maker)
            make_refused(maker)
            write(os.path.join(directory, "good.json"), maker.good)
            write(os.path.join(directory, "refused.json"), maker.refused)
        case ["check", *paths] if paths:
            for path in paths:
                check(path)
        case ["seal"]:
            maker = Maker(lambda _, length: os.urandom(length))
            make_good(maker)
            json.dump(maker.good, sys.stdout)
        case _:
            sys.exit(__doc__)


if __name__ == "__main__":
    main(sys.argv[1:])
