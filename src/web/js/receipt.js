// A receipt's page: kept up to date, and its button.

import * as api from "./api.js";
import { awayWords, isGone, isOver, titleOf, watch, whyOf } from "./fate.js";
import { words } from "./problem.js";
import { element, entitle, localTimes, note, phrase, ready, show, shown, showTime } from "./ui.js";

const TIMES = ["created_at", "expires_at", "claimed_at", "claim_expires_at", "ended_at"];
const receipt = location.pathname.split("/").pop();
const burn = element("burn");
let last = null;

/** Only what is new, so that only that is said aloud. */
function put(name, text) {
  if (element(name).textContent !== text) note(name, text);
}

function tell(told) {
  const unread = told.state === "unread";
  // When it expires matters as long as it can.
  const expires = unread || told.state === "open";
  const times = { ...told, expires_at: expires ? told.expires_at : undefined };
  put("title", titleOf(told));
  put("why", whyOf(told));
  entitle(titleOf(told));
  for (const name of TIMES) {
    element(name).closest("div").hidden = !times[name];
    if (times[name]) showTime(element(name), new Date(times[name]));
  }
  note("tries", told.attempts);
  element("tries").closest("div").hidden = !told.attempts;
  const hides = !unread && burn.contains(document.activeElement);
  burn.hidden = !unread;
  if (hides) element("title").focus();
}

async function look() {
  let told;
  try {
    told = await api.trace(receipt);
  } catch (error) {
    if (isGone(error)) {
      show("untold");
      return "over";
    }
    put("away", awayWords(error));
    return "same";
  }
  put("away", "");
  tell(told);
  const changed = last !== null && last !== told.state;
  last = told.state;
  if (isOver(told)) return "over";
  return changed ? "changed" : "same";
}

localTimes();
if (shown() === "told" && document.querySelector("main").dataset.over === "false") {
  const watching = watch(look);
  burn.addEventListener("submit", async (event) => {
    event.preventDefault();
    note("late", "");
    try {
      await api.destroyBy(receipt);
    } catch (error) {
      note("late", error.problem ? words(error.problem) : phrase("broken"));
    }
    await watching.now();
  });
}
ready();
