// Requests for a secret and the answers to them in the browser, as docs/request.md specifies them. All of it needs the bundle: no browser has
// X-Wing itself.

import * as envelope from "./envelope.js";
import { Refused, derive, parseKey, stretch, toBase64url } from "./envelope.js";
import { hasUnseen } from "./filename.js";
import * as hpke from "./hpke.js";
import { chacha20poly1305, sha256 } from "./libraries.js";
import { xwing } from "./xwing.js";

// For the vectors.
export { hpke, xwing };

const { concat } = hpke;
const INVITATION = concat("OTSR", [1]);
const ANSWER = concat("OTSA", [1]);
const NONCE_BYTES = 12;
const PUBLIC_BYTES = 1216;
const MAX_LABEL_BYTES = 510;
const PLAINTEXT_BYTES = PUBLIC_BYTES + 2 + MAX_LABEL_BYTES;
const INVITATION_BYTES = INVITATION.length + NONCE_BYTES + PLAINTEXT_BYTES + 16;
const SEALED_KEY = ANSWER.length + 1120;
/** Where the envelope begins. */
const OWN_BYTES = SEALED_KEY + 48;
/** From so many bytes an answer's link key is known. */
export const HEAD_BYTES = OWN_BYTES + envelope.PREFIX_BYTES;

/** Whether this build can ask and answer. */
export const supported = Boolean(xwing);

const random = (length) => crypto.getRandomValues(new Uint8Array(length));
const same = (one, other) => one.length === other.length && one.every((byte, place) => byte === other[place]);

/** Refuses what doesn't begin with a magic and a suite that this version knows. */
function checkStart(bytes, start) {
  if (!same(bytes.subarray(0, 4), start.subarray(0, 4))) throw new Refused("magic");
  if (bytes[4] !== start[4]) throw new Refused("suite");
}

/** The bytes of a text in Base64, as the API gives them; Refused for any other. */
export function fromBase64(text) {
  try {
    return Uint8Array.from(atob(text), (character) => character.charCodeAt(0));
  } catch {
    throw new Refused("length");
  }
}

/** The other way round. */
export const toBase64 = (bytes) => btoa(Array.from(bytes, (byte) => String.fromCharCode(byte)).join(""));

/** A new request's key: 32 bytes. */
export const newKey = () => random(32);

/** What a request's key and a passphrase (or null) give: the pair, its fingerprint, and the proof for the server as a text. */
export async function deriveKeys(key, passphrase) {
  if (!supported) throw new Refused("unsupported");
  const stretched = passphrase === null ? new Uint8Array() : await stretch(key, passphrase, "ots/request-salt/v1");
  const { publicKey, secretKey } = xwing.keygen(await derive(key, stretched, "ots/request-key/v1", 32));
  const proof = toBase64url(await derive(key, stretched, "ots/request-proof/v1", 32));
  return { publicKey, privateKey: secretKey, fingerprint: sha256(publicKey), proof };
}

/** As deriveKeys, for a request that was made: refuses a passphrase that isn't its own, before anything is sent. */
export async function keysOf({ key, fingerprint }, passphrase) {
  const keys = await deriveKeys(key, passphrase);
  if (!same(keys.fingerprint, fingerprint)) throw new Refused("fingerprint");
  return keys;
}

/** Whether a text can be a label: 1 to 510 bytes in one line, without characters that nobody sees. */
export function isLabel(text) {
  const { length } = new TextEncoder().encode(text);
  return length >= 1 && length <= MAX_LABEL_BYTES && !hasUnseen(text) && !/\p{Surrogate}/u.test(text);
}

const invitationCipher = async (fingerprint, nonce) =>
  chacha20poly1305(await derive(fingerprint, new Uint8Array(), "ots/invitation/v1", 32), nonce, INVITATION);

