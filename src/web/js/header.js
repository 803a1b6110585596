// The envelope's header: JSON read as strictly as src/crypto/envelope/header.rs does, which JSON.parse alone can't: to it 6.0 is 6, -0
// is 0, of two members the last counts, and half a character is text.

const MAX_DEPTH = 100;

/** A header's length, name and type; throws for one that isn't as the specification says. */
export function parseHeader(bytes) {
  const text = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes);
  const header = JSON.parse(text);
  checkTokens(text);
  const isText = (value) => value === undefined || value === null || typeof value === "string";
  const isObject = typeof header === "object" && header !== null && !Array.isArray(header);
  const fits = isObject && Number.isSafeInteger(header.length) && isText(header.name) && isText(header.type);
  if (!fits) throw new SyntaxError("a member has another type");
  return header;
}

/** What JSON.parse lets pass. The text is JSON: only its tokens are looked at. */
function checkTokens(text) {
  /** For each object that is open the names in it, for each array null. */
  const open = [];
  for (const [token, string, number, bracket] of text.matchAll(/("(?:[^"\\]|\\.)*"\s*:?)|(-?\d[\d.eE+-]*)|([[\]{}])/g)) {
    if (number !== undefined) {
      if (!/^\d+$/.test(number) || !Number.isSafeInteger(Number(number))) throw new SyntaxError("a number isn't an integer");
    } else if (string !== undefined) {
      const isName = token.endsWith(":");
      const value = JSON.parse(isName ? token.slice(0, -1) : token);
      if (/\p{Surrogate}/u.test(value)) throw new SyntaxError("a text isn't Unicode");
      if (isName) {
        const names = open.at(-1);
        if (names.has(value)) throw new SyntaxError("a member comes twice");
        names.add(value);
      }
    } else if (bracket === "{" || bracket === "[") {
      open.push(bracket === "{" ? new Set() : null);
      if (open.length > MAX_DEPTH) throw new SyntaxError("it is nested too deep");
    } else {
      open.pop();
    }
  }
}
