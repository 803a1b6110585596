// Receipts: their pages keep themselves up to date, alone, several together, and below the link that was just made.

import assert from "node:assert/strict";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { capture, finish, inState, insecure, look, ots, part, PASSPHRASE, reader, server, shareOn, unread, visit } from "../harness.mjs";

const CLAIM = "0123456789abcdef0123456789abcdef";
const UNKNOWN = "r-aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa";
const RECEIPTS = "**/api/v1/receipts/**";

/** Asks the API as another program does. */
async function ask(method, path, { claim, body } = {}) {
  const headers = { ...(claim && { "Idempotency-Key": claim }), ...(body && { "Content-Type": "application/json" }) };
  return fetch(`${server}/api/v1/${path}`, { method, headers, body: body && JSON.stringify(body) });
}

/** A secret that is sent with a receipt: `{ token, receipt }`. */
async function sent(more = {}) {
  const response = await ask("POST", "secrets", { body: { content: "secret content", receipt: true, ...more } });
  assert.equal(response.status, 201);
  return response.json();
}

const claim = (token) => ask("POST", `secrets/${token}/reveal`, { claim: CLAIM });
const acknowledge = (token) => ask("DELETE", `secrets/${token}`, { claim: CLAIM });
const pageOf = (receipt) => `${server}/t/${receipt}`;
const titled = (page, name) => page.getByRole("heading", { name }).waitFor();

/** The page of a receipt, whose time stands still until it is told to pass. */
async function stopped(context, address) {
  const page = await context.newPage();
  await page.clock.install();
  await page.goto(address);
  await page.waitForSelector("html.js");
  return page;
}

