// The page that makes a request and collects its answer: by itself, and with the command line.

import assert from "node:assert/strict";

import { asked, BYTES, capture, everyViewFits, finish, inState, look, ots, part, reader, server, tabTo, TEXT, visit, withoutBundle } from "../harness.mjs";
import { asksToLeave, askOn, INVITATIONS, LABEL, ownLinkOf, PAGE, putTo, readOn } from "../requests.mjs";

export const scenarios = {
  async the_page_asks_and_collects() {
    const context = await reader({ permissions: ["clipboard-read", "clipboard-write"] });
    const page = await visit(context, server);
    await page.getByRole("link", { name: "Or ask somebody for a secret" }).click();
    await page.waitForSelector("html.js");
    assert.equal(page.url(), PAGE);
    await look(page, "request-compose");
    const { link, own } = await askOn(page, { label: LABEL });
    assert.match(link, new RegExp(`^${server}/r/[a-z2-7]{32}#[A-Za-z0-9_-]{43}$`));
    assert.match(own, new RegExp(`^${PAGE}#k(\\.[a-z2-7]{32}){2}(\\.[A-Za-z0-9_-]{43}){2}$`));
    assert.equal(page.url(), own, "it can be bookmarked");
    assert.equal(await part(page, "wanted").textContent(), LABEL);
    assert.ok(await page.getByText("it is the only way to the answer").isVisible());
    assert.ok(await part(page, "qr").isVisible());
    assert.equal(await page.title(), `${LABEL} – ${await page.locator('[data-view="open"] h1').textContent()}`, "told apart from others");
    assert.equal(await page.locator('[data-view="open"] button.primary').count(), 1);
    await page.getByText("Nobody has answered the request.").waitFor();
    for (const [button, text] of [["copy-given", link], ["copy-collecting", own]]) {
      await part(page, button).click();
      await page.waitForFunction(async (text) => (await navigator.clipboard.readText()) === text, text);
    }
    await look(page, "request-open");
    const [receipt] = await Promise.all([context.waitForEvent("page"), page.getByRole("link", { name: "Open the receipt" }).click()]);
    await receipt.getByRole("heading", { name: "Not answered yet" }).waitFor();
    await receipt.close();

    // Answered on the command line, it is told here as it happens.
    putTo(link, TEXT);
    await inState(page, "answered");
    assert.equal(await page.title(), `${LABEL} – The answer is here`);
    assert.equal(await part(page, "answered-wanted").textContent(), LABEL);
    await look(page, "request-answered");
    assert.deepEqual(await readOn(page), Buffer.from(TEXT));
    await look(page, "request-collected");
    await page.reload();
    await inState(page, "compose");

    // From page to page, and to the command line; what was kept is opened in another browser.
    for (const [content, name] of [[BYTES, "key 1.pem"], [Buffer.alloc(1 << 20, 7), "key 1.pem"]]) {
      const other = await reader();
      const made = await askOn(await visit(context, PAGE));
      const answers = await visit(other, made.link);
      await inState(answers, "compose");
      await part(answers, "file").setInputFiles({ name, mimeType: "", buffer: content });
      await answers.getByRole("button", { name: "Send the answer" }).click();
      await inState(answers, "sent");
      assert.deepEqual(await readOn(await visit(other, made.own), { file: name }), content);
      await finish(other);
    }
    const made = await askOn(await visit(context, PAGE));
    putTo(made.link, BYTES);
    assert.deepEqual(ots(["get", made.own]), BYTES);
    const ofCommand = asked(["--label", LABEL]);
    const opened = await visit(context, ownLinkOf(ofCommand));
    await inState(opened, "open");
    assert.deepEqual([await part(opened, "wanted").textContent(), await part(opened, "link").inputValue()], [LABEL, ofCommand.link]);
    const [derived] = await Promise.all([context.waitForEvent("page"), opened.getByRole("link", { name: "Open the receipt" }).click()]);
    await derived.getByRole("heading", { name: "Not answered yet" }).waitFor();
    await derived.close();
    putTo(ofCommand.link, "secret content");
    assert.equal((await readOn(opened)).toString(), "secret content");
    await finish(context);
  },

  async a_request_is_taken_back_or_ends() {
    const context = await reader();
    context.forgiven.push(/ERR_FAILED/);
    const page = await visit(context, PAGE);
    const { link, own } = await askOn(page);
    const answers = await visit(context, link);
    await inState(answers, "compose");
    await page.getByRole("button", { name: "Take the request back" }).click();
    await page.getByRole("heading", { name: "Taken back" }).waitFor();
    assert.equal(page.url(), PAGE);
    await look(page, "request-withdrawn");
    await part(answers, "text").fill("secret content");
    await answers.getByRole("button", { name: "Send the answer" }).click();
    await inState(answers, "over");
    // Its receipt is found from its own link, also in another tab.
    const opened = await visit(context, own);
    await opened.getByRole("heading", { name: "Taken back" }).waitFor();
    await opened.getByRole("link", { name: "Ask for another secret" }).click();
    await inState(opened, "compose");

    const watched = await visit(context, PAGE);
    const other = await askOn(watched);
    const file = asked([]);
    const opens = await visit(context, ownLinkOf(file));
    await inState(opens, "open");
    ots(["burn", file.file]);
    await opens.getByRole("button", { name: "Check again" }).click();
    await opens.getByRole("heading", { name: "Taken back" }).waitFor();
    const elsewhere = await visit(context, other.own);
    await inState(elsewhere, "open");
    await elsewhere.getByRole("button", { name: "Take the request back" }).click();
    await watched.getByRole("heading", { name: "Taken back" }).waitFor();

    // It was answered before it was taken back.
    const late = await visit(context, PAGE);
    const answered = await askOn(late);
    await late.route(INVITATIONS, (route) => (route.request().method() === "GET" ? route.abort() : route.continue()));
    putTo(answered.link, "secret content");
    await part(late, "status").getByText("This page goes on asking by itself.").waitFor();
    await look(late, "request-away");
    await late.unroute(INVITATIONS);
    await late.getByRole("button", { name: "Take the request back" }).click();
    assert.equal((await readOn(late)).toString(), "secret content");

    const brief = asked(["--ttl", "1s"]);
    await new Promise((resolve) => setTimeout(resolve, 1100));
    const ended = await visit(context, ownLinkOf(brief));
    await ended.getByRole("heading", { name: "Expired" }).waitFor();
    await look(ended, "request-expired");
    await inState(await visit(context, brief.link), "over");
    // Another server's, or one that has forgotten it.
    const unknown = own.replace(/\.[a-z2-7]{32}/g, `.${"a".repeat(32)}`);
    const gone = await visit(context, unknown);
    await inState(gone, "gone");
    await look(gone, "request-gone");
    await finish(context);
  },

  /** Its own link isn't kept anywhere but where its maker does. */
  async leaving_a_request_that_nobody_kept_is_asked_about() {
    const context = await reader({ permissions: ["clipboard-read", "clipboard-write"] });
    const page = await visit(context, PAGE);
    const questions = [];
    page.on("dialog", async (dialog) => {
      questions.push(dialog.type());
      await dialog.dismiss();
    });
    await askOn(page);
    await page.getByRole("link", { name: "Ask for another secret" }).click();
    await page.waitForTimeout(500);
    assert.deepEqual([questions, await page.locator("main").getAttribute("data-state")], [["beforeunload"], "open"]);
    await part(page, "copy-collecting").click();
    await page.getByRole("button", { name: "Copied" }).waitFor();
    await page.getByRole("link", { name: "Ask for another secret" }).click();
    await inState(page, "compose");
    assert.deepEqual([questions.length, page.url()], [1, PAGE]);
    assert.deepEqual(await page.evaluate(() => [Object.keys(localStorage), Object.keys(sessionStorage)]), [[], []]);
    await finish(context);
  },

  async leaving_an_answer_that_nobody_has_yet_is_asked_about() {
    const context = await reader();
    const request = asked([]);
    putTo(request.link, "secret content");
    const page = await visit(context, ownLinkOf(request));
    await inState(page, "answered");
    assert.ok(!(await asksToLeave(page)), "it is kept on the server");
    await page.getByRole("button", { name: "Read the secret" }).click();
    await inState(page, "shown");
    assert.ok(await asksToLeave(page), "not shown yet");
    let release;
    const held = new Promise((resolve) => (release = resolve));
    await page.route((url) => url.pathname.startsWith("/api/v1/secrets/"), async (route) => {
      await held;
      await route.continue();
    });
    await part(page, "reveal").click();
    assert.ok(await asksToLeave(page), "not acknowledged yet");
    release();
    await page.waitForFunction(() => sessionStorage.length === 0);
    assert.ok(!(await asksToLeave(page)));
    await finish(context);
  },

  async the_keyboard_is_enough_to_ask() {
    const context = await reader();
    const page = await visit(context, PAGE);
    await tabTo(page, "label");
    await page.keyboard.type("a key");
    await page.keyboard.press("Enter");
    await inState(page, "open");
    assert.ok(await page.evaluate(() => document.activeElement.textContent === "Your request is open"));
    for (const id of ["copy-given", "collecting", "copy-collecting", "check", "withdraw"]) await tabTo(page, id);
    putTo(await part(page, "link").inputValue(), "secret content");
    await inState(page, "answered");
    assert.ok(await page.evaluate(() => document.activeElement.textContent === "The answer is here"));
    await page.keyboard.press("Tab");
    await page.keyboard.press("Enter");
    await inState(page, "shown");
    await tabTo(page, "reveal");
    await page.keyboard.press("Enter");
    assert.ok(await page.evaluate(() => document.activeElement.textContent === "secret content"));
    await finish(context);
  },

  async without_its_script_or_ciphers_the_page_says_how_to_ask() {
    const own = ownLinkOf(asked([]));
    for (const options of [{ javaScriptEnabled: false }, {}]) {
      const without = await reader(options);
      without.forgiven.push(/ERR_FAILED/);
      await without.route("**/request.js", (route) => route.abort());
      const silent = await without.newPage();
      await silent.goto(PAGE);
      const plain = options.javaScriptEnabled === false;
      await silent.locator(plain ? ".warning:visible" : ".words").getByText("ots request asks").waitFor();
      await capture(silent, plain ? "plain-request" : "request-late-script", { fullPage: true });
      await finish(without);
    }
    const context = await reader();
    await withoutBundle(context);
    for (const address of [PAGE, own]) {
      const page = await visit(context, address);
      await inState(page, "unsupported");
      await page.getByText("ots request asks").waitFor();
    }
    await finish(context);
  },

  async requests_fit_in_every_language() {
    for (const language of ["en", "de", "fr", "es", "pt", "it", "nl", "pl", "zh", "ja"]) {
      const context = await reader({ locale: language });
      const page = await visit(context, PAGE);
      assert.equal(await page.evaluate(() => document.documentElement.lang), language);
      await part(page, "label").fill(LABEL);
      await page.locator('[data-id="ask"] button.primary').click();
      await inState(page, "open");
      await everyViewFits(page, `${language}-request`);
      await finish(context);
    }
  },

  async asking_takes_the_key_where_there_is_one() {
    const context = await reader();
    const page = await visit(context, PAGE);
    await look(page, "request-key");
    await part(page, "label").fill("a label");
    await page.getByRole("button", { name: "Make the request" }).click();
    await page.locator("#problem").getByText("Sharing here needs a valid key.").waitFor();
    assert.equal(await part(page, "label").inputValue(), "a label");
    await part(page, "create-key").fill(process.env.OTS_CREATE_KEY);
    await page.keyboard.press("Enter");
    assert.equal(await page.evaluate(() => document.activeElement.dataset.id), "label");
    const { link, own } = await askOn(page);
    putTo(link, "secret content");
    const other = await reader();
    assert.equal((await readOn(await visit(other, own))).toString(), "secret content");
    await finish(other);
    await finish(context);
  },

  async where_nobody_creates_nothing_is_asked() {
    const context = await reader();
    const page = await visit(context, PAGE);
    await page.getByText("No requests are made on this page.").waitFor();
    assert.equal(await page.locator("main form:visible").count(), 0);
    await look(page, "request-closed");
    const own = `${PAGE}#k${`.${"a".repeat(32)}`.repeat(2)}${`.${"A".repeat(43)}`.repeat(2)}`;
    await inState(await visit(context, own), "incomplete");
    await finish(context);
  },
};