/** The invitation for the server; `label` is a text or null. */
export async function invite({ publicKey, fingerprint }, label, nonce = random(NONCE_BYTES)) {
  if (label !== null && !isLabel(label)) throw new Refused("label");
  const text = new TextEncoder().encode(label ?? "");
  const plaintext = new Uint8Array(PLAINTEXT_BYTES);
  plaintext.set(concat(publicKey, [text.length >> 8, text.length & 255], text));
  return concat(INVITATION, nonce, (await invitationCipher(fingerprint, nonce)).encrypt(plaintext));
}

/** Opens an invitation with the fingerprint of the link (32 bytes). Gives what answer() takes, and the label or null; throws Refused. */
export async function openInvitation(fingerprint, invitation) {
  if (!supported) throw new Refused("unsupported");
  if (invitation.length !== INVITATION_BYTES) throw new Refused("length");
  checkStart(invitation, INVITATION);
  const sealed = INVITATION.length + NONCE_BYTES;
  const cipher = await invitationCipher(fingerprint, invitation.slice(INVITATION.length, sealed));
  let plaintext;
  try {
    plaintext = cipher.decrypt(invitation.subarray(sealed));
  } catch {
    throw new Refused("authentication");
  }
  const publicKey = plaintext.slice(0, PUBLIC_BYTES);
  if (!same(sha256(publicKey), fingerprint)) throw new Refused("fingerprint");
  try {
    xwing.encapsulate(publicKey, random(64));
  } catch {
    throw new Refused("key");
  }
  return { publicKey, fingerprint, label: labelIn(plaintext.subarray(PUBLIC_BYTES)) };
}

function labelIn(padded) {
  const end = 2 + padded[0] * 256 + padded[1];
  if (end > padded.length || padded.subarray(end).some((byte) => byte !== 0)) throw new Refused("label");
  if (end === 2) return null;
  let text;
  try {
    text = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(padded.subarray(2, end));
  } catch {
    throw new Refused("label");
  }
  if (!isLabel(text)) throw new Refused("label");
  return text;
}

const info = (fingerprint) => concat("ots/answer/v1", fingerprint);

/** Seals bytes as the answer to an invitation. `label` may have `name` and `type`. */
export async function answer(invitation, content, label) {
  const sealed = await envelope.seal(content, label, null);
  return concat(sealKey(invitation, parseKey(sealed.key), sealed.envelope), sealed.envelope);
}

/** How long an answer of so many bytes is. */
export const answerLength = (length, label) => OWN_BYTES + envelope.sealedLength(length, label);

/** What stands before an envelope in an answer: its link key, sealed, and its head bound to it. */
export function sealKey({ publicKey, fingerprint }, linkKey, sealed, seed = random(64)) {
  const aad = concat(ANSWER, sealed.subarray(0, envelope.PREFIX_BYTES));
  const key = hpke.seal(publicKey, seed, info(fingerprint), aad, linkKey);
  return concat(ANSWER, key.encapsulated, key.sealed);
}

/** Opens the first HEAD_BYTES of an answer: gives the link key of its envelope. */
export function openHead({ privateKey, fingerprint }, head) {
  if (head.length < HEAD_BYTES) throw new Refused("too_short");
  checkStart(head, ANSWER);
  const aad = concat(ANSWER, head.subarray(OWN_BYTES, HEAD_BYTES));
  const [encapsulated, sealed] = [head.slice(ANSWER.length, SEALED_KEY), head.slice(SEALED_KEY, OWN_BYTES)];
  try {
    return hpke.open(privateKey, encapsulated, info(fingerprint), aad, sealed);
  } catch {
    throw new Refused("authentication");
  }
}

/** Opens a whole answer with what deriveKeys gave. Gives content, name and type; throws Refused. */
export async function openAnswer(keys, bytes) {
  const linkKey = openHead(keys, bytes);
  try {
    return await envelope.open(await envelope.deriveKeys(linkKey, null), bytes.subarray(OWN_BYTES));
  } catch (error) {
    throw error instanceof Refused ? new Refused(`envelope: ${error.reason}`) : error;
  }
}
