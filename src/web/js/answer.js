// The page of a request's link: says what is asked for once it is sure that it is asked by the key of the link, and sends an answer that is
// sealed for that key, once.

import * as api from "./api.js";
import { checkLength, clearContent, content, explain, hasContent, takeContent } from "./content.js";
import { Refused } from "./envelope.js";
import { isGone } from "./fate.js";
import { keyIn } from "./links.js";
import { words } from "./problem.js";
import { answer, answerLength, fromBase64, openInvitation, supported } from "./sealed_box.js";
import { tab } from "./tab.js";
import { element, note, phrase, progress, ready, show, shown, showTime, size } from "./ui.js";

const token = location.pathname.split("/").filter(Boolean).pop();
/** Where this tab keeps until when its answer is kept. */
const answered = `ots-answered-${token}`;
/** The invitation, once it has been opened. */
let invitation = null;
/** Whether an answer was sent of which nobody knows whether it arrived. */
let lost = false;

async function start() {
  const fingerprint = keyIn(location.hash.slice(1));
  if (!supported) return show("unsupported");
  if (fingerprint === null) return show("incomplete");
  let asked;
  try {
    asked = await api.invitation(token);
    invitation = await openInvitation(fingerprint, fromBase64(asked.invitation));
  } catch (error) {
    return refuse(error);
  }
  note("wanted", invitation.label ?? phrase("unsaid"));
  note("host", location.host);
  note("largest", size(asked.max_size));
  showTime(element("expires"), new Date(asked.expires_at));
  takeContent(asked.max_size, (limit) => phrase("tooLarge", size(limit)));
  show("compose");
}

/** Nothing can be typed or sent. */
function refuse(error) {
  if (error instanceof Refused) return show(error.reason === "unsupported" ? "unsupported" : "changed");
  if (isGone(error)) return tab.getItem(answered) === null ? show("over") : tellSent();
  note("detail", error.problem ? words(error.problem) : phrase("broken"));
  show("failed");
}

async function send() {
  const { bytes, label } = await content();
  checkLength(answerLength(bytes.length, label));
  const sealed = await answer(invitation, bytes, label);
  const taken = await api.answer(token, sealed, progress("sent"));
  tab.setItem(answered, taken.expires_at);
  clearContent();
  tellSent();
}

function tellSent() {
  showTime(element("kept"), new Date(tab.getItem(answered)));
  show("sent");
}

/** What wasn't taken stays where it was typed; and nothing is called lost that may have arrived. */
async function unsent(error) {
  if (isGone(error)) return lost ? unsure(true) : late();
  const unknown = error instanceof api.Broken || (error instanceof api.Problem && error.problem.status >= 500);
  if (unknown) return makeSure(error);
  show("compose");
  note("problem", explain(error));
  if (!hasContent()) element("text").focus();
}

/** As long as the request is open, no answer has arrived. */
async function makeSure(error) {
  lost = true;
  try {
    await api.invitation(token);
  } catch (failure) {
    return unsure(isGone(failure));
  }
  show("compose");
  note("problem", error instanceof api.Problem ? words(error.problem) : phrase("lost"));
}

function unsure(over) {
  note("unsure-over", over ? phrase("unsureOver") : "");
  element("check").hidden = over;
  show("unsure");
}

/** Somebody else was first. */
function late() {
  note("over-why", phrase("overLate"));
  show("over");
}

element("answer").addEventListener("submit", async (event) => {
  event.preventDefault();
  if (shown() === "busy") return;
  show("busy");
  await send().catch(unsent);
});
element("check").addEventListener("click", () => makeSure());
document.querySelector("[data-again]").addEventListener("click", () => location.reload());
addEventListener("beforeunload", (event) => {
  if (["compose", "busy", "unsure"].includes(shown()) && hasContent()) event.preventDefault();
});
addEventListener("hashchange", () => location.reload());
start();
ready();
