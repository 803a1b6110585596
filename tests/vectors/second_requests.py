"""A second implementation of requests and answers, written from docs/request.md, on second.py and xwing.py.

    second_requests.py check FILE...   open every vector of these files, refuse every one that has an "error"

It shares no code with src/crypto/sealed_box: each checks the other. make_requests.py makes vectors with it.
"""

import base64
import hashlib
import json
import re
import sys
import unicodedata

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305

import xwing
from second import Refused, base64url, decrypt, from_base64url, hkdf, normal, stretch

SUITE = 1
LABEL_BYTES = 510
PLAINTEXT_BYTES = xwing.PUBLIC_BYTES + 2 + LABEL_BYTES
INVITATION_BYTES = 4 + 1 + 12 + PLAINTEXT_BYTES + 16
OWN_BYTES = 4 + 1 + xwing.ENCAPSULATED_BYTES + 48
PREFIX_BYTES = 17
UNSEEN = re.compile("[\u00ad\u061c\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb]")


class Keys:
    def __init__(self, key, passphrase):
        stretched = b"" if passphrase is None else stretch(key, normal(passphrase), b"ots/request-salt/v1")
        self.private = hkdf(key, stretched, b"ots/request-key/v1", 32)
        self.proof = base64url(hkdf(key, stretched, b"ots/request-proof/v1", 32))
        self.public = xwing.public_key(self.private)
        self.fingerprint = fingerprint(self.public)


def fingerprint(public):
    return hashlib.sha256(public).digest()


def padded_label(label):
    octets = (label or "").encode()
    return len(octets).to_bytes(2, "big") + octets + bytes(LABEL_BYTES - len(octets))


def seal_invitation(of, nonce, plaintext):
    associated = b"OTSR" + bytes([SUITE])
    key = hkdf(of, b"", b"ots/invitation/v1", 32)
    return associated + nonce + ChaCha20Poly1305(key).encrypt(nonce, plaintext, associated)


def open_invitation(of, invitation):
    """The public key and the label."""
    if len(invitation) != INVITATION_BYTES:
        raise Refused("length")
    if invitation[:4] != b"OTSR":
        raise Refused("magic")
    if invitation[4] != SUITE:
        raise Refused("suite")
    key = hkdf(of, b"", b"ots/invitation/v1", 32)
    try:
        plaintext = ChaCha20Poly1305(key).decrypt(invitation[5:17], invitation[17:], invitation[:5])
    except InvalidTag:
        raise Refused("authentication") from None
    public, label = plaintext[: xwing.PUBLIC_BYTES], plaintext[xwing.PUBLIC_BYTES :]
    if fingerprint(public) != of:
        raise Refused("fingerprint")
    try:
        xwing.encapsulate(public, bytes(64))
    except ValueError:
        raise Refused("key") from None
    length = int.from_bytes(label[:2], "big")
    if length > LABEL_BYTES or any(label[2 + length :]):
        raise Refused("label")
    try:
        text = label[2 : 2 + length].decode()
    except UnicodeDecodeError:
        raise Refused("label") from None
    if UNSEEN.search(text) or any(unicodedata.category(character) == "Cc" for character in text):
        raise Refused("label")
    return public, text or None


def info(of):
    return b"ots/answer/v1" + of


def seal_answer(public, eseed, link_key, envelope):
    associated = b"OTSA" + bytes([SUITE])
    aad = associated + envelope[:PREFIX_BYTES]
    encapsulated, sealed = xwing.seal(public, eseed, info(fingerprint(public)), aad, link_key)
    return associated + encapsulated + sealed + envelope


def open_answer(keys, answer):
    """The envelope's members and content."""
    if len(answer) < OWN_BYTES + PREFIX_BYTES:
        raise Refused("too_short")
    if answer[:4] != b"OTSA":
        raise Refused("magic")
    if answer[4] != SUITE:
        raise Refused("suite")
    encapsulated, sealed = answer[5 : 5 + xwing.ENCAPSULATED_BYTES], answer[5 + xwing.ENCAPSULATED_BYTES : OWN_BYTES]
    aad = answer[:5] + answer[OWN_BYTES : OWN_BYTES + PREFIX_BYTES]
    try:
        link_key = xwing.open_sealed(keys.private, encapsulated, info(keys.fingerprint), aad, sealed)
    except (InvalidTag, ValueError):
        raise Refused("authentication") from None
    try:
        members, content, _ = decrypt(link_key, None, answer[OWN_BYTES:])
    except Refused as refused:
        raise Refused(f"envelope: {refused}") from None
    return members, content


def outcome(vector):
    """What comes of a vector, and what should."""
    if "answer" not in vector:
        _, label = open_invitation(from_base64url(vector["fingerprint"]), base64.b64decode(vector["invitation"]))
        return label, vector.get("label")
    keys = Keys(from_base64url(vector["key"]), vector["passphrase"])
    members, content = open_answer(keys, base64.b64decode(vector["answer"]))
    found = [members.get("name"), members.get("type"), base64.b64encode(content).decode()]
    wanted = [vector.get(word) for word in ("name", "type", "content")]
    if "error" not in vector:
        _, label = open_invitation(keys.fingerprint, base64.b64decode(vector["invitation"]))
        found += [base64url(keys.fingerprint), keys.proof, label]
        wanted += [vector.get(word) for word in ("fingerprint", "proof", "label")]
    return found, wanted


def check(path):
    with open(path, encoding="utf-8") as file:
        vectors = json.load(file)
    for vector in vectors:
        try:
            found, wanted = outcome(vector)
        except Refused as refused:
            found, wanted = str(refused), vector.get("error")
        if found != wanted or ("error" in vector) != (isinstance(found, str) and found == vector.get("error")):
            sys.exit(f"{path}: {vector['about']}: expected {wanted}, found {found}")
    print(len(vectors))


def check_published(path):
    with open(path, encoding="utf-8") as file:
        published = json.load(file)
    octets = bytes.fromhex
    for vector in published["xwing"]["vectors"]:
        seed, eseed, pk, ct, ss = (octets(vector[word]) for word in ("seed", "eseed", "pk", "ct", "ss"))
        assert xwing.public_key(seed) == pk and xwing.encapsulate(pk, eseed) == (ss, ct)
        assert xwing.decapsulate(seed, ct) == ss
    for vector in published["hpke"]["vectors"]:
        key, enc, info, aad, ct, pt = (octets(vector[word]) for word in ("skRm", "enc", "info", "aad", "ct", "pt"))
        assert xwing.open_sealed(key, enc, info, aad, ct) == pt


if __name__ == "__main__":
    match sys.argv[1:]:
        case ["check", *paths] if paths:
            for path in paths:
                check(path)
        case ["published", path]:
            check_published(path)
        case _:
            sys.exit(__doc__)
