// The scenarios, each by the name that tests/browser.rs calls it with.

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";

import { finish, inState, insecure, look, ots, part, put, reader, readOn, screenshots, server, shareOn, start, stop, unread, visit, withoutNativeCipher } from "./harness.mjs";

const TEXT = "secret content: <b>päss</b> 密码 &amp; 🔑\nsecond line\r\n\ttab";
const BYTES = Buffer.from([0x89, 0x50, 0x4e, 0x47, 0, 255, 254, ...Array.from({ length: 3000 }, (_, place) => place % 251)]);
const PASSPHRASE = "correct höрse";

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

/** Lets the server answer the next read, and loses the answer: as when the connection breaks. */
async function loseAnswer(page) {
  let lost;
  const once = new Promise((resolve) => (lost = resolve));
  await page.route("**/reveal", async (route) => {
    await route.fetch();
    await route.abort("connectionreset");
    lost();
  }, { times: 1 });
  return once;
}

async function assetsOf(page) {
  return new URL(".", await page.evaluate(() => document.querySelector("script").src)).href;
}

const scenarios = {
  every_way_between_command_and_page: () => everyWay(),
  every_way_without_the_browsers_cipher: () => everyWay(withoutNativeCipher),

  async a_reload_in_the_middle() {
    const context = await reader();
    context.forgiven.push(/ERR_CONNECTION_RESET/, /ERR_FAILED/);
    for (const encrypted of [true, false]) {
      const link = put([`--encrypt=${encrypted}`], { input: TEXT });
      const page = await visit(context, link);
      const lost = loseAnswer(page);
      await page.getByRole("button", { name: "Read the secret" }).click();
      await lost;
      await inState(page, "broken");
      assert.ok(!(await unread(link)), "claimed: gone for everybody else");
      await page.reload();
      assert.equal(page.url(), link, "the key is still in the address");
      assert.equal(await readOn(page).then(String), TEXT);
    }
    await finish(context);
  },

  async offline_in_the_middle_then_again() {
    const context = await reader();
    context.forgiven.push(/ERR_CONNECTION_RESET/, /ERR_FAILED/, /ERR_INTERNET_DISCONNECTED/);
    const link = put(["-e"], { input: TEXT, passphrase: PASSPHRASE });
    const page = await visit(context, link);
    await part(page, "passphrase").fill(PASSPHRASE);
    await context.setOffline(true);
    await page.getByRole("button", { name: "Read the secret" }).click();
    await inState(page, "broken");
    await context.setOffline(false);
    assert.ok(await unread(link));
    const lost = loseAnswer(page);
    await page.getByRole("button", { name: "Try again" }).click();
    await lost;
    await inState(page, "broken");
    await page.getByRole("button", { name: "Try again" }).click();
    await inState(page, "shown");
    await part(page, "reveal").click();
    assert.equal(await part(page, "content").textContent(), TEXT);
    await finish(context);
  },

  async a_double_click() {
    const context = await reader();
    const page = await visit(context, put(["-e"], { input: TEXT }));
    let reads = 0;
    page.on("request", (request) => (reads += request.url().endsWith("/reveal") ? 1 : 0));
    await page.getByRole("button", { name: "Read the secret" }).dblclick();
    await inState(page, "shown");
    await part(page, "reveal").click();
    assert.equal(await part(page, "content").textContent(), TEXT);
    assert.equal(reads, 1);
    await finish(context);
  },

  async two_tabs_racing() {
    const context = await reader();
    for (let round = 0; round < 10; round += 1) {
      const link = put([`--encrypt=${round % 2 === 0}`], { input: TEXT });
      const pages = [await visit(context, link), await visit(context, link)];
      // Without waiting for either to come to the front.
      await Promise.all(pages.map((page) => page.evaluate(() => document.querySelector("form button").click())));
      await Promise.all(pages.map((page) => page.waitForSelector('main[data-state="shown"], main[data-state="gone"]')));
      const states = await Promise.all(pages.map((page) => page.evaluate(() => document.querySelector("main").dataset.state)));
      assert.deepEqual(states.toSorted(), ["gone", "shown"]);
      for (const page of pages) await page.close();
    }
    await finish(context);
  },

  async a_wrong_passphrase_and_a_wrong_key_cost_nothing() {
    const context = await reader();
    for (const encrypted of [true, false]) {
      const link = put([`--encrypt=${encrypted}`], { input: TEXT, passphrase: PASSPHRASE });
      const page = await visit(context, link);
      for (const left of [9, 8]) {
        await part(page, "passphrase").fill("wrong");
        await page.keyboard.press("Enter");
        await page.waitForFunction((left) => document.querySelector('[data-id="wrong"]').textContent.endsWith(` ${left}`), left);
        assert.ok(await part(page, "passphrase").evaluate((field) => field === document.activeElement));
      }
      assert.ok(await unread(link));
      assert.equal(await readOn(page, { passphrase: PASSPHRASE }).then(String), TEXT);
    }
    const link = put(["-e"], { input: TEXT });
    const otherKey = put(["-e"], { input: TEXT }).split("#")[1];
    for (const address of [link.split("#")[0], link.slice(0, -1), `${link}x`]) {
      const page = await visit(context, address);
      await inState(page, "incomplete");
    }
    const wrong = await visit(context, `${link.split("#")[0]}#${otherKey}`);
    await wrong.getByRole("button", { name: "Read the secret" }).click();
    await wrong.waitForFunction(() => document.querySelector('[data-id="wrong"]').textContent.includes("#"));
    // The same tab with the right key in its place: no reload, only another fragment.
    await wrong.goto(link);
    assert.equal(await readOn(wrong).then(String), TEXT);
    await finish(context);
  },

  async ten_wrong_passphrases_burn_it() {
    const context = await reader();
    const page = await visit(context, put([], { input: TEXT, passphrase: PASSPHRASE }));
    for (let left = 9; left > 0; left -= 1) {
      await part(page, "passphrase").fill("wrong");
      await page.keyboard.press("Enter");
      await page.waitForFunction((left) => document.querySelector('[data-id="wrong"]').textContent.endsWith(` ${left}`), left);
    }
    await page.keyboard.press("Enter");
    await inState(page, "gone");
    await finish(context);
  },

  async without_javascript() {
    const context = await reader({ javaScriptEnabled: false });
    const share = await context.newPage();
    await share.goto(server);
    await share.getByRole("textbox", { name: "Secret" }).fill(TEXT.replaceAll("\r\n", "\n"));
    await share.getByLabel("Passphrase").fill(PASSPHRASE);
    await share.getByRole("button", { name: "Create the link" }).click();
    const link = await share.getByLabel("Link").inputValue();
    const page = await context.newPage();
    await page.goto(link);
    assert.ok(await page.getByRole("heading", { name: "A secret is waiting for you" }).isVisible());
    await page.getByLabel("Passphrase").fill("wrong");
    await page.getByRole("button", { name: "Read the secret" }).click();
    assert.ok(await page.getByText("tries left: 9").isVisible());
    await page.getByLabel("Passphrase").fill(PASSPHRASE);
    await page.getByRole("button", { name: "Read the secret" }).click();
    assert.equal(await page.getByRole("region", { name: "The secret" }).textContent(), TEXT.replaceAll("\r\n", "\n"));
    // The answer again, as a reload gives it, is the same reader's.
    await page.reload();
    assert.ok(await page.getByText("second line").isVisible());
    await page.goto(link);
    assert.ok(await page.getByRole("heading", { name: "This secret is gone" }).isVisible());

    const encrypted = put(["-e"], { input: TEXT });
    await page.goto(encrypted);
    assert.ok(await page.locator("noscript p").isVisible());
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

  /** Our own sources as they are, as a build without npm serves them. */
  async a_build_without_npm() {
    const context = await reader();
    await context.route("**/assets/**/*.js", (route) => {
      const name = new URL(route.request().url()).pathname.split("/").pop().replace("libraries.js", "none.js");
      return route.fulfill({ path: join(process.env.OTS_SOURCES, name), contentType: "text/javascript" });
    });
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

  async the_keyboard_is_enough() {
    const context = await reader();
    const share = await visit(context, server);
    const until = async (page, id) => {
      for (let steps = 0; steps < 20; steps += 1) {
        if (await page.evaluate((id) => document.activeElement.dataset.id === id, id)) return;
        await page.keyboard.press("Tab");
      }
      assert.fail(`Tab doesn't lead to ${id}`);
    };
    await until(share, "text");
    await share.keyboard.type("secret content");
    await until(share, "passphrase");
    await share.keyboard.type("pass");
    await until(share, "encrypt");
    await share.keyboard.press("Tab");
    await share.keyboard.press("Enter");
    await inState(share, "made");
    assert.ok(await share.evaluate(() => document.activeElement.textContent === "Your link is ready"));
    const link = await part(share, "link").inputValue();
    await until(share, "check");
    await share.keyboard.press("Enter");
    const page = await visit(context, link);
    await until(page, "passphrase");
    await page.keyboard.type("pass");
    await page.keyboard.press("Enter");
    await inState(page, "shown");
    assert.ok(await page.evaluate(() => document.activeElement.textContent === "Here is the secret"));
    await until(page, "reveal");
    await page.keyboard.press("Enter");
    assert.ok(await page.evaluate(() => document.activeElement.textContent === "secret content"));
    await part(share, "check").click();
    await share.getByText("It has been read, or destroyed.").waitFor();
    await finish(context);
  },

  async the_senders_page() {
    const context = await reader({ permissions: ["clipboard-read", "clipboard-write"] });
    const share = await visit(context, server);
    // Dropped, pasted, removed.
    const give = (type) => share.evaluate((type) => {
      const files = new DataTransfer();
      files.items.add(new File(["x"], `${type}.txt`));
      const [target, event] = type === "drop"
        ? [document.querySelector("form"), new DragEvent("drop", { dataTransfer: files, cancelable: true, bubbles: true })]
        : [document.querySelector("textarea"), new ClipboardEvent("paste", { clipboardData: files, cancelable: true, bubbles: true })];
      target.dispatchEvent(event);
    }, type);
    for (const type of ["drop", "paste"]) {
      await give(type);
      assert.match(await part(share, "file-name").textContent(), new RegExp(`^${type}\\.txt`));
      await part(share, "remove").click();
      assert.ok(!(await part(share, "chosen").isVisible()));
    }
    await part(share, "file").setInputFiles({ name: "big.bin", mimeType: "", buffer: Buffer.alloc((1 << 20) + 1) });
    await share.getByText("this server keeps at most").waitFor();
    await share.getByRole("button", { name: "Create the link" }).click();
    await inState(share, "compose");
    await look(share, "share-too-large");
    await part(share, "remove").click();

    const link = await shareOn(share, { text: TEXT });
    await part(share, "copy").click();
    await share.getByRole("button", { name: "Copied" }).waitFor();
    assert.equal(await share.evaluate(() => navigator.clipboard.readText()), link);
    assert.ok(await part(share, "qr").isVisible());
    await share.getByText("Still unread.").waitFor();
    await part(share, "burn").click();
    await share.getByText("It is destroyed, unread.").waitFor();
    assert.ok(!(await unread(link)));
    await look(share, "share-burned");
    await part(share, "another").click();
    assert.equal(await part(share, "link").inputValue(), "");
    assert.equal(await part(share, "text").inputValue(), "");
    await finish(context);
  },

  async every_state_looks_right() {
    const context = await reader();
    context.forgiven.push(/ERR_FAILED/, /ERR_CONNECTION_RESET/);
    const share = await visit(context, server);
    await look(share, "share-compose");
    await part(share, "file").setInputFiles({ name: "a rather long name of a photograph from the holidays.png", mimeType: "image/png", buffer: BYTES });
    await look(share, "share-file");
    await part(share, "remove").click();
    let release;
    await share.route("**/api/v1/secrets?**", async (route) => {
      await new Promise((resolve) => (release = resolve));
      await route.continue();
    }, { times: 1 });
    await part(share, "text").fill(TEXT);
    await share.getByRole("button", { name: "Create the link" }).click();
    await inState(share, "busy");
    await look(share, "share-busy");
    release();
    await inState(share, "made");
    await look(share, "share-made");

    const link = put(["-e"], { input: TEXT });
    const page = await visit(context, link);
    await look(page, "secret-waiting");
    await page.route("**/reveal", async (route) => {
      await new Promise((resolve) => (release = resolve));
      await route.continue();
    }, { times: 1 });
    await page.getByRole("button", { name: "Read the secret" }).click();
    await inState(page, "busy");
    await look(page, "secret-busy");
    release();
    await inState(page, "shown");
    await look(page, "secret-shown-hidden");
    await part(page, "reveal").click();
    await page.getByText("It is now destroyed").waitFor();
    await look(page, "secret-shown");
    await page.reload();
    await inState(page, "gone");
    await look(page, "secret-gone");

    const asked = await visit(context, put(["-e"], { input: TEXT, passphrase: PASSPHRASE }));
    await look(asked, "secret-passphrase");
    await part(asked, "passphrase").fill("wrong");
    await asked.keyboard.press("Enter");
    await asked.getByText("That passphrase is wrong").waitFor();
    await look(asked, "secret-wrong-passphrase");

    const cut = await visit(context, put(["-e"], { input: TEXT }).split("#")[0]);
    await look(cut, "secret-incomplete");
    const hint = await visit(context, `${put([], { input: TEXT })}#${link.split("#")[1]}`);
    await hint.getByText("isn’t encrypted end to end").waitFor();
    await look(hint, "secret-not-encrypted");

    const file = await visit(context, put(["-e", "--name", "photo.png"], { input: BYTES }));
    await file.getByRole("button", { name: "Read the secret" }).click();
    await inState(file, "shown");
    await look(file, "secret-file");

    const broken = await visit(context, put(["-e"], { input: TEXT }));
    await broken.route("**/reveal", (route) => route.abort("connectionreset"), { times: 1 });
    await broken.getByRole("button", { name: "Read the secret" }).click();
    await inState(broken, "broken");
    await look(broken, "secret-broken");
    await broken.route("**/reveal", (route) => route.fulfill({ status: 500, json: { code: "internal", detail: "The store failed." } }), { times: 1 });
    await broken.getByRole("button", { name: "Try again" }).click();
    await inState(broken, "failed");
    await look(broken, "secret-failed");

    // What a server that lies would send: the proof is right, the envelope isn't.
    const damaged = await visit(context, put(["-e"], { input: TEXT }));
    await damaged.route("**/reveal", async (route) => {
      const response = await route.fetch();
      const body = await response.body();
      body[40] ^= 1;
      await route.fulfill({ response, body });
    });
    await damaged.getByRole("button", { name: "Read the secret" }).click();
    await inState(damaged, "damaged");
    await look(damaged, "secret-damaged");
    await finish(context);

    const away = await reader();
    away.forgiven.push(/Cross-Origin-Opener-Policy header has been ignored/);
    await look(await visit(away, insecure), "share-insecure");
    await finish(away);

    for (const language of ["de", "fr", "es", "zh", "ja"]) {
      const there = await reader({ locale: language });
      const [front, back] = [await visit(there, server), await visit(there, put(["-e"], { input: TEXT, passphrase: PASSPHRASE }))];
      assert.equal(await front.evaluate(() => document.documentElement.lang), language);
      await look(front, `share-compose-${language}`);
      await look(back, `secret-passphrase-${language}`);
      await finish(there);
    }

    // Without JavaScript there is no axe; it looks at the same markup above. Here what the plain answer looks like.
    const plain = await reader({ javaScriptEnabled: false });
    const answer = await plain.newPage();
    await answer.goto(put([], { input: TEXT }));
    await answer.getByRole("button", { name: "Read the secret" }).click();
    await answer.screenshot({ path: join(screenshots, "plain-answer.png") });
    await answer.goto(put(["-e"], { input: TEXT }));
    await answer.screenshot({ path: join(screenshots, "plain-encrypted.png") });
    await answer.goto(server);
    await answer.screenshot({ path: join(screenshots, "plain-share.png") });
    await finish(plain);
  },

  async the_vectors_pass() {
    for (const prepare of [async () => {}, withoutNativeCipher]) {
      const context = await reader();
      await prepare(context);
      const page = await visit(context, server);
      const read = (name) => JSON.parse(readFileSync(join(process.env.OTS_VECTORS, name), "utf8"));
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
            const sealed = await seal(content, { name: name ?? undefined, type: type ?? undefined }, vector.passphrase);
            const again = await open(await deriveKeys(parseKey(sealed.key), vector.passphrase), sealed.envelope);
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

  async the_apis_pages_work_with_no_other_host() {
    const context = await reader();
    const docs = await context.newPage();
    await docs.goto(`${server}/docs`);
    await docs.locator(".opblock").nth(7).waitFor();
    await docs.getByText("Store a secret").first().click();
    await docs.getByText("how long to keep it").first().waitFor();
    await docs.screenshot({ path: join(screenshots, "docs.png") });
    const redoc = await context.newPage();
    await redoc.goto(`${server}/redoc`);
    await redoc.getByRole("heading", { name: "Store a secret" }).waitFor();
    await redoc.screenshot({ path: join(screenshots, "redoc.png") });
    await finish(context);
  },

  async the_reveal_page_is_light_and_paints_at_once() {
    const context = await reader();
    const page = await visit(context, put(["-e"], { input: TEXT }));
    const sizes = await page.evaluate(() =>
      [...performance.getEntriesByType("navigation"), ...performance.getEntriesByType("resource")].map((entry) => [entry.name, entry.transferSize]));
    const total = sizes.reduce((sum, [, size]) => sum + size, 0);
    console.log(`the reveal page: ${sizes.length} answers, ${total} bytes with their headers`);
    assert.ok(sizes.length >= 4 && total > 5_000 && total < 60_000, JSON.stringify(sizes));
    const blocked = await reader();
    await blocked.route("**/*.js", () => {});
    const early = await blocked.newPage();
    await early.goto(put(["-e"], { input: TEXT }), { waitUntil: "commit" });
    await early.waitForFunction(() => performance.getEntriesByName("first-contentful-paint").length === 1);
    assert.ok(await early.getByRole("heading", { name: "A secret is waiting for you" }).isVisible());
    await blocked.close();
    await finish(context);
  },
};

const name = process.argv[2];
assert.ok(scenarios[name], `there is no scenario ${name}`);
await start();
try {
  await scenarios[name]();
} finally {
  await stop();
}
