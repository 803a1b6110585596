// The name of a file that somebody else chose, cleaned by the rules of src/cli/filename.rs: one document has vectors for both
// (tests/vectors/filenames.json).

/** The longest name, in bytes. */
const LONGEST = 200;
/** The longest extension that is kept when a name is cut, in bytes, its dot counted. */
const LONGEST_EXTENSION = 16;
const NAMELESS = "secret";

/** Characters that nobody sees, or that change how others are seen. Joiners stay: emoji and Persian need them. */
const DROPPED = /[\p{Cc}\u00ad\u061c\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb]/gu;
/** Windows' devices. Without the flag u, no letter of another script is taken for one of these. */
const DEVICE = /^(con|prn|aux|nul|conin\$|conout\$|clock\$|(com|lpt)[0-9¹²³])$/i;

/** Whether a text has characters that nobody sees, or that change how others are seen. */
export const hasUnseen = (text) => text.search(DROPPED) !== -1;

/** A name that only names a file. */
export function cleanName(name) {
  const base = (name ?? "").split(/[/\\]/).pop();
  const kept = base.replace(DROPPED, "").replace(/[<>:"|?*]/g, "_").replace(/^[.\-\p{White_Space}]+/u, "");
  // A cut can make a device's name of one that wasn't, and the mark a name that is too long.
  const cut = shortened(kept);
  const stem = cut.split(".")[0].replace(/\p{White_Space}+$/u, "");
  const marked = DEVICE.test(stem) ? shortened(`_${cut}`) : cut;
  return marked.replace(/[.\p{White_Space}]+$/u, "") || NAMELESS;
}

const bytes = (text) => new TextEncoder().encode(text).length;

/** As many whole characters as fit, with the extension kept. */
function shortened(name) {
  if (bytes(name) <= LONGEST) return name;
  const dot = name.lastIndexOf(".");
  const isExtension = dot > 0 && bytes(name.slice(dot)) <= LONGEST_EXTENSION;
  const extension = isExtension ? name.slice(dot) : "";
  let room = LONGEST - bytes(extension);
  let stem = "";
  for (const character of isExtension ? name.slice(0, dot) : name) {
    room -= bytes(character);
    if (room < 0) break;
    stem += character;
  }
  return stem + extension;
}
