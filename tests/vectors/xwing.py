"""X-Wing (draft-connolly-cfrg-xwing-kem-10) and HPKE's base mode (RFC 9180) over it, written from the specifications: ML-KEM-768 (FIPS 203) by
Python alone, X25519 by `cryptography`, which has no ML-KEM in the versions that systems bring. For vectors: slow, and not in constant time.
"""

import hashlib
import hmac

from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

Q, K, DU, DV = 3329, 3, 10, 4
EK_BYTES, CT_BYTES = 384 * K + 32, 32 * (DU * K + DV)
PUBLIC_BYTES, ENCAPSULATED_BYTES = EK_BYTES + 32, CT_BYTES + 32


def reversed_bits(number):
    return int(f"{number:07b}"[::-1], 2)


ZETAS = [pow(17, reversed_bits(i), Q) for i in range(128)]
GAMMAS = [pow(17, 2 * reversed_bits(i) + 1, Q) for i in range(128)]


def ntt(f):
    f, k, length = list(f), 1, 128
    while length >= 2:
        for start in range(0, 256, 2 * length):
            zeta, k = ZETAS[k], k + 1
            for j in range(start, start + length):
                t = zeta * f[j + length]
                f[j + length], f[j] = (f[j] - t) % Q, (f[j] + t) % Q
        length //= 2
    return f


def inverse_ntt(f):
    f, k, length = list(f), 127, 2
    while length <= 128:
        for start in range(0, 256, 2 * length):
            zeta, k = ZETAS[k], k - 1
            for j in range(start, start + length):
                t = f[j]
                f[j], f[j + length] = (t + f[j + length]) % Q, zeta * (f[j + length] - t) % Q
        length *= 2
    return [x * 3303 % Q for x in f]


def multiply(f, g):
    h = []
    for i, gamma in enumerate(GAMMAS):
        (a0, a1), (b0, b1) = f[2 * i : 2 * i + 2], g[2 * i : 2 * i + 2]
        h += [(a0 * b0 + a1 * b1 * gamma) % Q, (a0 * b1 + a1 * b0) % Q]
    return h


def add(f, g):
    return [(a + b) % Q for a, b in zip(f, g)]


def dot(fs, gs):
    total = [0] * 256
    for f, g in zip(fs, gs):
        total = add(total, multiply(f, g))
    return total


