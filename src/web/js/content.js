// What is to be sent: a text, typed or generated, or a file. Nothing is read before it is sent, and what is too large never.

import * as api from "./api.js";
import { Refused } from "./envelope.js";
import { takeFiles } from "./files.js";
import { offerGenerated } from "./generate.js";
import { words } from "./problem.js";
import { element, note, phrase, shown, size } from "./ui.js";

const text = element("text");
let file = null;
/** How many bytes may be sent, and what is said of more, by the limit that was met. */
let most = 0;
let tooLarge = () => "";

/** What is wrong with what is to be sent, in words that the page has. */
class Wrong extends Error {}

function choose(chosen) {
  file = chosen ?? null;
  element("chosen").hidden = file === null;
  element("file-field").hidden = file !== null;
  element("file-name").textContent = file ? `${file.name} (${size(file.size)})` : "";
  text.disabled = file !== null;
  note("file-hint", file && text.value !== "" ? phrase("textStays") : "");
  note("problem", file && file.size > most ? tooLarge(most) : "");
  // What had the focus may be gone.
  if (file && [document.body, element("file")].includes(document.activeElement)) element("remove").focus();
}

/** Listens for a text or a file of at most so many bytes; `say(limit)` says that it is more. */
export function takeContent(limit, say) {
  most = limit;
  tooLarge = say;
}

async function read() {
  if (file.size > most) throw new api.Problem({ code: "too_large" });
  try {
    return new Uint8Array(await file.arrayBuffer());
  } catch {
    throw new Wrong(phrase("unreadable"));
  }
}

/** The bytes to send, and their file's name and type. */
export async function content() {
  const bytes = file === null ? new TextEncoder().encode(text.value) : await read();
  if (bytes.length === 0) throw new Wrong(phrase("empty"));
  return { bytes, label: file ? { name: file.name || undefined, type: file.type || undefined } : {} };
}

/** Whether something was typed or chosen. */
export const hasContent = () => file !== null || text.value !== "";

/** Refuses what would be sent as so many bytes, if that is too much. */
export function checkLength(length) {
  if (length > most) throw new api.Problem({ code: "too_large" });
}

/** Why it wasn't sent, in words. */
export function explain(error) {
  if (error instanceof Wrong) return error.message;
  if (error instanceof Refused) return phrase(error.reason === "unsupported" ? "unsupported" : "nameTooLong");
  if (!(error instanceof api.Problem)) return phrase("broken");
  return error.problem.code === "too_large" ? tooLarge(error.problem.limit ?? most) : words(error.problem);
}

/** Empties it, but for a text that wasn't sent because a file was. */
export function clearContent() {
  const unsent = file ? text.value : "";
  text.form.reset();
  choose(null);
  text.value = unsent;
}

element("remove").addEventListener("click", () => {
  element("file").value = "";
  choose(null);
  text.focus();
});
offerGenerated(text);
takeFiles({
  choose,
  refuse: (word) => note("problem", phrase(word)),
  write: (dropped) => {
    if (!text.disabled) text.value += dropped;
  },
  open: () => shown() === "compose",
});
