// Passwords and passphrases for whoever has none yet: drawn in this browser as `ots generate` draws them
// (src/secret/generated/), every one as likely as every other.

import { copy, element, note, phrase } from "./ui.js";

/** The letters and digits that nobody takes for each other, and symbols that most forms take and few tools spoil. */
const KINDS = ["ABCDEFGHJKLMNPQRSTUVWXYZ", "abcdefghijkmnopqrstuvwxyz", "23456789"];
const SYMBOLS = "!#%*+-=?@_";

/** One of at most 65,536 items: numbers above the last whole multiple of their count are drawn again. */
export function pick(items) {
  const fair = 65_536 - (65_536 % items.length);
  const drawn = new Uint16Array(1);
  do crypto.getRandomValues(drawn);
  while (drawn[0] >= fair);
  return items[drawn[0] % items.length];
}

/** Draws whole passwords until one has every kind of character, since many a rule wants that. */
export function password(length, symbols) {
  const kinds = symbols ? [...KINDS, SYMBOLS] : KINDS;
  const characters = kinds.join("");
  for (;;) {
    const drawn = Array.from({ length }, () => pick(characters));
    if (kinds.every((kind) => drawn.some((character) => kind.includes(character)))) return drawn.join("");
  }
}

export async function passphrase(number) {
  const words = await list();
  return Array.from({ length: number }, () => pick(words)).join("-");
}

/** EFF's long word list, fetched when it is needed first. */
export async function list() {
  const response = await fetch(new URL("./words.txt", import.meta.url));
  if (!response.ok) throw new Error("the word list is missing");
  const lines = (await response.text()).split("\n");
  return lines.filter((line) => line !== "" && !line.startsWith("#"));
}

/** Puts a new one into the text: in place of the one before or of what is selected, else at the cursor, glued to nothing. */
function put(text, before, drawn) {
  const { value } = text;
  let [start, end] = [text.selectionStart, text.selectionEnd];
  const place = start === end && before !== "" ? value.indexOf(before) : -1;
  if (place >= 0) [start, end] = [place, place + before.length];
  const replaces = start !== end;
  const left = replaces || /(^|\s)$/.test(value.slice(0, start)) ? "" : " ";
  const right = replaces || /^(\s|$)/.test(value.slice(end)) ? "" : " ";
  text.setRangeText(left + drawn + right, start, end);
  text.setSelectionRange(start + left.length, start + left.length + drawn.length);
  text.dispatchEvent(new Event("input", { bubbles: true }));
}

/** A button that draws one and puts it into the text. */
export function offerGenerated(text) {
  const copyButton = element("copy-generated");
  let generated = "";
  element("generate").addEventListener("click", async () => {
    const [kind, number] = element("generate-what").value.split(" ");
    let drawn;
    try {
      drawn = kind === "passphrase" ? await passphrase(Number(number)) : password(Number(number), kind === "symbols");
    } catch {
      note("problem", phrase("broken"));
      return;
    }
    note("problem", "");
    put(text, generated, drawn);
    generated = drawn;
    copyButton.hidden = false;
  });
  copyButton.addEventListener("click", () => copy(copyButton, generated, () => phrase("copyByHand")));
  text.form.addEventListener("reset", () => {
    generated = "";
    copyButton.hidden = true;
  });
}
