// The page of a link: reads the secret once, on a click. Nothing is asked of the server before that.
//
// The claim makes the read this tab's own: it lies in sessionStorage until the secret is acknowledged, so that a reload or a
// broken connection asks again for the same secret. The key is in the address (#…) as long as it may be needed.

import * as api from "./api.js";
import { Refused, deriveKeys, open, parseKey } from "./envelope.js";
import { cleanName } from "./filename.js";
import { watchForSpace } from "./normal.js";
import { copy, element, localTimes, note, phrase, progress, save, show, shown } from "./ui.js";

const { dataset } = document.querySelector("main");
const token = location.pathname.split("/").filter(Boolean).pop();
const storedClaim = `ots-claim-${token}`;
const form = element("read");
let secret = null;
let reading = false;

function key() {
  return parseKey(location.hash.slice(1));
}

/** What to show before anything is read. */
async function start() {
  localTimes();
  if (shown() === "gone" && sessionStorage.getItem(storedClaim)) await resume();
  if (shown() !== "waiting" && shown() !== "incomplete") return;
  if (dataset.encrypted === "true") {
    show(key() ? "waiting" : "incomplete");
  } else if (location.hash.length > 1) {
    note("hint", phrase("notEncrypted"));
  }
}

/** A secret that this tab had claimed before a reload is gone for everybody else: ask for it as its reader. */
async function resume() {
  try {
    const status = await api.status(token, sessionStorage.getItem(storedClaim));
    dataset.encrypted = status.encrypted;
    element("passphrase-field").hidden = !status.passphrase_required;
    show("waiting");
  } catch (error) {
    if (error instanceof api.Broken) return show("broken");
    sessionStorage.removeItem(storedClaim);
  }
}

async function read() {
  if (reading) return;
  reading = true;
  show("busy");
  try {
    const field = element("passphrase");
    const passphrase = element("passphrase-field").hidden ? null : field.value.normalize("NFC");
    const keys = dataset.encrypted === "true" ? await deriveKeys(key(), passphrase) : null;
    const claim = sessionStorage.getItem(storedClaim) ?? api.newClaim();
    sessionStorage.setItem(storedClaim, claim);
    const bytes = await api.reveal(token, claim, keys ? keys.proof : passphrase, progress("received"));
    secret = keys ? await open(keys, bytes) : { content: bytes, name: null, type: null };
    field.value = "";
    present();
  } catch (error) {
    failed(error);
  } finally {
    reading = false;
  }
}

function failed(error) {
  if (error instanceof Refused) {
    return show(error.reason === "unsupported" ? "unsupported" : "damaged");
  }
  if (!(error instanceof api.Problem)) return show("broken");
  const { code, attempts_left: left } = error.problem;
  if (code === "gone" || left === 0) {
    sessionStorage.removeItem(storedClaim);
    return show("gone");
  }
  if (code === "wrong_passphrase" || code === "passphrase_required") {
    show("waiting");
    const asked = !element("passphrase-field").hidden;
    note("wrong", phrase(asked ? "wrongPassphrase" : "wrongKey", left ?? ""));
    element("passphrase").setAttribute("aria-invalid", "true");
    if (asked) element("passphrase").focus();
    return;
  }
  element("detail").textContent = error.problem.detail ?? "";
  show("failed");
}

/** The content as text, or null when it isn't. */
function asText() {
  try {
    const text = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(secret.content);
    return text.includes("\0") ? null : text;
  } catch {
    return null;
  }
}

function present() {
  const text = asText();
  for (const name of ["content", "reveal", "copy"]) element(name).hidden = text === null;
  element("is-file").hidden = text !== null;
  element("save").classList.toggle("primary", text === null);
  element("file").hidden = secret.name === null;
  element("file-name").textContent = cleanName(secret.name);
  element("reveal").onclick = () => {
    const box = element("content");
    box.textContent = text;
    box.dataset.hidden = "false";
    element("reveal").hidden = true;
    box.focus();
    arrived();
  };
  element("copy").onclick = async (event) => {
    if (await copy(event.currentTarget, text)) arrived();
  };
  element("save").onclick = () => {
    save(secret.content, cleanName(secret.name), secret.type);
    arrived();
  };
  show("shown");
}

/** The reader has it: the server destroys it, and the key leaves the address bar and the way back (not the browser's file of history). */
async function arrived() {
  const claim = sessionStorage.getItem(storedClaim);
  if (claim === null) return;
  history.replaceState(null, "", location.pathname + location.search);
  let destroyed = false;
  for (let wait = 200; !destroyed && wait < 2000; wait *= 2) {
    try {
      await api.destroy(token, claim);
      destroyed = true;
    } catch (error) {
      destroyed = error instanceof api.Problem && error.problem.code === "gone";
      await new Promise((resolve) => setTimeout(resolve, wait));
    }
  }
  sessionStorage.removeItem(storedClaim);
  note("fate", phrase(destroyed ? "destroyed" : "destroyedSoon"));
}

form.addEventListener("submit", (event) => {
  event.preventDefault();
  read();
});
watchForSpace(element("passphrase"), element("space"), phrase("passphraseSpace"));
element("again").addEventListener("click", read);
addEventListener("hashchange", start);
start();
