// Keys and links as people have them: pasted with what was around them, escaped by a program on the way, or given apart.

import { parseKey } from "./envelope.js";
import { tab } from "./tab.js";

/** How often programs escape what is escaped already, at most. */
const ESCAPED = 3;

/** A text without the percent-escapes that a program made; as it is, where they aren't any. */
export function unescaped(text) {
  let plain = text;
  try {
    for (let times = 0; times < ESCAPED && plain.includes("%"); times += 1) plain = decodeURIComponent(plain);
  } catch {
    return plain;
  }
  return plain;
}

/** The link key in a key, in a whole link or in what follows its #, with white space and punctuation around it; null if there is none. */
export function keyIn(text) {
  const part = unescaped(text.trim()).split("#").pop();
  const exact = parseKey(part);
  if (exact) return exact;
  return parseKey(part.replace(/\s+/g, "").replace(/^[^A-Za-z0-9_-]+|[^A-Za-z0-9_-]+$/g, ""));
}

/** The token of the link in a text, in lower case; null where none is. */
export function tokenIn(text) {
  return /\/s\/([a-z2-7]{32})(?![a-z0-9])/i.exec(unescaped(text))?.[1].toLowerCase() ?? null;
}

/** Whether the address has the mark of a key that travels apart: # and nothing after it. */
export const isMarked = (address) => address.endsWith("#");

const SENT = "ots-key-sent-";

/** Remembers in this tab that the key of a link was sent to the server with its path. */
export const rememberSent = (token) => tab.setItem(SENT + token, "1");
export const wasSent = (token) => tab.getItem(SENT + token) !== null;
export const forgetSent = (token) => tab.removeItem(SENT + token);
