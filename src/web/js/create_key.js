// The key that the server wants of whoever shares, where it wants one: kept in this tab, and sent with what is shared only.

import { tab } from "./tab.js";
import { element } from "./ui.js";

const STORED = "ots-create-key";
const form = element("key-form");
const field = element("create-key");

/** The key, or null where none is wanted. What was typed counts, whether or not it was confirmed. */
export const createKey = () => (field ? field.value.trim() || null : null);

/** A refused key is pointed out, where it was typed, and no longer kept. */
export function pointOutKey() {
  if (!field) return;
  tab.removeItem(STORED);
  element("create-key-kept").textContent = "";
  field.setAttribute("aria-invalid", "true");
  field.focus();
}

/** A key that was taken is this tab's until it is closed. */
export function keepKey() {
  const key = createKey();
  if (key === null) return;
  tab.setItem(STORED, key);
  field.removeAttribute("aria-invalid");
  element("create-key-kept").textContent = form.dataset.kept;
}

if (field) {
  field.value = tab.getItem(STORED) ?? "";
  if (field.value !== "") element("create-key-kept").textContent = form.dataset.kept;
  // A form of its own, so that a password manager offers what it has, and to keep what is new.
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    keepKey();
    if (createKey() === null) field.focus();
    else (element("text") ?? element("label")).focus();
  });
}
