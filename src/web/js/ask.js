// The form that makes a request: its keys are made here, and the server gets none of them.

import * as api from "./api.js";
import { createKey, keepKey, pointOutKey } from "./create_key.js";
import { refusal, watchForSpace } from "./passphrase.js";
import { words } from "./problem.js";
import { deriveKeys, invite, isLabel, newKey, toBase64 } from "./sealed_box.js";
import { chosenTtl, pointOut } from "./ttl.js";
import { element, mark, note, phrase, saying, show, shown } from "./ui.js";

const form = element("ask");

/** What was typed, or null when something is wrong with it, which is said. */
function typed() {
  const label = element("label").value.trim() || null;
  const passphrase = element("passphrase").value.normalize("NFC") || null;
  const wrong = passphrase === null ? null : refusal(passphrase);
  const ttl = chosenTtl();
  mark("label", "label-problem", label === null || isLabel(label) ? "" : phrase("labelWrong"));
  mark("passphrase", "passphrase-problem", wrong ? phrase(wrong) : "");
  note("problem", ttl.wrong ?? "");
  if (ttl.wrong) pointOut();
  const fine = !wrong && !ttl.wrong && element("label-problem").textContent === "";
  return fine ? { label, passphrase, ttl: ttl.seconds } : null;
}

async function make({ label, passphrase, ttl }) {
  const key = newKey();
  const keys = await saying(passphrase, deriveKeys(key, passphrase));
  const request = { invitation: toBase64(await invite(keys, label)), proof: keys.proof, ttl_seconds: ttl };
  const opened = await api.ask(request, createKey());
  keepKey();
  form.reset();
  const named = document.querySelector("main").dataset.named === "true";
  return {
    passphrase: passphrase !== null,
    request: opened.token,
    token: opened.collecting_token,
    key,
    fingerprint: keys.fingerprint,
    link: api.requestLinkTo(opened, named),
    receiptLink: api.receiptLinkTo(opened, named),
  };
}

/** Calls `made` with each request that was. */
export function offerToAsk(made) {
  if (form === null) return; // nobody asks here
  watchForSpace(element("passphrase"), element("space"), phrase("passphraseSpace"));
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    const wanted = shown() === "busy" ? null : typed();
    if (wanted === null) return;
    note("busy-title", phrase("making"));
    element("received").removeAttribute("value");
    show("busy");
    try {
      made(await make(wanted));
    } catch (error) {
      show("compose");
      note("problem", error.problem ? words(error.problem) : phrase("broken"));
      if (error instanceof api.Problem && error.problem.code === "key_required") pointOutKey();
    }
  });
}
