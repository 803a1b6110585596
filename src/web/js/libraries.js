// What browsers don't have, or not all of them: bundled by esbuild from npm. A build without npm has none.js in its place.

export { chacha20poly1305 } from "@noble/ciphers/chacha.js";
export { argon2idAsync } from "@noble/hashes/argon2.js";
export { blake2b } from "@noble/hashes/blake2.js";
export { expand, extract, hkdf } from "@noble/hashes/hkdf.js";
export { sha256 } from "@noble/hashes/sha2.js";
export { encode as qrCode } from "uqr";
