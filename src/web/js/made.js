// The link that was made: given away, drawn as a QR code, watched, and taken back.

import * as api from "./api.js";
import { forget, give, settle } from "./apart.js";
import { awayWords, isGone, isOver, titleOf, UNTOLD, watch, whyOf } from "./fate.js";
import { drawCode } from "./qr.js";
import { element, entitle, note, offerCopy, phrase, show, showTime } from "./ui.js";

let made = null;
let watching = null;

/**
 * Shows the view of what was made: `{ token, receipt, expires, link, receiptLink, key, passphrase }`, the key null if the server can read
 * it, and the receipt and its link if it gave none.
 */
export function present(created) {
  made = created;
  give(created.link, created.key, drawQr);
  note("made-how", phrase(created.key === null ? "madePlain" : "madeEncrypted"));
  element("made-passphrase").hidden = !created.passphrase;
  showTime(element("expires"), created.expires);
  element("receipt-part").hidden = created.receipt === null;
  element("receipt").value = element("open-receipt").href = created.receiptLink ?? "";
  note("status", phrase("unread"));
  show("made");
  watching = watch(() => look(created));
}

/** The code lacks the key when that goes `apart`. */
function drawQr(link, apart) {
  note("qr-caption", phrase(apart ? "qrApart" : "qrCaption"));
  drawCode(link);
}

/** What an older server's token tells: whether it is there. */
async function guess({ token, expires }) {
  try {
    await api.status(token);
    return { state: "unread" };
  } catch (error) {
    if (!isGone(error)) throw error;
    return { state: expires <= new Date() ? "expired" : "gone" };
  }
}

async function look(asked) {
  let told;
  try {
    told = await (asked.receipt === null ? guess(asked) : api.trace(asked.receipt));
  } catch (error) {
    // Burned meanwhile, or another one was shared.
    if (made !== asked) return "over";
    if (!isGone(error)) {
      note("status", awayWords(error));
      return "same";
    }
    told = UNTOLD;
  }
  return made === asked ? tell(told) : "over";
}

/** Says what became of it; only what is unread has a link that is worth something. */
function tell(told) {
  if (told.state === "unread") {
    note("status", phrase("unread"));
    return "same";
  }
  const changed = element("status").textContent !== whyOf(told);
  if (changed) die(told);
  if (isOver(told) || made.receipt === null) return "over";
  return changed ? "changed" : "same";
}

/** Whether there is a link that is worth something: it is shown with all that it is good for. */
function alive(is) {
  for (const part of ["alive", "burn", "check"]) element(part).hidden = !is;
}

/** There is nothing to take back, and no link to give away or to lose. */
function die(told) {
  const hides = document.activeElement?.closest('[data-id="alive"], [data-id="burn"], [data-id="check"]');
  settle();
  alive(false);
  note("made-title", titleOf(told));
  entitle(titleOf(told));
  note("status", whyOf(told));
  if (hides) element("made-title").focus();
}

async function burn() {
  const asked = made;
  try {
    await (asked.receipt === null ? api.destroy(asked.token) : api.destroyBy(asked.receipt));
  } catch (error) {
    // What the server refuses has another state, which is looked at.
    if (error instanceof api.Problem) await watching.now();
    else if (made === asked) note("status", phrase("broken"));
    return;
  }
  if (made !== asked) return;
  watching.stop();
  die({ state: "burned", burned_by: asked.receipt === null ? null : "receipt" });
}

/** Forgets it, and makes the view ready for the next. */
export function clear() {
  watching?.stop();
  made = null;
  forget();
  element("qr-code").replaceChildren();
  element("receipt").value = "";
  element("open-receipt").removeAttribute("href");
  note("made-title", phrase("madeTitle"));
  alive(true);
}

element("check").addEventListener("click", () => watching.now());
element("burn").addEventListener("click", burn);
offerCopy("copy-receipt", "receipt");
