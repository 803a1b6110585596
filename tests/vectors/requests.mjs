// Checks the page's scripts against the vectors of requests and answers, in Node: requests.mjs ASSETS [without-webcrypto]. Prints what differs, and
// how much was checked, as JSON; `seal` in place of the second prints what this implementation makes.

import { readFileSync } from "node:fs";
import { join } from "node:path";
import { pathToFileURL } from "node:url";

const [assets, mode] = process.argv.slice(2);
if (mode === "without-webcrypto") {
  const { getRandomValues } = crypto;
  Object.defineProperty(globalThis, "crypto", { value: { getRandomValues: getRandomValues.bind(crypto) } });
}
// The page's, which there is no worker without.
globalThis.requestAnimationFrame = (painted) => setTimeout(painted);

const load = (name) => import(pathToFileURL(join(assets, name)));
const box = await load("sealed_box.js");
const { deriveKeys, parseKey, seal, toBase64url } = await load("envelope.js");
const { collectingFragment, parseCollecting, receiptOf } = await load("collecting.js");
const read = (name) => JSON.parse(readFileSync(new URL(name, import.meta.url)));
const bytes = (text) => Uint8Array.from(Buffer.from(text, "base64"));
const hex = (text) => Uint8Array.from(Buffer.from(text, "hex"));
const text = (octets) => Buffer.from(octets).toString("base64");
const OWN_BYTES = 1173;

const wrong = [];
let count = 0;
const expect = (about, found, wanted) => {
  if (JSON.stringify(found) !== JSON.stringify(wanted)) wrong.push(`${about}: ${JSON.stringify(found)?.slice(0, 200)}`);
};

async function good(vector) {
  const keys = await box.deriveKeys(parseKey(vector.key), vector.passphrase);
  expect(`${vector.about}: keys`, [toBase64url(keys.fingerprint), keys.proof], [vector.fingerprint, vector.proof]);
  const invitation = await box.openInvitation(keys.fingerprint, bytes(vector.invitation));
  expect(`${vector.about}: label`, invitation.label, vector.label);
  const answer = bytes(vector.answer);
  const { content, name, type } = await box.openAnswer(keys, answer);
  expect(`${vector.about}: answer`, [text(content), name, type], [vector.content, vector.name, vector.type]);
  // Byte for byte what the others make.
  expect(`${vector.about}: inviting`, text(await box.invite(keys, vector.label, hex(vector.nonce))), vector.invitation);
  const sealed = box.sealKey(invitation, parseKey(vector.link_key), answer.subarray(OWN_BYTES), hex(vector.encapsulation));
  expect(`${vector.about}: sealing`, text(sealed), text(answer.subarray(0, OWN_BYTES)));
}

async function refused(vector) {
  let reason = "opened";
  try {
    if (vector.answer === undefined) await box.openInvitation(parseKey(vector.fingerprint), bytes(vector.invitation));
    else await box.openAnswer(await box.deriveKeys(parseKey(vector.key), vector.passphrase), bytes(vector.answer));
  } catch (error) {
    reason = error.reason ?? String(error);
  }
  expect(vector.about, reason, vector.error);
}

/** The vectors of X-Wing's and HPKE's own drafts. */
function published({ xwing: ofXwing, hpke: ofHpke }) {
  const { xwing, hpke } = box;
  for (const { seed, eseed, pk, ct, ss } of ofXwing.vectors) {
    expect(`X-Wing ${seed}: public key`, Buffer.from(xwing.keygen(hex(seed)).publicKey).toString("hex"), pk);
    const { cipherText, sharedSecret } = xwing.encapsulate(hex(pk), hex(eseed));
    const secrets = [cipherText, sharedSecret, xwing.decapsulate(hex(ct), hex(seed))];
    expect(`X-Wing ${seed}`, secrets.map((secret) => Buffer.from(secret).toString("hex")), [ct, ss, ss]);
  }
  for (const { skRm, enc, info, aad, ct, pt } of ofHpke.vectors) {
    const plaintext = hpke.open(hex(skRm), hex(enc), hex(info), hex(aad), hex(ct));
    expect("HPKE", Buffer.from(plaintext).toString("hex"), pt);
  }
  return ofXwing.vectors.length + ofHpke.vectors.length;
}

