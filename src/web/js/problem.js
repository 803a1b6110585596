// What the page says of a problem: in its own language, by the problem's code. A `detail` is for programs, in English, and isn't shown.
// `pages/problems.rs` says the same without a script.

const texts = document.querySelector('[data-id="problems"]');
const text = (name) => texts.getAttribute(`data-${name}`);

/** The problem in words. */
export function words({ code, status, errors }) {
  const known = code === "validation" ? ofValue(errors?.[0]?.pointer) : code === "unknown" ? null : text(code);
  return known ?? text("unknown").replace("{}", code === "unknown" ? `HTTP ${status}` : code);
}

/** By the first value that can't be taken: people gave three, and the page the others. */
function ofValue(pointer) {
  switch (pointer?.split("/").pop()) {
    case "":
    case "content":
      return text("content");
    case "passphrase":
    case "Ots-Passphrase":
      return text("passphrase");
    case "ttl_seconds":
      return document.querySelector('[data-id="custom"]')?.dataset.tooLong;
    default:
      return text("bad_request");
  }
}
