// What a passphrase has to be, before anything is made of it.

const LONGEST = 1024;

/** The name of what is wrong with a passphrase, or null: it has 1 to 1,024 bytes of UTF-8 in Unicode's form NFC. */
export function refusal(passphrase) {
  const { length } = new TextEncoder().encode(passphrase.normalize("NFC"));
  if (length === 0) return "passphraseEmpty";
  return length > LONGEST ? "passphraseTooLong" : null;
}
