// The share page: text or a file, sealed in the browser unless told otherwise, and the link.

import * as api from "./api.js";
import { checkLength, clearContent, content, explain, takeContent } from "./content.js";
import { createKey, keepKey, pointOutKey } from "./create_key.js";
import { seal } from "./envelope.js";
import { clear, present } from "./made.js";
import { refusal, watchForSpace } from "./passphrase.js";
import { chosenTtl, pointOut } from "./ttl.js";
import { element, localTimes, mark, note, phrase, progress, ready, saying, show, shown, size } from "./ui.js";

const { dataset } = document.querySelector("main");
const form = element("share");
const text = element("text");
const maxSize = Number(dataset.maxSize);

async function share(passphrase) {
  const encrypted = element("encrypt").checked;
  const { bytes, label } = await content();
  const options = { ttl: chosenTtl().seconds, passphrase, encrypted, passphraseRequired: false, key: createKey() };
  let body = bytes;
  let key = null;
  if (encrypted) {
    const sealed = await saying(passphrase, seal(bytes, label, passphrase));
    body = sealed.envelope;
    key = sealed.key;
    options.passphrase = sealed.proof;
    options.passphraseRequired = passphrase !== null;
  }
  checkLength(body.length);
  const created = await store(body, options);
  keepKey();
  const named = dataset.named === "true";
  return {
    token: created.token,
    receipt: created.receipt ?? null,
    expires: new Date(created.expires_at),
    link: api.linkTo(created, named),
    receiptLink: api.receiptLinkTo(created, named),
    key,
    passphrase: passphrase !== null,
  };
}

/** With a receipt; without one where an older server of the same host answers, which refuses what it doesn't know before it stores anything. */
async function store(body, options) {
  try {
    return await api.create(body, { ...options, receipt: true }, progress("sent"));
  } catch (error) {
    const knowsNone = error.problem?.errors?.some(({ pointer }) => pointer === "/query/receipt");
    if (!knowsNone) throw error;
    return api.create(body, options, progress("sent"));
  }
}

form.addEventListener("submit", async (event) => {
  event.preventDefault();
  if (shown() === "busy") return;
  const passphrase = element("passphrase").value.normalize("NFC") || null;
  const wrong = passphrase === null ? null : refusal(passphrase);
  mark("passphrase", "passphrase-problem", wrong ? phrase(wrong) : "");
  const ttl = chosenTtl();
  note("problem", ttl.wrong ?? "");
  if (wrong) return;
  if (ttl.wrong) return pointOut();
  show("busy");
  try {
    const created = await share(passphrase);
    clearContent();
    present(created);
  } catch (error) {
    show("compose");
    note("problem", explain(error));
    if (error instanceof api.Problem && error.problem.code === "key_required") pointOutKey();
  }
});
takeContent(maxSize, (limit) => (limit < maxSize ? phrase("keyTooLarge", size(limit)) : phrase("tooLarge", size(maxSize))));
watchForSpace(element("passphrase"), element("space"), phrase("passphraseSpace"));
element("another").addEventListener("click", () => {
  clear();
  show("compose");
  text.focus();
});
localTimes();
ready();
