"""Makes the vectors of requests and answers, by second_requests.py.

    make_requests.py all DIR       write requests.json and requests_refused.json, the same each time
    make_requests.py seal          print vectors with random keys, nonces and contents
"""

import base64
import json
import os
import sys

import xwing
from make import noise, write
from second import assemble, base64url, encrypt, header
from second import keys as envelope_keys
from second_requests import (
    LABEL_BYTES,
    OWN_BYTES,
    Keys,
    fingerprint,
    padded_label,
    seal_answer,
    seal_invitation,
)


def b64(octets):
    return base64.b64encode(octets).decode()


class Maker:
    def __init__(self, noise=noise):
        self.good, self.refused, self.noise = [], [], noise

    def request(self, about, *, label=None, passphrase=None, content=b"secret", name=None, media_type=None, key=None):
        """Adds a request and its answer, and gives both with what made them."""
        key = self.noise(about + "/request", 32) if key is None else key
        keys = Keys(key, passphrase)
        nonce = self.noise(about + "/invitation", 12)
        invitation = seal_invitation(keys.fingerprint, nonce, keys.public + padded_label(label))
        link_key, eseed = self.noise(about + "/key", 32), self.noise(about + "/encapsulation", 64)
        envelope_nonce = self.noise(about + "/nonce", 12)
        sealing, _ = envelope_keys(link_key, None)
        envelope = encrypt(sealing, envelope_nonce, 0, assemble(header(len(content), name, media_type), content))
        answer = seal_answer(keys.public, eseed, link_key, envelope)
        self.good.append(
            {
                "about": about,
                "key": base64url(key),
                "passphrase": passphrase,
                "fingerprint": base64url(keys.fingerprint),
                "proof": keys.proof,
                "label": label,
                "nonce": nonce.hex(),
                "invitation": b64(invitation),
                "link_key": base64url(link_key),
                "encapsulation": eseed.hex(),
                "name": name,
                "type": media_type,
                "content": b64(content),
                "answer": b64(answer),
            }
        )
        return key, keys, invitation, answer

    def refuse_invitation(self, about, error, of, invitation):
        vector = {"about": about, "fingerprint": base64url(of), "invitation": b64(invitation), "error": error}
        self.refused.append(vector)

    def refuse_plaintext(self, about, error, plaintext, of=None):
        """An invitation whose seal is right and whose inside is not."""
        of = fingerprint(plaintext[: xwing.PUBLIC_BYTES]) if of is None else of
        self.refuse_invitation(about, error, of, seal_invitation(of, self.noise(about, 12), plaintext))

    def refuse_answer(self, about, error, key, answer, passphrase=None):
        vector = {"about": about, "key": base64url(key), "passphrase": passphrase, "answer": b64(answer), "error": error}
        self.refused.append(vector)


def make_good(maker):
    request = maker.request
    request("nothing but a key")
    request("a label", label="the staging DB's password")
    request("a label of one byte", label="?")
    request("a label of 510 bytes", label="0123456789" * 51)
    request("a label in several scripts", label="das Päßwort 密码 пароль كلمة السر 🔑 👩‍💻")
    request("a label with quotes, a backslash and spaces at its ends", label=' "C:\\a" \'b\' ')
    request("a label with accents that NFC would compose: it is as it was typed", label="cafe\u0301")
    request("a passphrase", label="the key", passphrase="open sesame")
    cafe = noise("a request's passphrase in NFC and in NFD", 32)  # one key: the two are one request
    request("a passphrase with an accent composed (NFC)", passphrase="caf\u00e9", key=cafe)
    request("the same accent decomposed (NFD): the same passphrase", passphrase="cafe\u0301", key=cafe)
    request("a key of zeros", key=bytes(32))
    request("a key of ones", key=b"\xff" * 32)
    request("an answer with a name and a type", content=b"{}", name="config.json", media_type="application/json")
    request("an answer of nothing", content=b"")
    request("an answer of every byte", content=bytes(range(256)) * 4, name="Schlüssel 鍵.bin")


def damaged(octets, at, mask=1):
    changed = bytearray(octets)
    changed[at] ^= mask
    return bytes(changed)


