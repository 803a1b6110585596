// A secret that has arrived: shown, copied or saved, and acknowledged once its reader has it. A file that was saved may have come to
// nothing (a browser inside an app): so it is asked for, and without an answer the lease ends it.

import * as api from "./api.js";
import { cleanName } from "./filename.js";
import { forgetSent } from "./links.js";
import { tab } from "./tab.js";
import { copy, element, note, phrase, save, show, shown } from "./ui.js";

/** Browsers inside apps, as they call themselves. */
const IN_APP = /FBAN|FBAV|Instagram|MicroMessenger|Snapchat|\bLine\/|; wv\)/;
/** Bytes that a clipboard takes, as Base64, without a page that stands still. */
const COPIED = 1 << 20;

/** The content as text, or null when it isn't. */
function asText(content) {
  try {
    const text = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(content);
    return text.includes("\0") ? null : text;
  } catch {
    return null;
  }
}

function base64(content) {
  let binary = "";
  for (const byte of content) binary += String.fromCharCode(byte);
  return btoa(binary);
}

/** Whether a secret is here that nobody has yet: it goes with the page. */
let unkept = false;

/** In milliseconds, how long the server keeps for its reader what isn't acknowledged. */
const LEASE = Number(document.querySelector("main").dataset.lease) * 1000;

/** Shows the view of a secret; `arrived` is called when its reader has it, and `link` opens it in another browser while it is kept. */
export function present(secret, link, arrived) {
  const text = asText(secret.content);
  const name = cleanName(secret.name);
  const { saving, settled } = offerFile(secret, name, text);
  const has = () => {
    clearTimeout(alone);
    settled();
    arrived();
  };
  // Nobody has to destroy it then, and no other browser can get it; the other ways of taking a file from here stay.
  const alone = setTimeout(() => {
    for (const part of ["arrived", "elsewhere", "elsewhere-hint"]) element(part).hidden = true;
    note("fate", phrase("onlyCopy"));
  }, LEASE);
  for (const part of ["content", "reveal", "copy"]) element(part).hidden = text === null;
  element("is-file").hidden = text !== null;
  element("save").classList.toggle("primary", text === null);
  element("file").hidden = secret.name === null;
  element("file-name").textContent = name;
  note("fate", phrase(text === null ? "fileNotYetDestroyed" : "notYetDestroyed"));
  element("reveal").onclick = () => {
    const box = element("content");
    box.textContent = text;
    box.dataset.hidden = "false";
    element("reveal").hidden = true;
    box.focus();
    has();
  };
  element("copy").onclick = async ({ currentTarget }) => {
    const byHand = () => phrase(element("reveal").hidden ? "copyByHand" : "copyShowFirst");
    if (await copy(currentTarget, text, byHand)) has();
  };
  element("save").onclick = element("save-again").onclick = saving;
  element("arrived").onclick = () => {
    has();
    element("fate").closest("section").querySelector("h1").focus();
  };
  element("copy-base64").onclick = async ({ currentTarget }) => {
    if (await copy(currentTarget, base64(secret.content))) has();
  };
  element("elsewhere").onclick = (event) => copy(event.currentTarget, link);
  unkept = true;
  show("shown");
}

/** Saving, which asks whether the file arrived; once that is settled there is nothing to ask, and nothing left to hand on. */
function offerFile({ content, type }, name, text) {
  const asked = element("asked");
  const file = new File([content], name, { type: type || "application/octet-stream" });
  let known = false;
  element("copy-base64").hidden = text !== null || content.length > COPIED;
  element("send").hidden = !navigator.canShare?.({ files: [file] });
  element("send").onclick = () => navigator.share({ files: [file] }).catch(() => {});
  return {
    saving() {
      save(content, name, type);
      note("saved", known ? phrase("lookDownloads") : "");
      if (known) return;
      element("save").hidden = true;
      asked.hidden = false;
      element("asked-title").focus();
    },
    settled() {
      known = true;
      asked.hidden = true;
      element("save").hidden = false;
    },
  };
}

/** The server destroys the secret, and the key leaves the address bar. Says what became of it. */
export async function acknowledge(token, storedClaim) {
  const claim = tab.getItem(storedClaim);
  if (claim === null) return;
  history.replaceState(null, "", location.pathname + location.search);
  let destroyed = false;
  for (let wait = 200; !destroyed && wait < 2000; wait *= 2) {
    try {
      await api.destroy(token, claim);
      destroyed = true;
    } catch (error) {
      destroyed = error instanceof api.Problem && error.problem.code === "gone";
      if (!destroyed) await new Promise((resolve) => setTimeout(resolve, wait));
    }
  }
  unkept = false;
  tab.removeItem(storedClaim);
  forgetSent(token);
  note("fate", phrase(destroyed ? "destroyed" : "destroyedSoon"));
}

addEventListener("beforeunload", (event) => {
  if (unkept && shown() === "shown") event.preventDefault();
});
element("in-app").hidden = !IN_APP.test(navigator.userAgent);
