// HPKE (RFC 9180) in base mode, for one message: KEM 0x647a (X-Wing), KDF 1 (HKDF-SHA-256), AEAD 3 (ChaCha20-Poly1305). The primitives are the
// bundle's; checked with the drafts' own vectors (tests/vectors/published.json).

import { chacha20poly1305, expand, extract, sha256 } from "./libraries.js";
import { xwing } from "./xwing.js";

const utf8 = (text) => new TextEncoder().encode(text);
const NONE = new Uint8Array();
const SUITE = [0x64, 0x7a, 0, 1, 0, 3];

/** Bytes one after the other; a text stands for its own. */
export function concat(...parts) {
  const all = parts.map((part) => (typeof part === "string" ? utf8(part) : part));
  const whole = new Uint8Array(all.reduce((length, part) => length + part.length, 0));
  let place = 0;
  for (const part of all) {
    whole.set(part, place);
    place += part.length;
  }
  return whole;
}

const labeledExtract = (salt, label, ikm) => extract(sha256, concat("HPKE-v1HPKE", SUITE, label, ikm), salt);
const labeledExpand = (prk, label, info, length) =>
  expand(sha256, prk, concat([length >> 8, length & 255], "HPKE-v1HPKE", SUITE, label, info), length);

function cipher(shared, info, aad) {
  const context = concat([0], labeledExtract(NONE, "psk_id_hash", NONE), labeledExtract(NONE, "info_hash", info));
  const secret = labeledExtract(shared, "secret", NONE);
  return chacha20poly1305(labeledExpand(secret, "key", context, 32), labeledExpand(secret, "base_nonce", context, 12), aad);
}

/** Seals to a public key, with 64 random bytes. Gives the encapsulated key and the ciphertext; throws for a key that can't be used. */
export function seal(publicKey, random, info, aad, plaintext) {
  const { cipherText: encapsulated, sharedSecret } = xwing.encapsulate(publicKey, random);
  return { encapsulated, sealed: cipher(sharedSecret, info, aad).encrypt(plaintext) };
}

/** Opens what was sealed; throws for anything else. */
export function open(privateKey, encapsulated, info, aad, sealed) {
  return cipher(xwing.decapsulate(encapsulated, privateKey), info, aad).decrypt(sealed);
}
