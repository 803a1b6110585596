// A passphrase as src/secret/passphrase.rs takes it: in Unicode's normal form C, so that it is the same from every keyboard, and
// otherwise as it was typed.

const MAX_BYTES = 1024;

/** The passphrase in NFC, or null for what can't be one: empty, over 1,024 bytes, or half a character in it. */
export function normalPassphrase(text) {
  const normal = text.normalize("NFC");
  const length = new TextEncoder().encode(normal).length;
  return length >= 1 && length <= MAX_BYTES && !/\p{Surrogate}/u.test(normal) ? normal : null;
}

/** Says beside a field when white space begins or ends what is in it: it counts, and nobody sees it. */
export function watchForSpace(field, place, words) {
  const look = () => {
    place.textContent = /^\p{White_Space}|\p{White_Space}$/u.test(field.value) ? words : "";
  };
  field.addEventListener("input", look);
  // What a form holds once it is reset is known only after the event.
  field.form.addEventListener("reset", () => queueMicrotask(look));
}
