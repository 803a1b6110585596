// What both pages do with the document: views, notes, times, the clipboard. Text goes in as text only.

import { locale } from "./locale.js";
import "./toggle.js";

const main = document.querySelector("main");

/** The page's script runs, and listens: what waited for it wakes up, and what said that it hasn't come goes. The last thing that it does. */
export function ready() {
  if (!window.isSecureContext) document.querySelector("[data-insecure]").hidden = false;
  for (const note of document.querySelectorAll("[data-late]")) note.remove();
  for (const button of document.querySelectorAll("button:disabled")) button.disabled = false;
  const host = element("about-host");
  if (host) host.textContent = host.dataset.pattern.replace("{}", location.host);
  document.documentElement.classList.add("js");
}

export const element = (name) => document.querySelector(`[data-id="${name}"]`);

/** Names the page, and after it the server where that has a name. */
export function entitle(words) {
  document.title = words + (document.documentElement.dataset.of ?? "");
}

/** Shows one view and moves the focus to its heading, so that a screen reader says it. */
export function show(view) {
  main.dataset.state = view;
  for (const section of main.querySelectorAll("[data-view]")) section.hidden = section.dataset.view !== view;
  const heading = document.querySelector(`[data-view="${view}"] h1`);
  if (heading) entitle(heading.textContent);
  heading?.focus();
}

export const shown = () => main.dataset.state;

/** A sentence for everybody, screen readers too. */
export function note(name, text) {
  element(name).textContent = text;
}

/** A text of the page's language, from the element that holds it, with a value in its place. */
export function phrase(name, value = "") {
  return main.dataset[name].replace("{}", value);
}

/** Something wrong with a field, beside it, and the field itself marked and ready to be mended; nothing wrong without words. */
export function mark(field, name, words) {
  note(name, words);
  element(field).toggleAttribute("aria-invalid", false);
  if (words === "") return;
  element(field).setAttribute("aria-invalid", "true");
  element(field).focus();
}

/** Says that a passphrase is being stretched, while it is. */
export async function saying(passphrase, work) {
  note("step", passphrase === null ? "" : element("step").dataset.stretching);
  try {
    return await work;
  } finally {
    note("step", "");
  }
}

export function progress(name) {
  const bar = element(name);
  bar.removeAttribute("value");
  return (done, total) => {
    if (total > 0) bar.value = done / total;
  };
}

/** Times in the reader's own zone and words. */
export function localTimes() {
  for (const time of document.querySelectorAll('time:not([datetime=""])')) showTime(time, new Date(time.dateTime));
}

export function showTime(time, date) {
  time.dateTime = date.toISOString();
  const absolute = new Intl.DateTimeFormat(locale, { dateStyle: "medium", timeStyle: "short" }).format(date);
  time.textContent = `${absolute} (${fromNow(date)})`;
}

function fromNow(date) {
  const seconds = Math.round((date - Date.now()) / 1000);
  const minutes = Math.round(seconds / 60);
  const relative = new Intl.RelativeTimeFormat(locale, { numeric: "always" });
  // The nearest: what were two hours a moment ago isn't one.
  for (const [unit, size] of [["day", 1440], ["hour", 60], ["minute", 1]]) {
    if (Math.abs(seconds) >= 60 && Math.abs(minutes) >= size) return relative.format(Math.round(minutes / size), unit);
  }
  return relative.format(seconds, "second");
}

/** Says beneath a row of buttons that nothing was copied; nothing without words. */
function refuse(row, words) {
  let place = row.nextElementSibling;
  if (!place?.matches("[data-uncopied]")) {
    if (words === "") return;
    place = document.createElement("p");
    place.className = "wrong";
    place.dataset.uncopied = "";
    place.setAttribute("role", "alert");
    row.after(place);
  }
  place.textContent = words;
}

/** Copies a text, and says so on the button for a moment; else beneath it, with how it is done `byHand`. */
export async function copy(button, text, byHand = () => "") {
  const row = button.closest(".actions");
  refuse(row, "");
  try {
    await navigator.clipboard.writeText(text);
  } catch {
    // On plain http there is no clipboard; a selection can be copied by hand and by this old way.
    const area = document.createElement("textarea");
    area.value = text;
    area.readOnly = true;
    area.className = "offscreen";
    document.body.append(area);
    area.select();
    const copied = document.execCommand("copy");
    area.remove();
    button.focus();
    if (!copied) {
      refuse(row, `${phrase("copyRefused")} ${byHand()}`.trim());
      return false;
    }
  }
  const before = button.textContent;
  if (before !== button.dataset.done) {
    button.textContent = button.dataset.done;
    setTimeout(() => {
      button.textContent = before;
    }, 2000);
  }
  return true;
}

/** A field that is there to be copied, by its button or by hand; `copied` is called when it was. */
export function offerCopy(button, field, copied = () => {}) {
  element(button).addEventListener("click", async ({ currentTarget }) => {
    if (await copy(currentTarget, element(field).value, () => phrase("copyByHand"))) copied();
    else element(field).focus(); // and selected: to be copied by hand
  });
  element(field).addEventListener("focus", ({ currentTarget }) => currentTarget.select());
  element(field).addEventListener("copy", copied);
}

export function save(content, name, type) {
  const link = document.createElement("a");
  // Always as bytes to be saved: nothing that a sender made is ever opened in this origin.
  link.href = URL.createObjectURL(new Blob([content], { type: type || "application/octet-stream" }));
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 60_000);
}

export function size(bytes) {
  const unit = bytes < 1024 ? ["byte", 1] : bytes < 1024 * 1024 ? ["kilobyte", 1024] : ["megabyte", 1024 * 1024];
  // A byte has no short name that people know, and "5 byte" no plural.
  const unitDisplay = unit[1] === 1 ? "long" : "short";
  const format = { style: "unit", unit: unit[0], unitDisplay, maximumFractionDigits: 1 };
  return new Intl.NumberFormat(locale, format).format(bytes / unit[1]);
}
