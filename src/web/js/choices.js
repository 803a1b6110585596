// What the reader chose in the footer, kept in this browser: the theme, and the language. Loaded beside the page's own script and
// without it, as early as may be, so that the page's first picture already has the theme.

const root = document.documentElement;
/** What a form without a script was answered with: a reload by itself would lose it. */
const ANSWERS = ["made", "answer"];

/** A browser may refuse to keep anything: then a theme lasts as long as the page, and a language as long as its address. */
function kept(name) {
  try {
    return localStorage.getItem(`ots-${name}`);
  } catch {
    return null;
  }
}

function keep(name, value) {
  try {
    if (value === "") localStorage.removeItem(`ots-${name}`);
    else localStorage.setItem(`ots-${name}`, value);
  } catch {
    // As above.
  }
}

function wear(theme) {
  if (theme === "light" || theme === "dark") root.dataset.theme = theme;
  else delete root.dataset.theme;
}

/** This page's address in a language, or in none. What stands after # stays: it may be a secret's key. */
function addressIn(language) {
  const address = new URL(location.href);
  if (language === null) address.searchParams.delete("lang");
  else address.searchParams.set("lang", language);
  return address.href;
}

/**
 * The language that was chosen on an earlier page; a choice that is in the address already is kept out of it, for it may be sent on.
 * Whether this page is left for it, in the middle of what has come of it.
 */
function isLeft() {
  const chosen = kept("language");
  const inAddress = new URLSearchParams(location.search).get("lang");
  if (chosen === null || ANSWERS.includes(root.dataset.page)) return false;
  const turns = inAddress === null && chosen !== root.lang;
  if (turns) location.replace(addressIn(chosen));
  else if (inAddress === chosen) history.replaceState(history.state, "", addressIn(null));
  return turns;
}

/** Whether something was written or chosen that a reload loses. */
function isWritten() {
  const file = document.querySelector('[data-id="chosen"]');
  const fields = [...document.querySelectorAll('main textarea, main [data-id="label"]')];
  return fields.some(({ value }) => value !== "") || (file !== null && !file.hidden);
}

function offerChoices() {
  const part = (name) => document.querySelector(`[data-id="${name}"]`);
  const [language, theme] = [part("language"), part("theme")];
  part("language-button").hidden = true;
  part("theme-field").hidden = false;
  theme.value = root.dataset.theme ?? "";
  theme.addEventListener("change", () => {
    wear(theme.value);
    keep("theme", theme.value);
  });
  language.addEventListener("change", () => {
    if (isWritten() && !confirm(language.dataset.loses)) {
      language.value = root.lang;
      return;
    }
    keep("language", language.value);
    location.replace(addressIn(language.value));
  });
}

wear(kept("theme"));
if (!isLeft()) {
  if (document.readyState === "loading") document.addEventListener("DOMContentLoaded", offerChoices);
  else offerChoices();
}
