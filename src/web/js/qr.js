// A link as a QR code, where the build has what draws one.

import { qrCode } from "./libraries.js";
import { element, phrase } from "./ui.js";

/** Draws it as shapes, so that nothing is parsed as markup. */
export function drawCode(link) {
  element("qr").hidden = qrCode === null;
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
