// The share page: text or a file, sealed in the browser unless told otherwise, and the link.

import * as api from "./api.js";
import { Refused, seal } from "./envelope.js";
import { qrCode } from "./libraries.js";
import { watchForSpace } from "./normal.js";
import { copy, element, note, phrase, progress, show, showTime, shown, size } from "./ui.js";

const { dataset } = document.querySelector("main");
const form = element("share");
const text = element("text");
const maxSize = Number(dataset.maxSize);
/** How often the status line asks by itself, in milliseconds. */
const INTERVAL = 10_000;
let file = null;
let made = null;

function choose(chosen) {
  file = chosen ?? null;
  element("chosen").hidden = file === null;
  element("file-name").textContent = file ? `${file.name} (${size(file.size)})` : "";
  text.disabled = file !== null;
  text.required = file === null;
  note("problem", file && file.size > maxSize ? phrase("tooLarge", size(maxSize)) : "");
}

async function share() {
  const encrypted = element("encrypt").checked;
  const passphrase = element("passphrase").value.normalize("NFC") || null;
  const content = file ? new Uint8Array(await file.arrayBuffer()) : new TextEncoder().encode(text.value);
  const label = file ? { name: file.name || undefined, type: file.type || undefined } : {};
  const options = { ttl: element("ttl").value, passphrase, encrypted, passphraseRequired: false };
  let body = content;
  let key = null;
  if (encrypted) {
    const sealed = await seal(content, label, passphrase);
    body = sealed.envelope;
    key = sealed.key;
    options.passphrase = sealed.proof;
    options.passphraseRequired = passphrase !== null;
  }
  if (body.length > maxSize) throw new api.Problem({ code: "too_large" });
  const created = await api.create(body, options, progress("sent"));
  const link = api.linkTo(created);
  return { token: created.token, expires: new Date(created.expires_at), link: key ? `${link}#${key}` : link };
}

function explain(error) {
  if (error instanceof api.Broken) return phrase("broken");
  if (error instanceof Refused) return phrase(error.reason === "unsupported" ? "unsupported" : "nameTooLong");
  if (error instanceof api.Problem && error.problem.code === "too_large") return phrase("tooLarge", size(maxSize));
  if (error instanceof api.Problem && error.problem.detail) return error.problem.detail;
  return phrase("broken");
}

function present(created) {
  made = created;
  const link = element("link");
  link.value = made.link;
  showTime(element("expires"), made.expires);
  drawQr(made.link);
  note("status", phrase("unread"));
  form.reset();
  choose(null);
  show("made");
}

/** A QR code as shapes, so that nothing is parsed as markup. */
function drawQr(link) {
  const figure = element("qr");
  figure.hidden = qrCode === null;
  if (qrCode === null) return;
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
  const { token } = made;
  let said;
  try {
    await api.status(token);
    said = phrase("unread");
  } catch (error) {
    const gone = error instanceof api.Problem && error.problem.code === "gone";
    said = phrase(gone ? (made.expires <= new Date() ? "expired" : "read") : "broken");
    if (gone) made = null;
  }
  note("status", said);
  element("burn").hidden = element("check").hidden = made === null;
}

async function burn() {
  try {
    await api.destroy(made.token);
    note("status", phrase("burned"));
    made = null;
    element("burn").hidden = element("check").hidden = true;
  } catch (error) {
    if (error instanceof api.Problem) await checkStatus();
    else note("status", phrase("broken"));
  }
}

form.addEventListener("submit", async (event) => {
  event.preventDefault();
  if (shown() === "busy") return;
  note("problem", "");
  show("busy");
  try {
    present(await share());
  } catch (error) {
    show("compose");
    note("problem", explain(error));
  }
});
element("file").addEventListener("change", (event) => choose(event.currentTarget.files[0]));
element("remove").addEventListener("click", () => {
  element("file").value = "";
  choose(null);
  text.focus();
});
element("copy").addEventListener("click", (event) => copy(event.currentTarget, element("link").value));
element("link").addEventListener("focus", (event) => event.currentTarget.select());
element("check").addEventListener("click", checkStatus);
element("burn").addEventListener("click", burn);
element("another").addEventListener("click", () => {
  made = null;
  element("link").value = "";
  element("qr-code").replaceChildren();
  element("burn").hidden = element("check").hidden = false;
  show("compose");
  text.focus();
});
text.addEventListener("paste", (event) => {
  const [pasted] = event.clipboardData.files;
  if (pasted) {
    event.preventDefault();
    choose(pasted);
  }
});
for (const type of ["dragover", "drop", "dragleave"]) {
  form.addEventListener(type, (event) => {
    event.preventDefault();
    form.dataset.dragging = String(type === "dragover");
    if (type === "drop" && event.dataTransfer.files[0]) choose(event.dataTransfer.files[0]);
  });
}
watchForSpace(element("passphrase"), element("space"), phrase("passphraseSpace"));
setInterval(() => {
  if (!document.hidden) checkStatus();
}, INTERVAL);
