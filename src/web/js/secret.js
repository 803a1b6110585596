// The page of a link: reads the secret once, on a click. Nothing is asked of the server before that.
//
// The key is in the address (#…) as long as it may be needed, or was typed here and is nowhere else.

import * as api from "./api.js";
import { claimOf, handedClaim, linkWith, ownClaim } from "./claims.js";
import { Refused, deriveKeys, open, toBase64url } from "./envelope.js";
import { isMarked, keyIn, tokenIn, wasSent } from "./links.js";
import { refusal, watchForSpace } from "./passphrase.js";
import { words } from "./problem.js";
import { acknowledge, present } from "./received.js";
import { tab } from "./tab.js";
import { element, localTimes, mark, note, phrase, progress, ready, saying, show, showTime, shown } from "./ui.js";

const { dataset } = document.querySelector("main");
const token = location.pathname.split("/").filter(Boolean).pop();
const storedClaim = claimOf(token);
const form = element("read");
let typedKey = null;
let reading = false;
/** What "Try again" does. */
let again = read;

const key = () => keyIn(location.hash.slice(1)) ?? typedKey;
const claimed = () => tab.getItem(storedClaim) !== null;

/** What to show before anything is read. */
async function start() {
  if (shown() === "failed") again = () => location.reload();
  if (shown() === "gone" && claimed()) await resume();
  if (shown() === "waiting" || shown() === "incomplete") prepare();
}

function prepare() {
  const encrypted = dataset.encrypted === "true";
  const saysKey = key() !== null || isMarked(location.href);
  note("hint", wasSent(token) && encrypted ? phrase("keyWasSent") : "");
  form.hidden = false;
  if (encrypted) return key() ? show("waiting") : askForKey();
  // A link that says that it is end to end is never taken for a plain one: a server that lies would get the passphrase.
  form.hidden = saysKey;
  if (saysKey) note("hint", phrase("notEncrypted"));
}

function askForKey() {
  const apart = isMarked(location.href);
  element("incomplete-title").textContent = phrase(apart ? "apartTitle" : "incompleteTitle");
  element("apart-why").hidden = !apart;
  element("incomplete-why").hidden = apart;
  show("incomplete");
}

function takeKey() {
  const typed = element("key").value;
  const other = tokenIn(typed);
  if (other !== null && other !== token.toLowerCase()) return mark("key", "key-wrong", phrase("keyOfAnother"));
  typedKey = keyIn(typed);
  if (typedKey === null) return mark("key", "key-wrong", phrase("keyWrong"));
  element("key").value = "";
  mark("key", "key-wrong", "");
  show("waiting");
}

/** A secret that this tab had claimed before a reload is gone for everybody else: ask for it as its reader. */
async function resume() {
  try {
    const status = await api.status(token, tab.getItem(storedClaim));
    dataset.encrypted = status.encrypted;
    element("passphrase-field").hidden = !status.passphrase_required;
    showTime(element("expires"), new Date(status.expires_at));
    again = read;
    show("waiting");
  } catch (error) {
    if (error instanceof api.Problem) return tab.removeItem(storedClaim);
    again = () => {
      show("gone");
      start();
    };
    show("broken");
  }
}

async function read() {
  if (reading) return;
  const passphrase = element("passphrase-field").hidden ? null : element("passphrase").value.normalize("NFC");
  const wrong = passphrase === null ? null : refusal(passphrase);
  if (wrong !== null) {
    show("waiting");
    return mark("passphrase", "wrong", phrase(wrong));
  }
  reading = true;
  again = read;
  show("busy");
  try {
    const encrypted = dataset.encrypted === "true";
    const keys = encrypted ? await saying(passphrase, deriveKeys(key(), passphrase)) : null;
    const claim = ownClaim(storedClaim);
    const bytes = await api.reveal(token, claim, keys ? keys.proof : passphrase, progress("received"));
    const secret = keys ? await open(keys, bytes) : { content: bytes, name: null, type: null };
    element("passphrase").value = "";
    present(secret, linkWith(key() ? toBase64url(key()) : "", claim), () => acknowledge(token, storedClaim));
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
  if (!(error instanceof api.Problem)) {
    note("broken-detail", error.problem ? words(error.problem) : "");
    return show("broken");
  }
  const { code, attempts_left: left } = error.problem;
  if (code === "gone" || left === 0) {
    tab.removeItem(storedClaim);
    return show(left === 0 ? "burned" : "gone");
  }
  if (code === "wrong_passphrase" || code === "passphrase_required") return refused(left);
  // What the server won't take as it is can be typed anew; what it couldn't do may be asked for again.
  if (error.problem.status < 500) again = () => show("waiting");
  element("detail").textContent = words(error.problem);
  show("failed");
}

/** The passphrase is wrong, or the key: back to where either is asked for. */
function refused(left) {
  if (!element("passphrase-field").hidden) {
    show("waiting");
    return mark("passphrase", "wrong", phrase("wrongPassphrase", left ?? ""));
  }
  if (typedKey !== null) {
    typedKey = null;
    askForKey();
    return mark("key", "key-wrong", phrase("wrongKey", left ?? ""));
  }
  show("waiting");
  note("wrong", phrase("wrongKey", left ?? ""));
}

form.noValidate = true;
form.addEventListener("submit", (event) => {
  event.preventDefault();
  read();
});
element("key-form").addEventListener("submit", (event) => {
  event.preventDefault();
  takeKey();
});
for (const button of document.querySelectorAll("[data-again]")) button.addEventListener("click", () => again());
addEventListener("hashchange", () => {
  typedKey = null;
  note("wrong", "");
  start();
});
watchForSpace(element("passphrase"), element("space"), phrase("passphraseSpace"));
localTimes();
const handed = handedClaim();
if (handed !== null && shown() === "gone") tab.setItem(storedClaim, handed);
start();
ready();
