// The share page: text or a file, sealed in the browser unless told otherwise, and the link.

import * as api from "./api.js";
import { createKey, keepKey, pointOutKey } from "./create_key.js";
import { Refused, seal } from "./envelope.js";
import { takeFiles } from "./files.js";
import { offerGenerated } from "./generate.js";
import { clear, present } from "./made.js";
import { refusal, watchForSpace } from "./passphrase.js";
import { words } from "./problem.js";
import { chosenTtl, pointOut } from "./ttl.js";
import { element, localTimes, mark, note, phrase, progress, ready, saying, show, shown, size } from "./ui.js";

const { dataset } = document.querySelector("main");
const form = element("share");
const text = element("text");
const maxSize = Number(dataset.maxSize);
let file = null;

/** What is wrong with what is to be shared, in words that the page has. */
class Wrong extends Error {}

function choose(chosen) {
  file = chosen ?? null;
  element("chosen").hidden = file === null;
  element("file-field").hidden = file !== null;
  element("file-name").textContent = file ? `${file.name} (${size(file.size)})` : "";
  text.disabled = file !== null;
  note("file-hint", file && text.value !== "" ? phrase("textStays") : "");
  note("problem", file && file.size > maxSize ? phrase("tooLarge", size(maxSize)) : "");
  // What had the focus may be gone.
  if (file && [document.body, element("file")].includes(document.activeElement)) element("remove").focus();
}

/** The bytes to share. What is too large is never read. */
async function content() {
  if (file === null) {
    const bytes = new TextEncoder().encode(text.value);
    if (bytes.length === 0) throw new Wrong(phrase("empty"));
    return bytes;
  }
  if (file.size > maxSize) throw new api.Problem({ code: "too_large" });
  let bytes;
  try {
    bytes = new Uint8Array(await file.arrayBuffer());
  } catch {
    throw new Wrong(phrase("unreadable"));
  }
  if (bytes.length === 0) throw new Wrong(phrase("empty"));
  return bytes;
}

async function share(passphrase) {
  const encrypted = element("encrypt").checked;
  const bytes = await content();
  const label = file ? { name: file.name || undefined, type: file.type || undefined } : {};
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
  if (body.length > maxSize) throw new api.Problem({ code: "too_large" });
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

function explain(error) {
  if (error instanceof Wrong) return error.message;
  if (error instanceof api.Broken) return phrase("broken");
  if (error instanceof Refused) return phrase(error.reason === "unsupported" ? "unsupported" : "nameTooLong");
  if (error instanceof api.Problem && error.problem.code === "too_large") {
    const { limit } = error.problem;
    return limit < maxSize ? phrase("keyTooLarge", size(limit)) : phrase("tooLarge", size(maxSize));
  }
  if (error instanceof api.Problem) return words(error.problem);
  return phrase("broken");
}

/** Empties the form, but for a text that wasn't shared because a file was. */
function reset() {
  const unsent = file ? text.value : "";
  form.reset();
  choose(null);
  text.value = unsent;
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
    reset();
    present(created);
  } catch (error) {
    show("compose");
    note("problem", explain(error));
    if (error instanceof api.Problem && error.problem.code === "key_required") pointOutKey();
  }
});
element("remove").addEventListener("click", () => {
  element("file").value = "";
  choose(null);
  text.focus();
});
offerGenerated(text);
watchForSpace(element("passphrase"), element("space"), phrase("passphraseSpace"));
element("another").addEventListener("click", () => {
  clear();
  show("compose");
  text.focus();
});
takeFiles({
  choose,
  refuse: (word) => note("problem", phrase(word)),
  write: (dropped) => {
    if (!text.disabled) text.value += dropped;
  },
  open: () => shown() === "compose",
});
localTimes();
ready();