export const scenarios = {
  async a_receipts_page_keeps_itself_up_to_date() {
    const context = await reader();
    const { token, receipt } = await sent();
    const page = await visit(context, pageOf(receipt));
    await titled(page, "Still unread");
    assert.equal(await page.title(), "Still unread");
    assert.match(await part(page, "expires_at").textContent(), / \(in 1 day\)$/);
    await look(page, "receipt-unread");
    await claim(token);
    await titled(page, "It is being read");
    assert.ok(!(await part(page, "burn").isVisible()), "it is too late for that");
    assert.ok(await part(page, "claim_expires_at").isVisible());
    await look(page, "receipt-claimed");
    await acknowledge(token);
    await titled(page, "It has arrived");
    assert.equal(await page.title(), "It has arrived");
    assert.deepEqual(await page.locator("dl time:visible").evaluateAll((times) => times.map((time) => time.dataset.id)), ["created_at", "claimed_at", "ended_at"]);
    assert.ok(await page.locator('[role="status"]', { has: page.getByRole("heading", { name: "It has arrived" }) }).isVisible(), "it is said aloud");
    await look(page, "receipt-delivered");
    // Where a proxy wants people to be signed in, this is one who is.
    await context.addCookies([{ name: "signed-in", value: "yes", url: server }]);
    const next = await sent();
    const [question] = await Promise.all([page.waitForRequest(RECEIPTS), page.goto(pageOf(next.receipt))]);
    assert.equal((await question.allHeaders()).cookie, "signed-in=yes");
    await context.clearCookies();

    const wrong = await sent({ passphrase: PASSPHRASE });
    const tried = await visit(context, pageOf(wrong.receipt));
    for (let tries = 0; tries < 10; tries += 1) await ask("POST", `secrets/${wrong.token}/reveal`, { claim: CLAIM, body: { passphrase: "wrong" } });
    await tried.getByText("Somebody tried wrong passphrases until it was destroyed").waitFor();
    assert.equal(await part(tried, "tries").textContent(), "10");
    await look(tried, "receipt-tries");
    await finish(context);
  },

  /** Less and less often, not while nobody sees it, at once when somebody does again, and no more once it has ended. */
  async a_receipt_is_asked_for_less_and_less_often() {
    const context = await reader();
    const { token, receipt } = await sent();
    let asked = 0;
    context.on("requestfinished", (request) => (asked += request.url().includes("/receipts/") ? 1 : 0));
    const page = await stopped(context, pageOf(receipt));
    const after = async (milliseconds) => {
      const next = page.waitForResponse(RECEIPTS);
      await page.clock.fastForward(milliseconds);
      await (await next).finished();
    };
    const beSeen = (seen) => page.evaluate((seen) => {
      Object.defineProperty(document, "hidden", { configurable: true, get: () => !seen });
      document.dispatchEvent(new Event("visibilitychange"));
    }, seen);
    await after(2_000);
    for (let turn = 0; turn < 9; turn += 1) await after(30_000);
    await page.clock.fastForward(20_000);
    await after(10_000);
    assert.equal(asked, 11, "not before half a minute has passed");
    await beSeen(false);
    await page.clock.fastForward(600_000);
    const again = page.waitForResponse(RECEIPTS);
    await beSeen(true);
    await (await again).finished();
    assert.equal(asked, 12, "nobody saw it");
    for (let turn = 0; turn < 9; turn += 1) await after(30_000);
    await claim(token);
    await after(30_000);
    await titled(page, "It is being read");
    await acknowledge(token);
    await after(2_000);
    await titled(page, "It has arrived");
    await beSeen(true);
    await page.clock.fastForward(600_000);
    assert.equal(asked, 23);
    await finish(context);
  },

  async a_receipts_button_destroys_what_is_unread() {
    const context = await reader();
    context.forgiven.push(/status of 409/);
    const { token, receipt } = await sent();
    const page = await visit(context, pageOf(receipt));
    await page.getByRole("button", { name: "Destroy it now" }).click();
    await page.getByText("It was destroyed with its receipt").waitFor();
    assert.ok(await page.evaluate(() => document.activeElement.tagName === "H1"), "the focus isn't lost with its button");
    assert.equal((await ask("GET", `secrets/${token}`)).status, 404);
    await look(page, "receipt-burned");

    const other = await sent();
    const late = await stopped(context, pageOf(other.receipt));
    await claim(other.token);
    await late.getByRole("button", { name: "Destroy it now" }).click();
    await late.getByText("It is too late").waitFor();
    await titled(late, "It is being read");
    await look(late, "receipt-too-late");
    assert.equal((await acknowledge(other.token)).status, 204);
    await finish(context);
  },

  async a_receipt_outlasts_a_server_that_is_away() {
    const context = await reader();
    context.forgiven.push(/ERR_FAILED/, /status of 503/);
    const { token, receipt } = await sent();
    const page = await visit(context, pageOf(receipt));
    await page.route(RECEIPTS, (route) => route.abort());
    await part(page, "away").getByText("This page goes on asking by itself.").waitFor();
    await titled(page, "Still unread");
    await look(page, "receipt-away");
    await page.getByRole("button", { name: "Destroy it now" }).click();
    await part(page, "late").getByText("The server can’t be reached.").waitFor();
    await page.unroute(RECEIPTS);
    await page.route(RECEIPTS, (route) => route.fulfill({ status: 503, json: { code: "unavailable" } }), { times: 1 });
    await part(page, "away").getByText("database isn’t answering").waitFor();
    await claim(token);
    await titled(page, "It is being read");
    assert.ok(!(await part(page, "away").isVisible()));
    await page.route(RECEIPTS, (route) => route.fulfill({ status: 404, json: { code: "gone" } }));
    await titled(page, "There is no such receipt here");
    await finish(context);
    const unknown = await reader();
    await look(await visit(unknown, pageOf(UNKNOWN)), "receipt-untold");
    await finish(unknown);
  },

  async the_page_that_shares_shows_what_becomes_of_it() {
    const context = await reader({ permissions: ["clipboard-read", "clipboard-write"] });
    const share = await visit(context, server);
    const link = await shareOn(share, { text: "secret content" });
    await share.getByText("Still unread.").waitFor();
    const receipt = await part(share, "receipt").inputValue();
    assert.match(receipt, new RegExp(`^${server}/t/r-[a-z2-7]{32}$`));
    await part(share, "copy-receipt").click();
    await share.waitForFunction(async (text) => (await navigator.clipboard.readText()) === text, receipt);
    const [page] = await Promise.all([context.waitForEvent("page"), share.getByRole("link", { name: "Open the receipt" }).click()]);
    await titled(page, "Still unread");
    await page.close();
    const token = new URL(link).pathname.split("/").pop();
    // Without the key nobody claims it: as its reader does.
    assert.equal(ots(["get", link]).toString(), "secret content");
    await titled(share, "It has arrived");
    await part(share, "status").getByText("The reader’s program has confirmed").waitFor();
    assert.equal(await part(share, "receipt").inputValue(), receipt, "which is still good");
    await look(share, "share-delivered");
    assert.ok(!(await unread(`${server}/s/${token}`)));
    await part(share, "another").click();
    assert.equal(await part(share, "receipt").inputValue(), "");

    // What is claimed isn't to be given away, and not at its end.
    const plain = await shareOn(share, { text: "secret content", encrypted: false });
    assert.ok(await share.getByRole("heading", { name: "Your link is ready" }).isVisible());
    await claim(plain.split("/").pop());
    await titled(share, "It is being read");
    assert.ok(!(await part(share, "link").isVisible()) && !(await part(share, "burn").isVisible()));
    await acknowledge(plain.split("/").pop());
    await titled(share, "It has arrived");
    await finish(context);
  },

  /** While a cluster is updated, say: the page is newer than what answers. */
  async a_server_without_receipts_is_asked_as_before() {
    const context = await reader();
    const share = await visit(context, server);
    const posted = [];
    await share.route("**/api/v1/secrets?**", (route) => {
      posted.push(new URL(route.request().url()).searchParams.get("receipt"));
      const errors = [{ pointer: "/query/receipt", detail: "unknown" }];
      return posted.at(-1) ? route.fulfill({ status: 422, json: { code: "validation", errors } }) : route.continue();
    });
    const link = await shareOn(share, { text: "secret content" });
    assert.deepEqual(posted, ["true", null]);
    assert.ok(!(await part(share, "receipt-part").isVisible()));
    await share.getByText("Still unread.").waitFor();
    assert.equal(ots(["get", link]).toString(), "secret content");
    await titled(share, "This secret is gone");
    await part(share, "status").getByText("It has been read, or destroyed.").waitFor();
    await part(share, "another").click();
    const other = await shareOn(share, { text: "secret content" });
    await part(share, "burn").click();
    await titled(share, "Destroyed unread");
    assert.ok(!(await unread(other)));
    await finish(context);
  },

  async several_receipts_are_shown_together() {
    const context = await reader();
    const folder = mkdtempSync(join(tmpdir(), "ots-receipts-"));
    const file = join(folder, "receipts");
    const links = ots(["put", "-n", "3", "--receipt", file], { input: "secret content" }).toString().trim().split("\n");
    const together = readFileSync(file, "utf8").trim().split("\n").pop();
    rmSync(folder, { recursive: true });
    const page = await visit(context, `${together},${UNKNOWN}`);
    const row = (number) => page.locator("ol.receipts > li").nth(number - 1);
    await part(page, "arrived").getByText("Arrived: 0 / 4").waitFor();
    await row(4).getByText("There is no such receipt here").waitFor();
    assert.equal(ots(["get", links[1]]).toString(), "secret content");
    await row(2).getByText("It has arrived").waitFor();
    await part(page, "arrived").getByText("Arrived: 1 / 4").waitFor();
    assert.equal(await part(page, "news").textContent(), "2: It has arrived", "it is said aloud");
    await claim(links[0].split("/").pop());
    await row(1).getByText("It is being read").waitFor();
    await row(3).getByText("Still unread").waitFor();
    await look(page, "receipts");
    await row(3).getByRole("link", { name: "Open the receipt" }).click();
    await page.getByRole("button", { name: "Destroy it now" }).click();
    await titled(page, "Destroyed unread");
    await page.goBack();
    await row(3).getByText("Destroyed unread").waitFor();

    // A program on the way escaped the mark.
    await page.goto(together.replace("#", "%23"));
    await row(3).getByText("Destroyed unread").waitFor();
    assert.equal(page.url(), together);
    await page.goto(`${server}/t/#`);
    await inState(page, "incomplete");
    await page.getByText("No receipt is in this link").waitFor();
    await look(page, "receipts-none");
    const many = Array.from({ length: 101 }, (_, number) => `r-${"abcdefghijklmnopqrstuvwxyz"[number % 26]}${"abcdefghijklmnopqrstuvwxyz"[Math.floor(number / 26)]}${"a".repeat(30)}`);
    await page.goto(`${server}/t/#${many}`);
    await page.getByText("Only the first 100 are shown.").waitFor();
    await page.waitForFunction(() => document.querySelectorAll('[data-fate="untold"]').length === 100);
    await finish(context);
    for (const options of [{ javaScriptEnabled: false }, {}]) {
      const without = await reader(options);
      without.forgiven.push(/ERR_FAILED/);
      await without.route("**/receipts.js", (route) => route.abort());
      const silent = await without.newPage();
      await silent.goto(together);
      await silent.locator(options.javaScriptEnabled === false ? ".warning" : ".words").getByText("This page needs JavaScript").waitFor();
      await capture(silent, options.javaScriptEnabled === false ? "plain-receipts" : "receipts-late", { fullPage: true });
      await finish(without);
    }
  },

  /** By a name that isn't loopback's too, where a browser says little of where a form came from. */
  async a_receipts_page_needs_no_script() {
    const context = await reader({ javaScriptEnabled: false });
    context.forgiven.push(/Cross-Origin-Opener-Policy header has been ignored/, /status of 409/);
    for (const root of [server, insecure]) {
      const { token, receipt } = await sent();
      const page = await context.newPage();
      await page.goto(`${root}/t/${receipt}`);
      await titled(page, "Still unread");
      await capture(page, "plain-receipt", { fullPage: true });
      await page.getByRole("button", { name: "Destroy it now" }).click();
      await titled(page, "Destroyed unread");
      assert.equal((await ask("GET", `secrets/${token}`)).status, 404);
      const other = await sent();
      await page.goto(`${root}/t/${other.receipt}`);
      await claim(other.token);
      await page.getByRole("button", { name: "Destroy it now" }).click();
      await page.getByText("It is too late").waitFor();
      await acknowledge(other.token);
      await page.getByRole("link", { name: "Check again" }).click();
      await titled(page, "It has arrived");
      await page.close();
    }
    const page = await context.newPage();
    await page.goto(server);
    await page.getByRole("textbox", { name: "Secret" }).fill("secret content");
    await page.getByRole("button", { name: "Create the link" }).click();
    assert.match(await part(page, "receipt").inputValue(), /\/t\/r-/);
    await capture(page, "plain-made", { fullPage: true });
    const [opened] = await Promise.all([context.waitForEvent("page"), page.getByRole("link", { name: "Open the receipt" }).click()]);
    await titled(opened, "Still unread");
    await finish(context);
  },

  async receipts_fit_in_every_language() {
    const { token, receipt } = await sent();
    await claim(token);
    const waiting = await sent();
    for (const language of ["en", "de", "fr", "es", "pt", "it", "nl", "pl", "zh", "ja"]) {
      const context = await reader({ locale: language });
      for (const [name, address] of [["claimed", pageOf(receipt)], ["unread", pageOf(waiting.receipt)], ["several", `${server}/t/#${receipt},${waiting.receipt},${UNKNOWN}`]]) {
        const page = await visit(context, address);
        assert.equal(await page.evaluate(() => document.documentElement.lang), language);
        if (name === "several") await page.waitForFunction(() => document.querySelectorAll("[data-fate]").length === 3);
        await page.setViewportSize({ width: 320, height: 640 });
        const wide = await page.evaluate(() => document.documentElement.scrollWidth);
        assert.ok(wide <= 320, `${language}, ${name}: ${wide} px wide on a screen of 320`);
        await capture(page, `${language}-receipt-${name}`, { fullPage: true });
        await page.close();
      }
      await finish(context);
    }
  },
};
