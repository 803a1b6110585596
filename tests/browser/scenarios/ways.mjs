// Every way between command and page, in every kind of browser and build.

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { pathToFileURL } from "node:url";

import { assetsOf, BYTES, finish, insecure, inState, look, ots, part, PASSPHRASE, put, reader, readOn, server, shareOn, TEXT, unread, visit, withoutBundle, withoutNativeCipher } from "../harness.mjs";

/** Every way of secret: text or file, end to end or not, with or without a passphrase. */
function* ways() {
  for (const encrypted of [true, false]) {
    for (const passphrase of [undefined, PASSPHRASE]) {
      for (const isFile of [false, true]) yield { encrypted, passphrase, isFile };
    }
  }
}

async function everyWay(prepare) {
  const context = await reader();
  if (prepare) await prepare(context);
  for (const { encrypted, passphrase, isFile } of ways()) {
    const what = `encrypted ${encrypted}, passphrase ${Boolean(passphrase)}, file ${isFile}`;
    const expected = isFile ? BYTES : Buffer.from(TEXT);
    // A secret that isn't end to end has no name.
    const file = isFile ? (encrypted ? "picture 1.png" : "secret") : null;

    const words = [`--encrypt=${encrypted}`, ...(isFile && encrypted ? ["--name", "picture 1.png"] : [])];
    const fromCommand = put(words, { input: expected, passphrase });
    assert.deepEqual(await readOn(await visit(context, fromCommand), { passphrase, file }), expected, `command to page: ${what}`);
    assert.ok(!(await unread(fromCommand)));

    const share = await visit(context, server);
    const given = isFile ? { file: { name: "picture 1.png", content: BYTES } } : { text: TEXT };
    const toCommand = await shareOn(share, { ...given, passphrase, encrypted });
    assert.equal(toCommand.includes("#"), encrypted);
    // A form's text has LF alone between its lines.
    const typed = isFile ? expected : Buffer.from(TEXT.replaceAll("\r\n", "\n"));
    assert.deepEqual(ots(["get", toCommand], { passphrase }), typed, `page to command: ${what}`);

    await part(share, "another").click();
    const toPage = await shareOn(share, { ...given, passphrase, encrypted });
    assert.deepEqual(await readOn(await visit(context, toPage), { passphrase, file }), typed, `page to page: ${what}`);
    for (const page of context.pages()) await page.close();
  }
  await finish(context);
}