def make_refused_invitations(maker):
    _, keys, invitation, _ = maker.request("what the damaged invitations were", label="the staging DB's password")
    _, other, elsewhere, _ = maker.request("another request", label="the staging DB's password")
    of, public = keys.fingerprint, keys.public

    def refuse(about, error, invitation, fingerprint=of):
        maker.refuse_invitation(about, error, fingerprint, invitation)

    refuse("nothing", "length", b"")
    refuse("the magic only", "length", b"OTSR")
    refuse("an invitation cut by one byte", "length", invitation[:-1])
    refuse("an invitation with one byte more", "length", invitation + b"\0")
    refuse("an invitation's magic changed", "magic", damaged(invitation, 0))
    refuse("an invitation with an answer's magic", "magic", b"OTSA" + invitation[4:])
    refuse("suite 0", "suite", damaged(invitation, 4))
    refuse("suite 2", "suite", invitation[:4] + b"\2" + invitation[5:])
    refuse("an invitation's nonce changed", "authentication", damaged(invitation, 5))
    refuse("the public key's first byte changed", "authentication", damaged(invitation, 17))
    refuse("the public key's last byte changed", "authentication", damaged(invitation, 17 + 1215))
    refuse("the label changed", "authentication", damaged(invitation, 17 + 1216 + 3))
    refuse("the label's padding changed", "authentication", damaged(invitation, -17))
    refuse("an invitation's tag changed", "authentication", damaged(invitation, -1, 128))
    refuse("another request's invitation", "authentication", elsewhere)
    refuse("another fingerprint", "authentication", invitation, other.fingerprint)
    refuse("a fingerprint of zeros", "authentication", invitation, bytes(32))
    # From somebody who has the link, as the server hasn't: the fingerprint binds the public key all the same.
    inside = maker.refuse_plaintext
    label = padded_label("the staging DB's password")
    inside("another public key under the link's fingerprint", "fingerprint", other.public + label, of)
    inside("half of another public key", "fingerprint", public[:1184] + other.public[1184:] + label, of)
    inside("a public key of zeros under the link's fingerprint", "fingerprint", bytes(1216) + label, of)
    inside("a coefficient of q in ML-KEM's public key", "key", b"\x01\x0d" + public[2:] + label)
    inside("coefficients of 4,095", "key", b"\xff" * 1152 + public[1152:] + label)
    inside("X25519's public key is 0", "key", public[:1184] + bytes(32) + label)
    inside("X25519's public key is 1", "key", public[:1184] + b"\1" + bytes(31) + label)

    def lined(about, octets, padding=None, length=None):
        length = len(octets) if length is None else length
        padding = bytes(LABEL_BYTES - len(octets)) if padding is None else padding
        inside(about, "label", public + length.to_bytes(2, "big") + octets + padding)

    lined("a label of 511 bytes", b"a" * 510, length=511)
    lined("a label of 65,535 bytes", b"a" * 510, length=65535)
    lined("a label whose padding begins with a one", b"abc", b"\1" + bytes(506))
    lined("a label whose padding ends with a one", b"abc", bytes(506) + b"\1")
    lined("no label, and padding that isn't zeros", b"", b"a" + bytes(509))
    lined("a label that isn't UTF-8", b"\xff")
    lined("a label that is cut within a character", "abcé".encode()[:-1])
    lined("a label that begins with a byte order mark", "\ufeffabc".encode())
    lined("a label that is a byte order mark", "\ufeff".encode())
    lined("a label with half a surrogate pair", b"\xed\xa0\x80")
    lined("a label with an overlong form", b"\xc1\x81")
    for character in "\0\t\n\r\x1b\x7f\x80\x85\x9f\u00ad\u061c\u200b\u200e\u200f\u2028\u2029\u202a\u202e\u2060\u2066\u2069\u206f\ufeff\ufff9\ufffb":
        lined(f"a label with U+{ord(character):04X}", f"a{character}b".encode())


