// What follows # in a request's two links, as src/secret/request has it: the fingerprint in the one to give away, and all that its maker needs in
// the one to bookmark.

import { parseKey, toBase64url } from "./envelope.js";

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
