// A request as its maker has it: open, answered, or at its end. Its answer is read once, on a click, as any secret is.

import * as api from "./api.js";
import { claimOf, linkWith, ownClaim } from "./claims.js";
import { collectingFragment, receiptOf } from "./collecting.js";
import { Refused, toBase64url } from "./envelope.js";
import { awayWords, isGone, isOver, titleOf, watch, whyOf } from "./fate.js";
import { refusal, watchForSpace } from "./passphrase.js";
import { words } from "./problem.js";
import { drawCode } from "./qr.js";
import { acknowledge, present } from "./received.js";
import { fromBase64, keysOf, openAnswer, openInvitation } from "./sealed_box.js";
import { tab } from "./tab.js";
import { element, entitle, mark, note, offerCopy, phrase, progress, saying, show, shown, showTime } from "./ui.js";

let held = null;
let watching = null;
/** Whether nobody has the link yet that collects: it was made here, and not copied. */
let unkept = false;
let reading = false;
/** What "Try again" does. */
let again = read;

const fragment = () => collectingFragment(held);
const unlessGone = (asked) => asked.catch((error) => (isGone(error) ? null : Promise.reject(error)));

/** What became of it. An answer comes in its request's place: there is no moment without both. */
async function find() {
  const open = await unlessGone(api.invitation(held.request));
  if (open) return { ...open, state: "open" };
  const answer = await unlessGone(answerStatus());
  if (answer) return { ...answer, state: "answered" };
  return (await unlessGone(api.trace(receiptOf(held.token)))) ?? { state: "gone" };
}

/** Also of an answer that this tab has claimed, or a browser that handed its claim on. */
async function answerStatus() {
  const stored = claimOf(held.token);
  try {
    return await api.status(held.token, tab.getItem(stored));
  } catch (error) {
    if (!isGone(error) || held.handed === null) throw error;
    const status = await api.status(held.token, held.handed);
    tab.setItem(stored, held.handed);
    return status;
  }
}

async function look() {
  const asked = held;
  let told;
  try {
    told = await find();
  } catch (error) {
    for (const place of ["away", "status"]) note(place, awayWords(error));
    return "same";
  }
  if (asked !== held) return "over";
  note("away", "");
  if (told.state === "open") return tellOpen(told);
  unkept = false;
  if (told.state === "answered") return tellAnswered(told);
  if (told.state === "gone") show("gone");
  else end(told);
  return isOver(told) ? "over" : "same";
}

async function tellOpen({ invitation, expires_at: until }) {
  if (element("status").textContent !== whyOf({ state: "open" })) note("status", whyOf({ state: "open" }));
  if (shown() === "open") return "same";
  let label = null;
  try {
    ({ label } = await openInvitation(held.fingerprint, fromBase64(invitation)));
  } catch {
    note("open-changed", phrase("openChanged"));
  }
  held.label = label;
  showTime(element("open-until"), new Date(until));
  element("link").value = `${held.link}#${toBase64url(held.fingerprint)}`;
  element("collecting").value = `${location.origin}${location.pathname}#${fragment()}`;
  element("open-receipt").href = held.receiptLink ?? api.receiptLinkTo({ receipt: receiptOf(held.token) }, false);
  drawCode(element("link").value);
  show("open");
  tellLabel("wanted");
  return "same";
}

function tellAnswered({ expires_at: until }) {
  showTime(element("expires"), new Date(until));
  element("own-field").hidden = !held.passphrase;
  show("answered");
  tellLabel("answered-wanted");
  return "over";
}

/** What was asked for, where that is known: in the tab's name too, which tells several apart. */
function tellLabel(place) {
  const label = held.label ?? null;
  element(`${place}-part`).hidden = label === null;
  note(place, label ?? "");
  if (label !== null) entitle(`${label} – ${element(`${place}-part`).closest("section").querySelector("h1").textContent}`);
}

/** There is nothing to collect, and why. */
function end(told) {
  const changed = element("ended-title").textContent !== titleOf(told);
  note("ended-title", titleOf(told));
  note("ended-why", whyOf(told));
  element("ended-leak").hidden = !["claimed", "delivered", "unconfirmed"].includes(told.state);
  entitle(titleOf(told));
  if (changed || shown() !== "ended") show("ended");
}

async function withdraw() {
  try {
    await api.withdraw(held.request, held.token);
  } catch (error) {
    // Answered meanwhile, or at its end.
    if (isGone(error)) await watching.now();
    else note("status", error.problem ? words(error.problem) : phrase("broken"));
    return;
  }
  watching.stop();
  unkept = false;
  // It collects nothing any more.
  history.replaceState(null, "", location.pathname + location.search);
  end({ state: "withdrawn" });
}

async function read() {
  if (reading) return;
  const passphrase = held.passphrase ? element("own").value.normalize("NFC") : null;
  const wrong = passphrase === null ? null : refusal(passphrase);
  show("answered");
  mark("own", "wrong", wrong ? phrase(wrong) : "");
  if (wrong) return;
  reading = true;
  again = read;
  note("busy-title", phrase("fetching"));
  show("busy");
  try {
    const keys = await saying(passphrase, keysOf(held, passphrase));
    const stored = claimOf(held.token);
    const claim = ownClaim(stored);
    const secret = await openAnswer(keys, await api.reveal(held.token, claim, keys.proof, progress("received")));
    element("own").value = "";
    present(secret, linkWith(fragment(), claim), () => acknowledge(held.token, stored));
  } catch (error) {
    failed(error);
  } finally {
    reading = false;
  }
}

function failed(error) {
  // Found out before anything was sent.
  if (error instanceof Refused && error.reason === "fingerprint") {
    if (!held.passphrase) return show("incomplete");
    show("answered");
    return mark("own", "wrong", phrase("wrong"));
  }
  if (error instanceof Refused) return show(error.reason === "unsupported" ? "unsupported" : "damaged");
  if (!(error instanceof api.Problem)) {
    note("broken-detail", error.problem ? words(error.problem) : "");
    return show("broken");
  }
  if (isGone(error)) {
    tab.removeItem(claimOf(held.token));
    return show("gone");
  }
  // The server refuses what is right: it has another answer there, or lies.
  if (error.problem.code === "wrong_passphrase") return show("damaged");
  note("detail", words(error.problem));
  show("failed");
}

/**
 * Shows a request: what parseCollecting gives, its `link`, a claim that was `handed` on, or null; if it was made here its receipt's link.
 */
export async function collect(request) {
  held = request;
  unkept = Boolean(held.receiptLink);
  show("opening");
  // Without a passphrase it is known at once whether the link is whole.
  if (!held.passphrase) {
    try {
      await keysOf(held, null);
    } catch (error) {
      return show(error.reason === "fingerprint" ? "incomplete" : "unsupported");
    }
  }
  watching = watch(look);
  await watching.now();
}

element("read").addEventListener("submit", (event) => {
  event.preventDefault();
  read();
});
offerCopy("copy-given", "link");
offerCopy("copy-collecting", "collecting", () => (unkept = false));
element("check").addEventListener("click", () => watching.now());
element("withdraw").addEventListener("click", withdraw);
for (const button of document.querySelectorAll("[data-again]")) button.addEventListener("click", () => again());
watchForSpace(element("own"), element("own-space"), phrase("passphraseSpace"));
addEventListener("beforeunload", (event) => {
  if (unkept && shown() === "open") event.preventDefault();
});