def sample_ntt(seed):
    octets, found, at = hashlib.shake_128(seed).digest(3 * 1024), [], 0
    while len(found) < 256:
        a, b, c = octets[at : at + 3]
        at += 3
        found += [d for d in (a + 256 * (b % 16), b // 16 + 16 * c) if d < Q]
    return found[:256]


def sample_noise(seed, number):
    bits = int.from_bytes(hashlib.shake_256(seed + bytes([number])).digest(128), "little")
    bit = lambda place: bits >> place & 1
    return [(bit(4 * i) + bit(4 * i + 1) - bit(4 * i + 2) - bit(4 * i + 3)) % Q for i in range(256)]


def encode(d, f):
    return sum(x << (d * i) for i, x in enumerate(f)).to_bytes(32 * d, "little")


def decode(d, octets):
    number = int.from_bytes(octets, "little")
    return [number >> (d * i) & ((1 << d) - 1) for i in range(256)]


def compress(d, f):
    return [((x << (d + 1)) + Q) // (2 * Q) % (1 << d) for x in f]


def decompress(d, f):
    return [(2 * Q * x + (1 << d)) >> (d + 1) for x in f]


def parts(octets, size):
    return [octets[i : i + size] for i in range(0, len(octets), size)]


def matrix(rho):
    return [[sample_ntt(rho + bytes([j, i])) for j in range(K)] for i in range(K)]


def mlkem_keygen(d, z):
    seeds = hashlib.sha3_512(d + bytes([K])).digest()
    rho, sigma = seeds[:32], seeds[32:]
    s = [ntt(sample_noise(sigma, i)) for i in range(K)]
    e = [ntt(sample_noise(sigma, K + i)) for i in range(K)]
    t = [add(dot(row, s), e[i]) for i, row in enumerate(matrix(rho))]
    ek = b"".join(encode(12, x) for x in t) + rho
    return ek, (s, ek, z)


def encrypt(ek, m, r):
    t, rho = [decode(12, part) for part in parts(ek[:-32], 384)], ek[-32:]
    if any(x >= Q for f in t for x in f):
        raise ValueError("a coefficient is out of range")
    a = matrix(rho)
    y = [ntt(sample_noise(r, i)) for i in range(K)]
    u = [add(inverse_ntt(dot([a[j][i] for j in range(K)], y)), sample_noise(r, K + i)) for i in range(K)]
    v = add(add(inverse_ntt(dot(t, y)), sample_noise(r, 2 * K)), decompress(1, decode(1, m)))
    return b"".join(encode(DU, compress(DU, f)) for f in u) + encode(DV, compress(DV, v))


def mlkem_encapsulate(ek, m):
    both = hashlib.sha3_512(m + hashlib.sha3_256(ek).digest()).digest()
    return both[:32], encrypt(ek, m, both[32:])


def mlkem_decapsulate(secret, c):
    s, ek, z = secret
    u = [decompress(DU, decode(DU, part)) for part in parts(c[: 32 * DU * K], 32 * DU)]
    v = decompress(DV, decode(DV, c[32 * DU * K :]))
    w = add(v, [-x for x in inverse_ntt(dot(s, [ntt(f) for f in u]))])
    shared, again = mlkem_encapsulate(ek, encode(1, compress(1, w)))
    return shared if again == c else hashlib.shake_256(z + c).digest(32)


def raw(public):
    return public.public_bytes(Encoding.Raw, PublicFormat.Raw)


def expand(seed):
    octets = hashlib.shake_256(seed).digest(96)
    ek, secret = mlkem_keygen(octets[:32], octets[32:64])
    x = X25519PrivateKey.from_private_bytes(octets[64:])
    return ek + raw(x.public_key()), secret, x


def public_key(seed):
    return expand(seed)[0]


def combine(ss_m, ss_x, ct_x, pk_x):
    return hashlib.sha3_256(ss_m + ss_x + ct_x + pk_x + b"\\.//^\\").digest()


def encapsulate(public, eseed):
    """The shared secret and its encapsulation; ValueError for a key that can't be used."""
    ek, pk_x = public[:EK_BYTES], public[EK_BYTES:]
    ephemeral = X25519PrivateKey.from_private_bytes(eseed[32:])
    ct_x = raw(ephemeral.public_key())
    ss_m, ct_m = mlkem_encapsulate(ek, eseed[:32])
    ss_x = ephemeral.exchange(X25519PublicKey.from_public_bytes(pk_x))
    return combine(ss_m, ss_x, ct_x, pk_x), ct_m + ct_x


def decapsulate(seed, encapsulated):
    public, secret, x = expand(seed)
    ct_m, ct_x = encapsulated[:CT_BYTES], encapsulated[CT_BYTES:]
    ss_x = x.exchange(X25519PublicKey.from_public_bytes(ct_x))
    return combine(mlkem_decapsulate(secret, ct_m), ss_x, ct_x, public[EK_BYTES:])


# HPKE: KEM 0x647a, KDF 1 (HKDF-SHA-256), AEAD 3 (ChaCha20-Poly1305), base mode, first message.
LABELS = b"HPKE-v1HPKE" + bytes([0x64, 0x7A, 0, 1, 0, 3])


def mac(key, octets):
    return hmac.digest(key or bytes(32), octets, "sha256")


def extract(salt, label, ikm):
    return mac(salt, LABELS + label + ikm)


def expand_labeled(prk, label, info, length):
    """For at most 32 bytes, which are the first block of HKDF's."""
    return mac(prk, length.to_bytes(2, "big") + LABELS + label + info + b"\1")[:length]


def context(shared, info):
    """The cipher and the nonce."""
    schedule = b"\0" + extract(b"", b"psk_id_hash", b"") + extract(b"", b"info_hash", info)
    secret = extract(shared, b"secret", b"")
    key, nonce = (expand_labeled(secret, label, schedule, n) for label, n in ((b"key", 32), (b"base_nonce", 12)))
    return ChaCha20Poly1305(key), nonce


def seal(public, eseed, info, aad, plaintext):
    shared, encapsulated = encapsulate(public, eseed)
    cipher, nonce = context(shared, info)
    return encapsulated, cipher.encrypt(nonce, plaintext, aad)


def open_sealed(seed, encapsulated, info, aad, sealed):
    """InvalidTag or ValueError for what wasn't sealed so."""
    cipher, nonce = context(decapsulate(seed, encapsulated), info)
    return cipher.decrypt(nonce, sealed, aad)
