// What the page says of a problem: in its own language, by the problem's code. A `detail` is for programs, in English, and isn't shown.
// `pages/problems.rs` says the same without a script.

import { locale } from "./locale.js";

const texts = document.querySelector('[data-id="problems"]');
/** That a time is longer than the server keeps anything, or than the key allows. */
function ofTime(server, limit) {
  return limit < Number(server?.longest) ? text("key-too-long").replace("{}", duration(limit)) : server?.tooLong;
}

// In the largest unit that it is a whole number of.
function duration(seconds) {
  const [unit, length] = [["day", 86_400], ["hour", 3600], ["minute", 60], ["second", 1]].find(([, length]) => seconds % length === 0);
  return new Intl.NumberFormat(locale, { style: "unit", unit, unitDisplay: "long" }).format(seconds / length);
}

const text = (name) => texts.getAttribute(`data-${name}`);

/** The problem in words. */
export function words({ code, status, errors, limit }) {
  const known = code === "validation" ? ofValue(errors?.[0]?.pointer, limit) : code === "unknown" ? null : text(code);
  return known ?? text("unknown").replace("{}", code === "unknown" ? `HTTP ${status}` : code);
}

/** By the first value that can't be taken: people gave three, and the page the others. */
function ofValue(pointer, limit) {
  switch (pointer?.split("/").pop()) {
    case "":
    case "content":
      return text("content");
    case "passphrase":
    case "Ots-Passphrase":
      return text("passphrase");
    case "ttl_seconds":
      return ofTime(document.querySelector('[data-id="custom"]')?.dataset, limit);
    default:
      return text("bad_request");
  }
}