def make_refused_answers(maker):
    key, keys, _, answer = maker.request("what the damaged answers were", name="a.txt")
    other, _, _, elsewhere = maker.request("the same, for another request", name="a.txt")
    guarded, _, _, sealed = maker.request("what the damaged answers with a passphrase were", passphrase="caf\u00e9")
    _, _, _, second = maker.request("a second answer to the first", name="a.txt", key=key)

    def refuse(about, error, answer, key=key, passphrase=None):
        maker.refuse_answer(about, error, key, answer, passphrase)

    refuse("no answer", "too_short", b"")
    refuse("an answer's magic only", "too_short", b"OTSA")
    refuse("an answer without its envelope", "too_short", answer[:OWN_BYTES])
    refuse("an answer cut in the envelope's head", "too_short", answer[: OWN_BYTES + 16])
    refuse("an answer's magic changed", "magic", damaged(answer, 3))
    refuse("an envelope for an answer", "magic", answer[OWN_BYTES:] * 5)
    refuse("an answer of suite 0", "suite", damaged(answer, 4))
    refuse("an answer of suite 255", "suite", answer[:4] + b"\xff" + answer[5:])
    for about, at in [
        ("ML-KEM's ciphertext: its first byte", 5),
        ("ML-KEM's ciphertext: its last byte", 5 + 1087),
        ("X25519's public key: its first byte", 5 + 1088),
        ("the sealed key: its first byte", 5 + 1120),
        ("the sealed key's tag: its last byte", OWN_BYTES - 1),
        ("the envelope's magic", OWN_BYTES),
        ("the envelope's flags", OWN_BYTES + 4),
        ("the envelope's nonce: its first byte", OWN_BYTES + 5),
        ("the envelope's nonce: its last byte", OWN_BYTES + 16),
    ]:
        refuse(f"changed: {about}", "authentication", damaged(answer, at))
    refuse("X25519's public key is 0", "authentication", answer[: 5 + 1088] + bytes(32) + answer[5 + 1120 :])
    refuse("another encapsulated key", "authentication", answer[:5] + elsewhere[5 : 5 + 1120] + answer[5 + 1120 :])
    refuse("another sealed key", "authentication", answer[: 5 + 1120] + second[5 + 1120 : OWN_BYTES] + answer[OWN_BYTES:])
    refuse("another envelope", "authentication", answer[:OWN_BYTES] + second[OWN_BYTES:])
    refuse("another envelope under the first one's head", "envelope: authentication",
           answer[: OWN_BYTES + 17] + second[OWN_BYTES + 17 :])
    refuse("the envelope's first byte changed", "envelope: authentication", damaged(answer, OWN_BYTES + 17))
    refuse("the envelope's tag changed", "envelope: authentication", damaged(answer, -1))
    refuse("an answer cut behind the envelope's head", "envelope: too_short", answer[: OWN_BYTES + 17])
    refuse("an answer cut by one byte", "envelope: authentication", answer[:-1])
    refuse("an answer with one byte more", "envelope: authentication", answer + b"\0")
    refuse("another request's answer", "authentication", elsewhere)
    refuse("a wrong key", "authentication", answer, key=other)
    refuse("a key of zeros", "authentication", answer, key=bytes(32))
    refuse("a passphrase that isn't needed", "authentication", answer, passphrase="caf\u00e9")
    refuse("a passphrase is needed and none given", "authentication", sealed, key=guarded)
    refuse("a wrong passphrase", "authentication", sealed, key=guarded, passphrase="cafe")
    refuse("an empty passphrase", "passphrase_length", sealed, key=guarded, passphrase="")

    def within(about, error, envelope):
        """An answer whose key is right and whose envelope is not."""
        eseed = maker.noise(about, 64)
        refuse(about, error, seal_answer(keys.public, eseed, maker.noise("within", 32), envelope))

    sealing, _ = envelope_keys(maker.noise("within", 32), None)
    nonce = maker.noise("within/nonce", 12)
    envelope = encrypt(sealing, nonce, 0, assemble(header(6), b"secret"))
    within("an envelope of a version that nobody knows", "envelope: magic", b"OTS9" + envelope[4:])
    within("an envelope with a flag that nobody knows", "envelope: flags", damaged(envelope, 4, 2))
    within("an envelope with a passphrase", "envelope: passphrase", damaged(envelope, 4))
    within("an envelope under another key", "envelope: authentication", damaged(envelope, 30))
    within("an envelope with a bad header", "envelope: header", encrypt(sealing, nonce, 0, assemble(b"[]", b"")))


def main(arguments):
    match arguments:
        case ["all", directory]:
            maker = Maker()
            make_good(maker)
            make_refused_invitations(maker)
            make_refused_answers(maker)
            write(os.path.join(directory, "requests.json"), maker.good)
            write(os.path.join(directory, "requests_refused.json"), maker.refused)
        case ["seal"]:
            maker = Maker(lambda _, length: os.urandom(length))
            make_good(maker)
            json.dump(maker.good, sys.stdout)
        case _:
            sys.exit(__doc__)


if __name__ == "__main__":
    main(sys.argv[1:])
