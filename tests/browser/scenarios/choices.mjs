// What readers and senders choose: language, theme, how long, whether a passphrase shows; and the words of each language.

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";

import { everyViewFits, finish, inState, look, part, PASSPHRASE, put, reader, readOn, server, shareOn, TEXT, visit } from "../harness.mjs";

const LANGUAGES = ["en", "de", "fr", "es", "pt", "it", "nl", "pl", "zh", "ja"];
/** A page's own texts. */
const texts = (language) => JSON.parse(readFileSync(join(process.env.OTS_SOURCES, "../text", `${language}.json`), "utf8"));
/** A detail in English, which no page may show. */
const DETAIL = "Detail for programs";

const refusing = (status, problem) => (route) => route.fulfill({ status, json: { status, detail: DETAIL, ...problem } });
/** Where a submission leaves the sender: at the words. Without a script the form is another. */
const problemOf = async (page, id = "problem") => {
  await page.locator(`main[data-state="compose"] #${id}:not(:empty)`).waitFor();
  return page.locator(`#${id}`).textContent();
};

export const scenarios = {
  async what_the_server_refuses_is_said_in_the_pages_language() {
    const said = texts("de");
    const context = await reader({ locale: "de" });
    context.forgiven.push(/responded with a status of (400|408|429|500|503|507)/);
    const share = await visit(context, server);
    const at = (pointer) => [422, { code: "validation", errors: [{ pointer, detail: DETAIL }] }];
    for (const [status, problem, words] of [
      [400, { code: "bad_request" }, said.problem_mismatch],
      [408, { code: "timeout" }, said.problem_timeout],
      [429, { code: "rate_limited" }, said.problem_rate_limited],
      [500, { code: "damaged" }, said.problem_damaged],
      [500, { code: "internal" }, said.problem_internal],
      [503, { code: "busy" }, said.problem_busy],
      [503, { code: "storage_full" }, said.problem_storage_full],
      [503, { code: "not_durable" }, said.problem_not_durable],
      [503, { code: "unavailable" }, said.problem_unavailable],
      [507, { code: "quota_exceeded" }, said.problem_quota_exceeded],
      [507, { code: "server_full" }, said.problem_server_full],
      [507, { code: "quota_full" }, said.problem_unknown.replace("{}", "quota_full")],
      [...at("/headers/Ots-Passphrase"), said.problem_passphrase],
      [...at("/query/ttl_seconds"), said.ttl_too_long.replace("{}", said.ttl_2592000)],
      [...at(""), said.empty],
      [...at("/query/encrypted"), said.problem_mismatch],
    ]) {
      await share.route("**/api/v1/secrets?**", refusing(status, problem), { times: 1 });
      await part(share, "text").fill(TEXT);
      await share.getByRole("button", { name: said.share_button }).click();
      assert.equal(await problemOf(share), words, problem.code);
      assert.ok(!(await share.content()).includes(DETAIL));
    }
    // What no server of ours says.
    await share.route("**/api/v1/secrets?**", (route) => route.fulfill({ status: 500, body: "<h1>proxy</h1>" }), { times: 1 });
    await share.getByRole("button", { name: said.share_button }).click();
    assert.equal(await problemOf(share), said.problem_unknown.replace("{}", "HTTP 500"));

    const page = await visit(context, put(["-e"], { input: TEXT }));
    await page.route("**/reveal", refusing(429, { code: "rate_limited" }), { times: 1 });
    await page.getByRole("button", { name: said.read_button }).click();
    await inState(page, "broken");
    assert.equal(await part(page, "broken-detail").textContent(), said.problem_rate_limited);
    await page.reload();
    await page.waitForSelector("html.js");
    await page.route("**/reveal", refusing(500, { code: "unreadable" }), { times: 1 });
    await page.getByRole("button", { name: said.read_button }).click();
    await inState(page, "failed");
    assert.equal(await part(page, "detail").textContent(), said.problem_unreadable);
    assert.ok(!(await page.content()).includes(DETAIL));
    await finish(context);
  },

  async dates_are_the_readers_own() {
    for (const [locale, language, pattern] of [
      ["en-GB", "en", /^\d{1,2} \w{3,4} \d{4}, \d\d:\d\d \(/],
      ["en-US", "en", /^\w{3} \d{1,2}, \d{4}, \d{1,2}:\d\d\s[AP]M \(/],
      // No page in Swedish: English words, as they are written there.
      ["sv-SE", "en", /^\d{4}-\d\d-\d\d,? \d\d:\d\d \(|^\d{1,2} \w{3,4} \d{4},? \d\d:\d\d \(/],
      ["de-AT", "de", /^\d\d\.\d\d\.\d{4}, \d\d:\d\d \(in /],
      ["pt-PT", "pt", /^\d{1,2}\/\d\d\/\d{4}, \d\d:\d\d \(/],
      ["ja-JP", "ja", /^\d{4}\/\d\d\/\d\d \d{1,2}:\d\d \(/],
    ]) {
      const context = await reader({ locale });
      const page = await visit(context, put([], { input: TEXT }));
      assert.equal(await page.evaluate(() => document.documentElement.lang), language);
      assert.match(await page.locator('[data-view="waiting"] time').textContent(), pattern, locale);
      await finish(context);
    }
    const plain = await reader({ locale: "en-GB", javaScriptEnabled: false });
    const page = await plain.newPage();
    await page.goto(put([], { input: TEXT }));
    assert.match(await page.locator('[data-view="waiting"] time').textContent(), /^\d{4}-\d\d-\d\d \d\d:\d\d UTC$/);
    await finish(plain);
  },

  async the_language_is_chosen_and_the_key_stays() {
    const context = await reader();
    const link = put(["-e"], { input: TEXT });
    const page = await visit(context, link);
    const turned = (page, language) => page.waitForSelector(`html.js[lang="${language}"]`);
    await part(page, "language").selectOption({ label: "Polski" });
    await turned(page, "pl");
    await page.waitForURL(link); // the choice isn't in an address that may be sent on
    await inState(page, "waiting");
    // Kept in this browser for other pages, and for this one again.
    const share = await visit(context, server);
    await turned(share, "pl");
    await page.reload();
    await turned(page, "pl");
    await part(page, "language").selectOption("en");
    await turned(page, "en");
    await page.evaluate(() => localStorage.clear());
    assert.equal(await readOn(page).then(String), TEXT);
    assert.ok(!(await part(page, "language").isVisible()), "a reload would lose what is shown");

    // What was written isn't lost without a word.
    const writing = await visit(context, server);
    const asked = [];
    writing.on("dialog", (dialog) => {
      asked.push(dialog.message());
      return asked.length === 1 ? dialog.dismiss() : dialog.accept();
    });
    await part(writing, "text").fill(TEXT);
    await part(writing, "language").selectOption("fr");
    assert.equal(await part(writing, "language").inputValue(), "en");
    assert.notEqual(await part(writing, "text").inputValue(), "");
    await part(writing, "language").selectOption("fr");
    await turned(writing, "fr");
    assert.deepEqual(asked, [texts("en").language_loses, texts("en").language_loses]);
    await finish(context);

    // Scripts that don't come: a button, and the key stays in the address that the form is sent from.
    const failing = await reader();
    failing.forgiven.push(/ERR_FAILED/);
    await failing.route("**/*.js", (route) => route.abort());
    const late = await failing.newPage();
    const other = put(["-e"], { input: TEXT });
    await late.goto(other);
    await part(late, "language").selectOption("ja");
    await part(late, "language-button").click();
    await late.waitForSelector('html[lang="ja"]');
    assert.equal(late.url(), other.replace("#", "?lang=ja#"));
    await finish(failing);

    // The footer's own script alone: the page does without it.
    const footless = await reader();
    footless.forgiven.push(/ERR_FAILED/);
    await footless.route("**/choices.js", (route) => route.abort());
    const bare = await visit(footless, put(["-e"], { input: TEXT }));
    assert.ok(await part(bare, "language-button").isVisible());
    assert.equal(await readOn(bare).then(String), TEXT);
    await finish(footless);

    // None at all: the forms keep it.
    const plain = await reader({ javaScriptEnabled: false });
    const form = await plain.newPage();
    await form.goto(server);
    await part(form, "language").selectOption("de");
    await part(form, "language-button").click();
    await form.getByRole("button", { name: texts("de").share_button }).waitFor();
    await form.locator("#plain-text").fill(TEXT);
    await form.getByRole("button", { name: texts("de").share_button }).click();
    await form.getByRole("heading", { name: texts("de").made_title }).waitFor();
    assert.ok(!(await part(form, "link").inputValue()).includes("lang"), "the reader's language is the reader's");
    await form.getByRole("link", { name: texts("de").another_button }).click();
    await form.getByRole("heading", { name: texts("de").share_title }).waitFor();
    await finish(plain);
  },

  async the_theme_is_chosen_and_kept() {
    const context = await reader({ colorScheme: "light" });
    const page = await visit(context, server);
    const ground = () => page.evaluate(() => getComputedStyle(document.body).backgroundColor);
    const scheme = () => page.evaluate(() => getComputedStyle(document.documentElement).colorScheme);
    const light = await ground();
    await part(page, "theme").selectOption("dark");
    const dark = await ground();
    assert.notEqual(dark, light);
    assert.equal(await scheme(), "dark");
    await page.reload();
    await page.waitForSelector("html.js");
    assert.deepEqual([await ground(), await part(page, "theme").inputValue()], [dark, "dark"]);
    const early = await page.evaluate(() => performance.getEntriesByName("first-contentful-paint")[0].startTime);
    const worn = await page.evaluate(() => performance.getEntriesByType("resource").find((entry) => entry.name.endsWith("choices.js")).responseEnd);
    console.log(`the theme's script is there at ${worn.toFixed()} ms, the first picture at ${early.toFixed()} ms`);
    // Against the device's own, too, and back to it.
    await page.emulateMedia({ colorScheme: "dark" });
    await part(page, "theme").selectOption("light");
    assert.deepEqual([await ground(), await scheme()], [light, "light"]);
    await part(page, "theme").selectOption("");
    assert.deepEqual([await ground(), await scheme()], [dark, "dark"]);
    assert.equal(await page.evaluate(() => localStorage.length), 0);
    await page.emulateMedia({ forcedColors: "active" });
    assert.equal(await page.locator('[data-view="compose"]').evaluate((view) => getComputedStyle(view).borderTopWidth), "1px");
    await look(page, "share-forced-colours");
    await finish(context);

    const refusing = await reader();
    await refusing.addInitScript(() => {
      Storage.prototype.getItem = Storage.prototype.setItem = () => {
        throw new DOMException("refused", "SecurityError");
      };
    });
    const strict = await visit(refusing, server);
    await part(strict, "theme").selectOption("dark");
    assert.equal(await strict.evaluate(() => document.documentElement.dataset.theme), "dark");
    await part(strict, "language").selectOption("nl");
    await strict.waitForSelector('html.js[lang="nl"]');
    await finish(refusing);
  },

  async a_time_of_ones_own() {
    const said = texts("en");
    const seconds = async (link) => {
      const token = new URL(link).pathname.split("/").pop();
      const { expires_at } = await (await fetch(`${server}/api/v1/secrets/${token}/status`)).json();
      return (new Date(expires_at) - Date.now()) / 1000;
    };
    const about = (given, wanted) => assert.ok(given > wanted - 60 && given <= wanted, `${given} s, not ${wanted} s`);
    for (const javaScriptEnabled of [true, false]) {
      const context = await reader({ javaScriptEnabled });
      const page = await context.newPage();
      const create = async (number, unit) => {
        await page.goto(server);
        if (javaScriptEnabled) await page.waitForSelector("html.js");
        const field = (name) => page.locator(`#${javaScriptEnabled ? "" : "plain-"}${name}`);
        assert.ok(!(await field("ttl-number").isVisible()));
        await field("ttl").selectOption("other");
        await field("text").fill(TEXT);
        await field("ttl-number").fill(number);
        await field("ttl-unit").selectOption({ label: unit });
        await page.getByRole("button", { name: "Create the link" }).click();
      };
      for (const [number, unit, words] of [
        ["", said.unit_hours, said.ttl_missing],
        ["0", said.unit_days, said.ttl_missing],
        ["-1", said.unit_days, said.ttl_missing],
        ["1e3", said.unit_days, said.ttl_missing],
        ["31", said.unit_days, said.ttl_too_long.replace("{}", said.ttl_2592000)],
        ["99999999999", said.unit_minutes, javaScriptEnabled ? said.ttl_too_long.replace("{}", said.ttl_2592000) : said.ttl_missing],
      ]) {
        await create(number, unit);
        assert.equal(await problemOf(page, javaScriptEnabled ? "problem" : "plain-problem"), words, number);
        if (javaScriptEnabled) assert.equal(await page.evaluate(() => document.activeElement.dataset.id), "ttl-number");
      }
      await create("90", said.unit_minutes);
      await inState(page, "made");
      about(await seconds(await part(page, "link").inputValue()), 90 * 60);
      await create("30", said.unit_days);
      await inState(page, "made");
      about(await seconds(await part(page, "link").inputValue()), 30 * 86_400);
      if (javaScriptEnabled) {
        await create("３", said.unit_hours);
        await inState(page, "made");
        about(await seconds(await part(page, "link").inputValue()), 3 * 3600);
        await create("", said.unit_hours);
        await problemOf(page);
        await look(page, "share-custom-ttl");
      }
      await finish(context);
    }
  },

  async a_passphrase_is_shown_and_hidden_again() {
    const context = await reader();
    const share = await visit(context, server);
    const toggle = (page) => page.getByRole("button", { name: "Show the passphrase" });
    const type = (page) => part(page, "passphrase").getAttribute("type");
    const pressed = (page) => toggle(page).getAttribute("aria-pressed");
    await part(share, "passphrase").fill(PASSPHRASE);
    assert.deepEqual([await type(share), await pressed(share)], ["password", "false"]);
    await toggle(share).click();
    assert.deepEqual([await type(share), await pressed(share)], ["text", "true"]);
    assert.equal(await part(share, "passphrase").getAttribute("spellcheck"), "false");
    await look(share, "share-passphrase-shown");
    const link = await shareOn(share, { text: TEXT, passphrase: PASSPHRASE });
    assert.deepEqual([await type(share), await part(share, "passphrase").inputValue()], ["password", ""]);

    const page = await visit(context, link);
    await part(page, "passphrase").fill("wrong");
    await toggle(page).click();
    await part(page, "passphrase").press("Enter"); // reads; it isn't the toggle's
    await page.getByText("That passphrase is wrong").waitFor();
    assert.deepEqual([await type(page), await pressed(page)], ["password", "false"]);
    assert.equal(await readOn(page, { passphrase: PASSPHRASE }).then(String), TEXT.replaceAll("\r\n", "\n"));
    await finish(context);
  },

  async every_language_fits() {
    for (const language of LANGUAGES) {
      const context = await reader({ locale: language });
      const share = await visit(context, server);
      const secret = await visit(context, put(["-e"], { input: TEXT, passphrase: PASSPHRASE }));
      assert.equal(await share.evaluate(() => document.documentElement.lang), language);
      await look(share, `share-compose-${language}`);
      await look(secret, `secret-passphrase-${language}`);
      await part(share, "ttl").selectOption("other");
      for (const [page, name] of [[share, "share"], [secret, "secret"]]) {
        await everyViewFits(page, `${language}-${name}`);
      }
      await finish(context);
    }
  },
};
