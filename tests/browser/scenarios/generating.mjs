// The share page's generator: what it draws, and what becomes of it.

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";

import { assetsOf, BYTES, finish, inState, look, ots, part, reader, server, visit } from "../harness.mjs";

/** The list as the command line has it built in. */
const WORDS = readFileSync(join(process.env.OTS_SOURCES, "../../secret/generated/words.txt"), "utf8")
  .split("\n").filter((line) => line && !line.startsWith("#"));

const generate = (share, what) => part(share, "generate-what").selectOption(what).then(() => part(share, "generate").click());
const field = (share) => part(share, "text").inputValue();

export const scenarios = {
  async a_generated_secret() {
    const context = await reader({ permissions: ["clipboard-read", "clipboard-write"] });
    const fetched = [];
    context.on("request", (request) => fetched.push(request.url().split("/").pop()));
    const share = await visit(context, server);
    // What is there stays; the one before goes.
    await part(share, "text").fill("user: bob, password: ");
    for (const [what, length] of [["password 20", 20], ["symbols 20", 20], ["password 32", 32], ["password 32", 32]]) {
      const before = await field(share);
      await generate(share, what);
      await share.waitForFunction((before) => document.querySelector("textarea").value !== before, before);
      assert.match(await field(share), new RegExp(`^user: bob, password: \\S{${length}}$`));
    }
    assert.ok(!fetched.includes("words.txt"), "nobody waits for words that aren't wanted");
    await part(share, "text").fill("");
    await generate(share, "passphrase 6");
    await share.waitForFunction(() => document.querySelector("textarea").value !== "");
    const secret = await field(share);
    assert.ok(WORDS.some((word) => secret.startsWith(`${word}-`)) && secret.split("-").length >= 6, secret);
    await look(share, "share-generated");
    await part(share, "copy-generated").click();
    await share.waitForFunction(() => document.querySelector('[data-id="copy-generated"]').textContent === "Copied");
    assert.equal(await share.evaluate(() => navigator.clipboard.readText()), secret);
    await share.getByRole("button", { name: "Create the link" }).click();
    await inState(share, "made");
    assert.equal(ots(["get", await part(share, "link").inputValue()]).toString(), secret);
    await part(share, "another").click();
    assert.ok(!(await part(share, "copy-generated").isVisible()), "what was shared isn't kept for another");
    await part(share, "file").setInputFiles({ name: "picture.png", mimeType: "image/png", buffer: BYTES });
    assert.ok(!(await part(share, "generate").isVisible()), "a file has no place for one");
    await finish(context);
  },

  async what_is_generated_takes_its_own_place() {
    const context = await reader();
    const share = await visit(context, server);
    const text = part(share, "text");
    const generated = async (what) => {
      const before = await field(share);
      await generate(share, what);
      await share.waitForFunction((before) => document.querySelector("textarea").value !== before, before);
      return field(share);
    };
    const at = (start, end = start) => text.evaluate((box, [start, end]) => box.setSelectionRange(start, end), [start, end]);
    // Glued to nothing, whatever is around the cursor.
    for (const [typed, place, made] of [["password:", 9, /^password: \S{20}$/], ["user pass", 5, /^user \S{20} pass$/], ["ab", 1, /^a \S{20} b$/], ["a\nb", 2, /^a\n\S{20} b$/], ["b", 0, /^\S{20} b$/]]) {
      await text.fill(typed);
      await at(place);
      assert.match(await generated("password 20"), made, typed);
    }
    // What was written after the one before stays; the one before goes.
    await text.fill("password:");
    await generated("password 20");
    await text.focus();
    await share.keyboard.press("End");
    await share.keyboard.type(" for bob");
    assert.match(await generated("password 32"), /^password: \S{32} for bob$/);
    // What is selected is replaced.
    await text.fill("the word here");
    await at(4, 8);
    assert.match(await generated("password 20"), /^the \S{20} here$/);
    await finish(context);
  },

  /** What can't be fetched is said, and costs nothing. */
  async words_that_can_not_be_fetched() {
    const context = await reader();
    context.forgiven.push(/ERR_FAILED/);
    const share = await visit(context, server);
    await share.route("**/words.txt", (route) => route.abort(), { times: 1 });
    await part(share, "text").fill("typed before");
    await generate(share, "passphrase 6");
    await share.getByText("The server can’t be reached.").waitFor();
    assert.equal(await field(share), "typed before");
    await part(share, "generate").click();
    await share.waitForFunction(() => document.querySelector("textarea").value !== "typed before");
    assert.equal(await part(share, "problem").textContent(), "");
    await finish(context);
  },

  /** The page draws from what the command line draws from, and as fairly. */
  async the_page_generates_as_the_command_does() {
    const context = await reader();
    const share = await visit(context, server);
    const module = `${await assetsOf(share)}generate.js`;
    const drawn = await share.evaluate(async (module) => {
      const { list, passphrase, password, pick } = await import(module);
      const words = await list();
      const times = new Map(words.map((word) => [word, 0]));
      for (let draw = 0; draw < words.length * 60; draw += 1) {
        const word = pick(words);
        times.set(word, times.get(word) + 1);
      }
      const passwords = Array.from({ length: 1000 }, (_, place) => password(place < 500 ? 12 : 128, true));
      const plain = Array.from({ length: 1000 }, () => password(12, false));
      return { words, times: [...times.values()], passwords, plain, phrase: await passphrase(8) };
    }, module);
    assert.deepEqual(drawn.words, WORDS);
    assert.ok(drawn.words.length === 7776 && drawn.times.every((times) => times > 0));
    // As in src/secret/generated/tests.rs: above it but once in more than a thousand million times.
    const far = drawn.times.reduce((sum, times) => sum + (times - 60) ** 2 / 60, 0);
    assert.ok(far < 8600, `chi-square is ${far}`);
    assert.equal(new Set([...drawn.passwords, ...drawn.plain]).size, 2000, "none comes twice");
    const kinds = [/[A-Z]/, /[a-z]/, /[0-9]/];
    assert.ok([...drawn.passwords, ...drawn.plain].every((password) => kinds.every((kind) => kind.test(password))));
    assert.ok(drawn.passwords.every((password) => /[^A-Za-z0-9]/.test(password)));
    assert.ok(drawn.plain.every((password) => /^[A-Za-z0-9]{12}$/.test(password)));
    const commands = Array.from({ length: 60 }, () => ots(["generate", "--length", "128", "--symbols"]).toString().trim());
    const used = (texts) => [...new Set(texts.join(""))].sort().join("");
    assert.equal(used(drawn.passwords), used(commands));
    await finish(context);
  },
};
