// How the reader writes dates and numbers.

const language = document.documentElement.lang;

/** The reader's own form of the page's language, as its browser says (en-GB, not en); else the page's language as in the reader's region. */
function own(wanted) {
  const same = wanted.find((tag) => tag.toLowerCase().split("-")[0] === language);
  if (same) return same;
  const { region } = new Intl.Locale(wanted[0] ?? language);
  return region ? `${language}-${region}` : language;
}

export const locale = own(navigator.languages ?? []);
