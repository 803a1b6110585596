// The envelope OTS1 in the browser: sealing and opening, as docs/envelope.md specifies it.
//
// The browser's own ChaCha20-Poly1305 and HKDF are used where it has them (WebCrypto; the cipher in Chrome 150 and later; on
// plain http off loopback there is nothing), else those of the bundle.

import { argon2id } from "./argon.js";
import { parseHeader } from "./header.js";
import { chacha20poly1305, hkdf, sha256 } from "./libraries.js";
import { normalPassphrase } from "./passphrase.js";

const MAGIC = [0x4f, 0x54, 0x53, 0x31];
const NONCE_BYTES = 12;
const TAG_BYTES = 16;
/** Bytes before the ciphertext. */
export const PREFIX_BYTES = MAGIC.length + 1 + NONCE_BYTES;
const MAX_HEADER_BYTES = 4096;
const CIPHER = "ChaCha20-Poly1305";

/** Why an envelope can't be opened, in the words of the vectors; or "unsupported": this browser and bundle can't do it. */
export class Refused extends Error {
  constructor(reason) {
    super(reason);
    this.reason = reason;
  }
}

const utf8 = (text) => new TextEncoder().encode(text);

/** Base64url without padding (RFC 4648, section 5). */
export function toBase64url(bytes) {
  const text = Array.from(bytes, (byte) => String.fromCharCode(byte)).join("");
  return btoa(text).replaceAll("+", "-").replaceAll("/", "_").replace(/=+$/, "");
}

/** A link key's 32 bytes, or null for any text that isn't one. */
export function parseKey(text) {
  if (!/^[A-Za-z0-9_-]{43}$/.test(text)) return null;
  const bytes = Uint8Array.from(atob(text.replaceAll("-", "+").replaceAll("_", "/")), (c) => c.charCodeAt(0));
  return toBase64url(bytes) === text ? bytes : null;
}

/** HKDF-SHA-256 of a key, with a label. */
export async function derive(ikm, salt, info, length) {
  if (globalThis.crypto?.subtle) {
    const key = await crypto.subtle.importKey("raw", ikm, "HKDF", false, ["deriveBits"]);
    const parameters = { name: "HKDF", hash: "SHA-256", salt, info: utf8(info) };
    return new Uint8Array(await crypto.subtle.deriveBits(parameters, key, length * 8));
  }
  if (!hkdf) throw new Refused("unsupported");
  return hkdf(sha256, ikm, salt, utf8(info), length);
}

/** Argon2id of a passphrase, with a salt from a key. Refused where the bundle is missing. */
export async function stretch(key, passphrase, label) {
  const normal = normalPassphrase(passphrase);
  if (normal === null) throw new Refused("passphrase_length");
  if (!argon2id) throw new Refused("unsupported");
  const salt = await derive(key, new Uint8Array(), label, 16);
  return argon2id(utf8(normal), salt, { t: 3, m: 64 * 1024, p: 1, dkLen: 32 });
}

/** What a link key and a passphrase (or null) give: the cipher, and the proof for the server. Refused where there is no cipher. */
export async function deriveKeys(linkKey, passphrase) {
  const stretched = passphrase === null ? new Uint8Array() : await stretch(linkKey, passphrase, "ots/salt/v1");
  return {
    cipher: await cipherOf(await derive(linkKey, stretched, "ots/key/v1", 32)),
    proof: toBase64url(await derive(linkKey, stretched, "ots/proof/v1", 32)),
    flags: passphrase === null ? 0 : 1,
  };
}

