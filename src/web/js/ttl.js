// How long the sender wants the secret kept: one of the times that the page offers, or one of the sender's own.

const part = (name) => document.querySelector(`[data-id="${name}"]`);

/** The seconds; or what is `wrong` with them, in words. */
export function chosenTtl() {
  const chosen = part("ttl").value;
  if (chosen !== "other") return { seconds: Number(chosen) };
  const { longest, tooLong, missing } = part("custom").dataset;
  // Digits may be as wide as the letters of the language.
  const number = part("ttl-number").value.normalize("NFKC").trim();
  const seconds = /^\d+$/.test(number) ? Number(number) * Number(part("ttl-unit").value) : 0;
  const wrong = seconds < 1 ? missing : seconds > Number(longest) ? tooLong : null;
  return wrong === null ? { seconds } : { wrong };
}

/** Leads back to the number that is wrong. */
export function pointOut() {
  const field = part("ttl-number");
  field.setAttribute("aria-invalid", "true");
  field.focus();
  field.addEventListener("input", () => field.removeAttribute("aria-invalid"), { once: true });
}
