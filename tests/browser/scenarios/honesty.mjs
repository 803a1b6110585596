// What the page and the documents say of passphrases and of what a browser keeps.

import assert from "node:assert/strict";
import { mkdtempSync, readFileSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { finish, look, ots, ownBrowser, part, put, reader, readOn, server, shareOn, TEXT, visit } from "../harness.mjs";

const COMPOSED = "caf\u00e9 10\u00c5";
const DECOMPOSED = "cafe\u0301 10\u212b";

/** Whether a file below a folder holds these bytes. */
function holds(folder, text) {
  const files = readdirSync(folder, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile());
  return files.some((entry) => readFileSync(join(entry.parentPath ?? entry.path, entry.name)).includes(text));
}

export const scenarios = {
  async a_passphrase_is_the_same_however_it_is_typed() {
    const context = await reader();
    for (const encrypted of [true, false]) {
      const link = put([`--encrypt=${encrypted}`], { input: TEXT, passphrase: COMPOSED });
      assert.equal(await readOn(await visit(context, link), { passphrase: DECOMPOSED }).then(String), TEXT);
      const shared = await shareOn(await visit(context, server), { text: "x", passphrase: DECOMPOSED, encrypted });
      assert.equal(ots(["get", shared], { passphrase: COMPOSED }).toString(), "x");
    }
    await finish(context);
  },

  async white_space_at_a_passphrases_edge_is_told_of() {
    const context = await reader();
    const words = "The passphrase begins or ends with a space, which is a part of it.";
    const share = await visit(context, server);
    const page = await visit(context, put(["-e"], { input: TEXT, passphrase: " open" }));
    for (const [name, place] of [["share-space", share], ["secret-space", page]]) {
      const hint = part(place, "space");
      for (const [typed, told] of [["open", false], [" open", true], ["op en", false], ["open\u3000", true], ["", false], ["\u00a0", true]]) {
        await part(place, "passphrase").fill(typed);
        assert.equal(await hint.textContent(), told ? words : "", `${name}: ${JSON.stringify(typed)}`);
      }
      await look(place, name);
    }
    await shareOn(share, { text: "x", passphrase: " open" });
    await part(share, "another").click();
    assert.equal(await part(share, "space").textContent(), "", "the form is empty again");
    // It isn't trimmed all the same.
    assert.equal(await readOn(page, { passphrase: " open" }).then(String), TEXT);
    // And a long one isn't cut.
    const long = "0123456789".repeat(90);
    const shared = await shareOn(share, { text: "x", passphrase: long });
    assert.equal(ots(["get", shared], { passphrase: long }).toString(), "x");
    await finish(context);
  },

  /** docs/envelope.md says that it does, and the README: not this tab's way back, but the file. */
  async the_browsers_history_keeps_the_key_and_no_passphrase() {
    const folder = mkdtempSync(join(tmpdir(), "ots-history-"));
    try {
      const link = put(["-e"], { input: TEXT, passphrase: "correct horse battery" });
      const context = await ownBrowser(folder);
      const page = await context.newPage();
      await page.goto(link);
      assert.equal(await readOn(page, { passphrase: "correct horse battery" }).then(String), TEXT);
      await context.close();
      assert.ok(holds(folder, link.split("#")[1]), "Chromium keeps no key any more: say so in the documents");
      assert.ok(!holds(folder, "correct horse battery"));
      assert.ok(!holds(folder, "secret content"), "nor what was read");
    } finally {
      rmSync(folder, { recursive: true, force: true });
    }
  },
};
