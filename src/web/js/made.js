// The link that was made: given away, drawn as a QR code, watched, and taken back.

import * as api from "./api.js";
import { forget, give, settle } from "./apart.js";
import { qrCode } from "./libraries.js";
import { element, entitle, note, phrase, show, showTime, shown } from "./ui.js";

/** How often the status line asks by itself, in milliseconds. */
const INTERVAL = 10_000;
let made = null;

/** Shows the view of what was made: `{ token, expires, link, key, passphrase }`, the key null if the server can read it. */
export function present(created) {
  made = created;
  give(created.link, created.key, drawQr);
  note("made-how", phrase(created.key === null ? "madePlain" : "madeEncrypted"));
  element("made-passphrase").hidden = !created.passphrase;
  showTime(element("expires"), created.expires);
  note("status", phrase("unread"));
  show("made");
}

/** A QR code as shapes, so that nothing is parsed as markup. It lacks the key when that goes `apart`. */
function drawQr(link, apart) {
  const figure = element("qr");
  figure.hidden = qrCode === null;
  if (qrCode === null) return;
  note("qr-caption", phrase(apart ? "qrApart" : "qrCaption"));
  const { data, size: side } = qrCode(link, { border: 2 });
  const svg = (name, attributes) => {
    const shape = document.createElementNS("http://www.w3.org/2000/svg", name);
    for (const [attribute, value] of Object.entries(attributes)) shape.setAttribute(attribute, value);
    return shape;
  };
  const path = data.flatMap((row, y) => row.map((dark, x) => (dark ? `M${x} ${y}h1v1h-1z` : ""))).join("");
  const image = svg("svg", { viewBox: `0 0 ${side} ${side}`, role: "img", "aria-label": phrase("qrLabel") });
  image.append(svg("rect", { width: side, height: side, fill: "#fff" }), svg("path", { d: path, fill: "#000" }));
  element("qr-code").replaceChildren(image);
}

async function checkStatus() {
  if (made === null || shown() !== "made") return;
  const asked = made;
  let said;
  let gone = false;
  try {
    await api.status(asked.token);
    said = phrase("unread");
  } catch (error) {
    gone = error instanceof api.Problem && error.problem.code === "gone";
    said = phrase(gone ? (asked.expires <= new Date() ? "expired" : "read") : "broken");
  }
  // Burned meanwhile, or another one was shared.
  if (made !== asked) return;
  if (gone) over();
  note("status", said);
}

/** Whether there is a link that is worth something: it is shown with all that it is good for. */
function alive(is) {
  for (const part of ["alive", "burn", "check"]) element(part).hidden = !is;
  note("made-title", phrase(is ? "madeTitle" : "goneTitle"));
}

/** The secret is no more: there is nothing to take back, and no link to give away or to lose. */
function over() {
  const hides = document.activeElement?.closest('[data-id="alive"], [data-id="burn"], [data-id="check"]');
  made = null;
  settle();
  alive(false);
  if (shown() !== "made") return;
  entitle(phrase("goneTitle"));
  if (hides) element("made-title").focus();
}

async function burn() {
  const asked = made;
  try {
    await api.destroy(asked.token);
    if (made !== asked) return;
    over();
    note("status", phrase("burned"));
  } catch (error) {
    if (error instanceof api.Problem) await checkStatus();
    else note("status", phrase("broken"));
  }
}

/** Forgets it, and makes the view ready for the next. */
export function clear() {
  made = null;
  forget();
  element("qr-code").replaceChildren();
  alive(true);
}

element("check").addEventListener("click", checkStatus);
element("burn").addEventListener("click", burn);
setInterval(() => {
  if (!document.hidden) checkStatus();
}, INTERVAL);