/** The browser's ChaCha20-Poly1305 under a key, else the bundle's. */
async function cipherOf(key) {
  let native;
  try {
    native = await crypto.subtle.importKey("raw-secret", key, CIPHER, false, ["encrypt", "decrypt"]);
  } catch {
    if (!chacha20poly1305) throw new Refused("unsupported");
    return {
      encrypt: async (nonce, associated, plaintext) => chacha20poly1305(key, nonce, associated).encrypt(plaintext),
      decrypt: async (nonce, associated, ciphertext) => chacha20poly1305(key, nonce, associated).decrypt(ciphertext),
    };
  }
  const parameters = (iv, additionalData) => ({ name: CIPHER, iv, additionalData, tagLength: TAG_BYTES * 8 });
  const { subtle } = crypto;
  return {
    encrypt: async (nonce, associated, plaintext) =>
      new Uint8Array(await subtle.encrypt(parameters(nonce, associated), native, plaintext)),
    decrypt: async (nonce, associated, ciphertext) =>
      new Uint8Array(await subtle.decrypt(parameters(nonce, associated), native, ciphertext)),
  };
}

/** 256 bytes, and above that the Padmé length. */
export function paddedLength(length) {
  if (length <= 256) return 256;
  const exponent = Math.floor(Math.log2(length));
  const step = 2 ** (exponent - Math.floor(Math.log2(exponent)) - 1);
  return Math.ceil(length / step) * step;
}

function headerOf(length, label) {
  // A file system may hold half a character, which no reader takes.
  const name = label.name?.replace(/\p{Surrogate}/gu, "\ufffd");
  const header = utf8(JSON.stringify({ length, name, type: label.type }));
  if (header.length > MAX_HEADER_BYTES) throw new Refused("header");
  return header;
}

/** How long an envelope of so many bytes is. */
export const sealedLength = (length, label) => PREFIX_BYTES + paddedLength(2 + headerOf(length, label).length + length) + TAG_BYTES;

/**
 * Seals bytes under a new link key. `label` may have `name` and `type`; `passphrase` is a text or null.
 * Gives the envelope, the link key and the proof as texts for the link and the server.
 */
export async function seal(content, label, passphrase) {
  const linkKey = crypto.getRandomValues(new Uint8Array(32));
  const nonce = crypto.getRandomValues(new Uint8Array(NONCE_BYTES));
  const { cipher, proof, flags } = await deriveKeys(linkKey, passphrase);
  const header = headerOf(content.length, label);
  const plaintext = new Uint8Array(paddedLength(2 + header.length + content.length));
  plaintext.set([header.length >> 8, header.length & 255]);
  plaintext.set(header, 2);
  plaintext.set(content, 2 + header.length);
  const associated = new Uint8Array([...MAGIC, flags]);
  const sealed = await cipher.encrypt(nonce, associated, plaintext);
  const envelope = new Uint8Array(PREFIX_BYTES + sealed.length);
  envelope.set(associated);
  envelope.set(nonce, associated.length);
  envelope.set(sealed, PREFIX_BYTES);
  return { envelope, key: toBase64url(linkKey), proof };
}

/** Opens an envelope with what deriveKeys gave. Gives content, name and type; throws Refused. */
export async function open(keys, envelope) {
  if (envelope.length < PREFIX_BYTES + TAG_BYTES) throw new Refused("too_short");
  if (MAGIC.some((byte, place) => envelope[place] !== byte)) throw new Refused("magic");
  const flags = envelope[4];
  if (flags & ~1) throw new Refused("flags");
  if (flags !== keys.flags) throw new Refused("passphrase");
  const associated = envelope.slice(0, 5);
  let plaintext;
  try {
    plaintext = await keys.cipher.decrypt(envelope.slice(5, PREFIX_BYTES), associated, envelope.subarray(PREFIX_BYTES));
  } catch {
    throw new Refused("authentication");
  }
  return takeApart(plaintext);
}

function takeApart(plaintext) {
  const length = plaintext[0] * 256 + plaintext[1];
  if (!(length <= MAX_HEADER_BYTES && length <= plaintext.length - 2)) throw new Refused("header");
  let header;
  try {
    header = parseHeader(plaintext.subarray(2, 2 + length));
  } catch {
    throw new Refused("header");
  }
  const rest = plaintext.subarray(2 + length);
  if (header.length > rest.length) throw new Refused("length");
  if (rest.subarray(header.length).some((byte) => byte !== 0)) throw new Refused("padding");
  return { content: rest.subarray(0, header.length), name: header.name ?? null, type: header.type ?? null };
}
