// The link that was made, whole, or in two parts that go two ways: the link with the mark of a key (# and nothing after it), and the key.
// Leaving the page before they were copied would lose them: the browser asks.

import { element, offerCopy, shown } from "./ui.js";

let parts = null;
/** The fields whose content nobody has yet. */
const uncopied = new Set();
let drawn = () => {};

/** Shows a link and its key (null without one); `draw(link, apart)` is called with what the link's field holds. */
export function give(link, key, draw) {
  parts = { link, key };
  drawn = draw;
  element("apart").checked = false;
  element("apart-choice").hidden = key === null;
  arrange();
}

/** Nothing is left to be lost: it was burned, read, or another one is wanted. */
export function settle() {
  uncopied.clear();
}

/** Forgets the link. */
export function forget() {
  parts = null;
  settle();
  element("link").value = element("key").value = "";
}

function arrange() {
  if (parts === null) return;
  const { link, key } = parts;
  const apart = element("apart").checked;
  element("apart-key").hidden = !apart;
  element("link").value = key === null ? link : `${link}#${apart ? "" : key}`;
  element("key").value = apart ? key : "";
  uncopied.clear();
  uncopied.add("link");
  if (apart) uncopied.add("key");
  drawn(element("link").value, apart);
}

element("apart").addEventListener("change", arrange);
for (const [button, field] of [["copy", "link"], ["copy-key", "key"]]) offerCopy(button, field, () => uncopied.delete(field));
addEventListener("beforeunload", (event) => {
  if (shown() === "made" && uncopied.size > 0) event.preventDefault();
});
