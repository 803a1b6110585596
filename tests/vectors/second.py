"""A second implementation of the envelope OTS1, written from docs/envelope.md, on Python's `cryptography` and `argon2-cffi`.

    second.py check FILE... open every vector of these files, refuse every one that has an "error"

It shares no code with src/crypto/envelope: each checks the other. make.py makes vectors with it.
"""

import base64
import functools
import json
import sys
import unicodedata

from argon2.low_level import Type, hash_secret_raw
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

MAGIC = b"OTS1"
MAX_HEADER = 4096
MAX_NUMBER = 2**53 - 1
MAX_DEPTH = 100


class Refused(Exception):
    """Why an envelope can't be opened: the word that the vectors use."""


def hkdf(link_key, salt, info, length):
    return HKDF(algorithm=SHA256(), length=length, salt=salt, info=info).derive(link_key)


def normal(passphrase):
    """A passphrase's bytes."""
    octets = unicodedata.normalize("NFC", passphrase).encode()
    if not 1 <= len(octets) <= 1024:
        raise Refused("passphrase_length")
    return octets


@functools.lru_cache
def stretch(link_key, octets, label=b"ots/salt/v1"):
    salt = hkdf(link_key, b"", label, 16)
    return hash_secret_raw(octets, salt, time_cost=3, memory_cost=64 * 1024, parallelism=1, hash_len=32, type=Type.ID)


def keys(link_key, passphrase):
    """The key that opens, and the proof as the server is told it."""
    stretched = b"" if passphrase is None else stretch(link_key, normal(passphrase))
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
    if passphrase is not None:
        normal(passphrase)
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
        members = strict_json(head)
    except (ValueError, RecursionError):
        raise Refused("header") from None
    if not isinstance(members, dict):
        raise Refused("header")
    length = members.get("length")
    if type(length) is not int:
        raise Refused("header")
    if any(members.get(word) is not None and not isinstance(members[word], str) for word in ("name", "type")):
        raise Refused("header")
    if length > len(rest):
        raise Refused("length")
    if any(rest[length:]):
        raise Refused("padding")
    return members, rest[:length]


def strict_json(octets):
    """JSON as a header may have it; ValueError or RecursionError for any other."""

    def integer(text):
        if text.startswith("-") or int(text) > MAX_NUMBER:
            raise ValueError("a number is out of range")
        return int(text)

    def no_number(text):
        raise ValueError("a number isn't an integer")

    def members(pairs):
        if len(dict(pairs)) < len(pairs):
            raise ValueError("a member comes twice")
        return dict(pairs)

    def walk(value, depth):
        if isinstance(value, str):
            value.encode()  # which a lone surrogate stops
        if isinstance(value, dict | list):
            if depth > MAX_DEPTH:
                raise ValueError("it is nested too deep")
            parts = value if isinstance(value, list) else [part for pair in value.items() for part in pair]
            for part in parts:
                walk(part, depth + 1)

    value = json.loads(
        octets.decode(), parse_int=integer, parse_float=no_number, parse_constant=no_number, object_pairs_hook=members
    )
    walk(value, 1)
    return value


def base64url(octets):
    return base64.urlsafe_b64encode(octets).rstrip(b"=").decode()


def from_base64url(text):
    return base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)


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


if __name__ == "__main__":
    match sys.argv[1:]:
        case ["check", *paths] if paths:
            for path in paths:
                check(path)
        case _:
            sys.exit(__doc__)
