// Several receipts on one page, a row for each. They stand after #, which no browser sends: only this script knows them, and asks for each.

import * as api from "./api.js";
import { awayWords, isGone, isOver, titleOf, UNTOLD, watch, whyOf } from "./fate.js";
import { element, note, phrase, ready, show, showTime } from "./ui.js";

/** How many are shown. */
const MOST = 100;
/** What is told of a state besides its name: the time that counts then. */
const TIME = { open: ["expires", "expires_at"], unread: ["expires", "expires_at"], claimed: ["claimed", "claimed_at"] };

const receipts = [...new Set(location.hash.toLowerCase().match(/r-[a-z2-7]{32}(?![a-z0-9])/g) ?? [])];
const rows = receipts.slice(0, MOST).map((receipt, place) => ({ receipt, number: place + 1, told: null, parts: row(receipt) }));

function row(receipt) {
  const make = (name, className) => Object.assign(document.createElement(name), { className });
  const parts = { item: make("li", ""), title: make("strong", ""), why: make("span", "quiet"), open: make("a", "") };
  parts.open.href = new URL(receipt, location.href).href;
  parts.open.textContent = phrase("open");
  parts.title.textContent = "…";
  parts.item.append(parts.title, " ", parts.why, " ", parts.open);
  return parts;
}

function tell({ parts, told }) {
  const [label, name] = TIME[told.state] ?? ["ended", "ended_at"];
  parts.title.textContent = titleOf(told);
  parts.item.dataset.fate = told.state;
  parts.why.replaceChildren(told.state === "untold" ? whyOf(told) : "");
  if (told[name]) {
    const time = document.createElement("time");
    showTime(time, new Date(told[name]));
    parts.why.append(`${phrase(label)} `, time);
  }
  if (told.attempts) parts.why.append(document.createElement("br"), `${phrase("tries")} ${told.attempts}`);
  parts.open.hidden = told.state === "untold";
}

/** Asks for each that can still change, one after the other. */
async function look() {
  let seen = "same";
  let away = "";
  for (const one of rows.filter(({ told }) => told === null || !isOver(told))) {
    const before = one.told;
    try {
      one.told = await api.trace(one.receipt);
    } catch (error) {
      if (!isGone(error)) {
        away = awayWords(error);
        break;
      }
      one.told = UNTOLD;
    }
    tell(one);
    if (before !== null && before.state !== one.told.state) {
      seen = "changed";
      note("news", `${one.number}: ${titleOf(one.told)}`);
    }
  }
  if (element("away").textContent !== away) note("away", away);
  const arrived = rows.filter(({ told }) => told?.state === "delivered").length;
  note("arrived", phrase("arrived", `${arrived} / ${rows.length}`));
  return rows.every(({ told }) => told !== null && isOver(told)) ? "over" : seen;
}

/** Another link of this page, pasted over it: nothing loads it anew by itself. */
addEventListener("hashchange", () => location.reload());
if (rows.length === 0) {
  show("incomplete");
} else {
  element("rows").append(...rows.map(({ parts }) => parts.item));
  if (receipts.length > MOST) note("more", phrase("more", MOST));
  watch(look).now();
}
ready();