export const scenarios = {
  every_way_between_command_and_page: () => everyWay(),

  every_way_without_the_browsers_cipher: () => everyWay(withoutNativeCipher),

  async without_javascript() {
    const context = await reader({ javaScriptEnabled: false });
    const share = await context.newPage();
    await share.goto(server);
    // Playwright looks for no text in <noscript>.
    const warned = share.locator("noscript p.warning");
    assert.ok(await warned.isVisible() && (await warned.textContent()).includes("the server can read what you share here"));
    assert.ok(!(await share.getByText("the script hasn’t come").isVisible()), "nothing waits for a script");
    assert.equal(await share.locator("main form:visible").count(), 1);
    await share.getByRole("textbox", { name: "Secret" }).fill(TEXT.replaceAll("\r\n", "\n"));
    await share.getByRole("textbox", { name: "Passphrase" }).fill(PASSPHRASE);
    await share.getByRole("button", { name: "Create the link" }).click();
    await share.getByText("It isn’t encrypted end to end: the server can read it.").waitFor();
    const link = await share.getByLabel("Link", { exact: true }).inputValue();
    const page = await context.newPage();
    await page.goto(link);
    await page.getByRole("heading", { name: "A secret is waiting for you" }).waitFor();
    await page.getByLabel("Passphrase").evaluate((field) => field.form.submit());
    await page.getByText("Type the passphrase first").waitFor();
    await page.getByLabel("Passphrase").fill("wrong");
    await page.getByRole("button", { name: "Read the secret" }).click();
    await page.getByText("Tries left before it is destroyed: 9").waitFor();
    await page.getByLabel("Passphrase").fill(PASSPHRASE);
    await page.getByRole("button", { name: "Read the secret" }).click();
    assert.equal(await page.getByRole("region", { name: "The secret" }).textContent(), TEXT.replaceAll("\r\n", "\n"));
    // The answer again, as a reload gives it, is the same reader's.
    await page.reload();
    await page.getByText("second line").waitFor();
    await page.goto(link);
    await page.getByRole("heading", { name: "This secret is gone" }).waitFor();

    await page.goto(put([], { input: TEXT, passphrase: PASSPHRASE }));
    for (let tries = 0; tries < 10; tries += 1) {
      await page.getByLabel("Passphrase").fill("wrong");
      await page.getByRole("button", { name: "Read the secret" }).click();
    }
    await page.getByText("That was the last try").waitFor();
    assert.ok(!(await page.getByText("leaked").isVisible()));

    const encrypted = put(["-e"], { input: TEXT });
    await page.goto(encrypted);
    assert.ok(await page.locator("noscript p.warning").isVisible());
    assert.equal(await page.locator("main form:visible").count(), 0);
    assert.ok(!(await page.getByRole("button", { name: "Read the secret" }).isVisible()));
    assert.ok(await unread(encrypted));

    const bytes = put([], { input: BYTES });
    await page.goto(bytes);
    const [download] = await Promise.all([page.waitForEvent("download"), page.getByRole("button", { name: "Read the secret" }).click()]);
    assert.equal(download.suggestedFilename(), "secret");
    assert.deepEqual(readFileSync(await download.path()), BYTES);
    await finish(context);
  },

  async plain_http_elsewhere_does_it_all_and_says_that_it_is_not_safe() {
    const context = await reader();
    // The browser itself warns of Cross-Origin-Opener-Policy on plain http.
    context.forgiven.push(/Cross-Origin-Opener-Policy header has been ignored/, /was loaded over an insecure connection/);
    const share = await visit(context, insecure);
    assert.ok(await share.evaluate(() => crypto.subtle === undefined));
    assert.ok(await share.getByText("This connection isn’t safe").isVisible());
    const link = await shareOn(share, { text: "secret content", passphrase: PASSPHRASE });
    await part(share, "copy").click();
    await share.getByRole("button", { name: "Copied" }).waitFor();
    assert.ok(link.startsWith(insecure));
    const page = await visit(context, link);
    assert.equal(await readOn(page, { passphrase: PASSPHRASE }).then(String), "secret content");
    await finish(context);
  },

  async a_build_without_npm() {
    const context = await reader();
    await withoutBundle(context);
    const link = put(["-e"], { input: TEXT });
    assert.equal(await readOn(await visit(context, link)).then(String), TEXT);
    const share = await visit(context, server);
    const shared = await shareOn(share, { text: TEXT });
    assert.ok(!(await part(share, "qr").isVisible()));
    assert.equal(ots(["get", shared]).toString(), TEXT.replaceAll("\r\n", "\n"));

    const needs = put(["-e"], { input: TEXT, passphrase: PASSPHRASE });
    const page = await visit(context, needs);
    await part(page, "passphrase").fill(PASSPHRASE);
    await page.keyboard.press("Enter");
    await inState(page, "unsupported");
    await look(page, "secret-unsupported");
    assert.ok(await unread(needs));

    await withoutNativeCipher(context);
    const neither = put(["-e"], { input: TEXT });
    const old = await visit(context, neither);
    await old.getByRole("button", { name: "Read the secret" }).click();
    await inState(old, "unsupported");
    assert.ok(await unread(neither), "nothing is claimed that can't be opened");
    await finish(context);
  },

  async a_name_is_cleaned_as_the_command_does_it() {
    const { cleanName } = await import(pathToFileURL(join(process.env.OTS_SOURCES, "filename.js")));
    const vectors = JSON.parse(readFileSync(join(process.env.OTS_VECTORS, "filenames.json"), "utf8"));
    assert.ok(vectors.length > 120);
    for (const { about, given, cleaned } of vectors) {
      assert.equal(cleanName(given), cleaned, about);
      assert.equal(cleanName(cleaned), cleaned, `again: ${about}`);
    }
    assert.equal(cleanName(null), "secret");
  },

  async the_vectors_pass() {
    for (const native of [true, false]) {
      const context = await reader();
      if (!native) await withoutNativeCipher(context);
      const page = await visit(context, server);
      // The cipher has no part in stretching a passphrase, which takes a second: once for each.
      const takes = (vector) => native || vector.passphrase === null;
      const read = (name) => JSON.parse(readFileSync(join(process.env.OTS_VECTORS, name), "utf8")).filter(takes);
      const vectors = { good: read("good.json"), refused: read("refused.json"), module: `${await assetsOf(page)}envelope.js` };
      const result = await page.evaluate(async ({ good, refused, module }) => {
        const { deriveKeys, open, parseKey, seal, toBase64url } = await import(module);
        const bytes = (text) => Uint8Array.from(atob(text), (character) => character.charCodeAt(0));
        const text = (content) => btoa(Array.from(content, (byte) => String.fromCharCode(byte)).join(""));
        const wrong = [];
        for (const vector of good) {
          try {
            const keys = await deriveKeys(parseKey(vector.key), vector.passphrase);
            const { content, name, type } = await open(keys, bytes(vector.envelope));
            const same = keys.proof === vector.proof && text(content) === vector.content && name === vector.name && type === vector.type;
            if (!same) wrong.push(vector.about);
            // And the other way round: sealed here, opened here. Rust opens what the page seals in the other scenarios.
            if (vector.passphrase !== null) continue;
            const sealed = await seal(content, { name: name ?? undefined, type: type ?? undefined }, null);
            const again = await open(await deriveKeys(parseKey(sealed.key), null), sealed.envelope);
            if (text(again.content) !== vector.content || again.name !== name) wrong.push(`sealed again: ${vector.about}`);
            if (sealed.envelope.length > bytes(vector.envelope).length && vector.canonical) wrong.push(`padding: ${vector.about}`);
          } catch (error) {
            wrong.push(`${vector.about}: ${error}`);
          }
        }
        for (const vector of refused) {
          let reason = "opened";
          try {
            const key = parseKey(vector.key);
            if (key === null) reason = "key";
            else await open(await deriveKeys(key, vector.passphrase), bytes(vector.envelope));
          } catch (error) {
            reason = error.reason ?? String(error);
          }
          if (reason !== vector.error) wrong.push(`${vector.about}: ${reason}, not ${vector.error}`);
        }
        return { wrong, count: good.length + refused.length };
      }, vectors);
      assert.deepEqual(result.wrong, []);
      assert.ok(result.count >= 60);
      await finish(context);
    }
  },

  /** Also on plain http, where a browser has no cryptography but its random numbers. */
  async requests_are_answered_and_opened_in_a_browser() {
    const vectors = JSON.parse(readFileSync(join(process.env.OTS_VECTORS, "requests.json"), "utf8"));
    for (const address of [server, insecure]) {
      const context = await reader();
      context.forgiven.push(/Cross-Origin-Opener-Policy header has been ignored/, /was loaded over an insecure connection/);
      const page = await visit(context, address);
      const found = await page.evaluate(async ([module, { key, passphrase, answer, label }]) => {
        const box = await import(`${module}sealed_box.js`);
        const { parseKey } = await import(`${module}envelope.js`);
        const keys = await box.deriveKeys(parseKey(key), passphrase);
        const given = await box.openAnswer(keys, Uint8Array.from(atob(answer), (character) => character.charCodeAt(0)));
        const invitation = await box.openInvitation(keys.fingerprint, await box.invite(keys, label));
        const made = await box.openAnswer(keys, await box.answer(invitation, new TextEncoder().encode("hunter2"), { name: "a" }));
        return [...[given, made].map(({ content }) => new TextDecoder().decode(content)), made.name, invitation.label];
      }, [await assetsOf(page), vectors.find(({ passphrase }) => passphrase !== null)]);
      assert.deepEqual(found, ["secret", "hunter2", "a", "the key"]);
      await finish(context);
    }
  },
};