/** Requests and answers that the page's scripts make. */
async function made(size, passphrase, label, name) {
  const key = box.newKey();
  const keys = await box.deriveKeys(key, passphrase);
  const invitation = await box.invite(keys, label);
  const content = crypto.getRandomValues(new Uint8Array(size));
  const answer = await box.answer(await box.openInvitation(keys.fingerprint, invitation), content, { name: name ?? undefined });
  return {
    about: `${size} bytes from JavaScript`,
    key: toBase64url(key),
    passphrase,
    fingerprint: toBase64url(keys.fingerprint),
    proof: keys.proof,
    label,
    invitation: text(invitation),
    name,
    type: null,
    content: text(content),
    answer: text(answer),
  };
}

/** Milliseconds, of many times the middle one. */
async function time(work) {
  const times = [];
  for (let round = 0; round < 40; round += 1) {
    const start = performance.now();
    await work();
    times.push(performance.now() - start);
  }
  return Number(times.sort((one, other) => one - other)[20].toFixed(2));
}

async function times() {
  const key = box.newKey();
  const keys = await box.deriveKeys(key, null);
  const bytes = await box.invite(keys, "the key");
  const invitation = await box.openInvitation(keys.fingerprint, bytes);
  const answer = await box.answer(invitation, new Uint8Array(20), {});
  return {
    keys: await time(() => box.deriveKeys(key, null)),
    open_invitation: await time(() => box.openInvitation(keys.fingerprint, bytes)),
    answer: await time(() => box.answer(invitation, new Uint8Array(20), {})),
    open_answer: await time(() => box.openAnswer(keys, answer)),
  };
}

if (!box.supported) {
  console.log(JSON.stringify({ supported: false, reason: await box.deriveKeys(box.newKey(), null).catch(({ reason }) => reason) }));
} else if (mode === "seal") {
  const all = [];
  for (const size of [0, 1, 300, 60_000]) all.push(await made(size, null, size === 1 ? "the \"key\" 密码" : null, size === 300 ? "Schlüssel 🗝" : null));
  all.push(await made(10, "πρόσβαση", "?", null));
  console.log(JSON.stringify(all));
} else {
  for (const vector of read("requests.json")) await good(vector).catch((error) => wrong.push(`${vector.about}: ${error.stack}`));
  for (const vector of read("requests_refused.json")) await refused(vector);
  const collecting = read("collecting.json");
  for (const { fragment, receipt, ...parts } of collecting.good) {
    const found = parseCollecting(fragment);
    const shown = found && { ...found, key: toBase64url(found.key), fingerprint: toBase64url(found.fingerprint) };
    expect(fragment, shown && Object.entries(shown).sort(), Object.entries(parts).sort());
    if (found) expect(`${fragment}: receipt`, receiptOf(found.token), receipt);
    if (found) expect(`${fragment} again`, collectingFragment(found), fragment.toLowerCase().slice(0, 68) + fragment.slice(68));
  }
  for (const fragment of collecting.refused) expect(fragment, parseCollecting(fragment), null);
  for (const label of ["", "a\n", "a\u202eb", "\ud800", "a".repeat(511)]) expect(`label ${JSON.stringify(label)}`, box.isLabel(label), false);
  const keys = await box.deriveKeys(parseKey("A".repeat(43)), null);
  const mistaken = await box.keysOf({ key: box.newKey(), fingerprint: keys.fingerprint }, null).catch(({ reason }) => reason);
  expect("another key", mistaken, "fingerprint");
  count = published(read("published.json"));
  count += read("requests.json").length + read("requests_refused.json").length + collecting.good.length + collecting.refused.length;
  // An envelope's keys are an envelope's: the two derivations share nothing.
  const sealed = await seal(new Uint8Array(1), {}, null);
  const same = (await deriveKeys(parseKey(sealed.key), null)).proof === (await box.deriveKeys(parseKey(sealed.key), null)).proof;
  expect("proofs", same, false);
  console.log(JSON.stringify({ supported: true, wrong, count, times: await times() }));
}
