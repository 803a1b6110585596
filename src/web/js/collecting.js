// What follows # in a request's two links, as src/secret/request has it: the fingerprint in the one to give away, and all that its maker needs in
// the one to bookmark.

import { parseKey, toBase64url } from "./envelope.js";
import { blake2b } from "./libraries.js";

const BASE32 = "abcdefghijklmnopqrstuvwxyz234567";

const isToken = (text) => /^[a-z2-7]{32}$/i.test(text);

/** The parts of a link to collect with, from its fragment without #: tokens as texts, key and fingerprint as bytes. Null for any other text. */
export function parseCollecting(fragment) {
  const [kind, request, token, key, fingerprint, ...more] = fragment.split(".");
  const parts = { passphrase: kind === "p", key: parseKey(key ?? ""), fingerprint: parseKey(fingerprint ?? "") };
  const fits = /^[kp]$/.test(kind) && isToken(request ?? "") && isToken(token ?? "") && more.length === 0;
  if (!fits || parts.key === null || parts.fingerprint === null) return null;
  return { ...parts, request: request.toLowerCase(), token: token.toLowerCase() };
}

/** The fragment that parseCollecting takes. */
export const collectingFragment = ({ passphrase, request, token, key, fingerprint }) =>
  [passphrase ? "p" : "k", request, token, toBase64url(key), toBase64url(fingerprint)].join(".");

/** The 20 bytes of a token, whose 32 letters and digits are five bits each. */
function bytesOf(token) {
  const bits = [...token.toLowerCase()].map((letter) => BASE32.indexOf(letter).toString(2).padStart(5, "0")).join("");
  return Uint8Array.from(bits.match(/.{8}/g), (byte) => parseInt(byte, 2));
}

const textOf = (bytes) =>
  [...bytes].map((byte) => byte.toString(2).padStart(8, "0")).join("").replace(/.{5}/g, (five) => BASE32[parseInt(five, 2)]);

/** The receipt of the request whose answer is collected under `token`: docs/request.md, "What the server is told". */
export function receiptOf(token) {
  const bytes = bytesOf(token);
  const hashed = blake2b(Uint8Array.of(...new TextEncoder().encode("ots/request-receipt/v1"), ...bytes), { dkLen: 16 });
  return `r-${textOf([...bytes.subarray(0, 4), ...hashed])}`;
}
