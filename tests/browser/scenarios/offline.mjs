// No connection, at each step: words, a way on, and nothing lost. And passphrases that nothing is sent for.

import assert from "node:assert/strict";

import { finish, inState, look, ots, part, PASSPHRASE, put, reader, readOn, server, TEXT, unread, visit } from "../harness.mjs";

const NET = [/ERR_CONNECTION_RESET/, /ERR_FAILED/, /ERR_INTERNET_DISCONNECTED/];

async function offlineReader() {
  const context = await reader();
  context.forgiven.push(...NET);
  return context;
}

export const scenarios = {
  async offline_before_and_while_sharing() {
    const context = await offlineReader();
    const share = await visit(context, server);
    await part(share, "text").fill("canary");
    await part(share, "passphrase").fill(PASSPHRASE);
    const create = share.getByRole("button", { name: "Create the link" });
    const kept = async () => {
      await share.getByText("The server can’t be reached. Nothing is lost").waitFor();
      assert.equal(await part(share, "text").inputValue(), "canary");
      assert.equal(await part(share, "passphrase").inputValue(), PASSPHRASE);
    };
    await context.setOffline(true);
    await create.click();
    await kept();
    await look(share, "share-offline");
    await context.setOffline(false);
    // The upload breaks off, once before the server and once behind it.
    await share.route("**/api/v1/secrets?**", (route) => route.abort("connectionreset"), { times: 1 });
    await create.click();
    await kept();
    await share.route("**/api/v1/secrets?**", async (route) => {
      await route.fetch();
      await route.abort("connectionreset");
    }, { times: 1 });
    await create.click();
    await kept();
    await create.click();
    await inState(share, "made");
    assert.equal(ots(["get", await part(share, "link").inputValue()], { passphrase: PASSPHRASE }).toString(), "canary");
    await finish(context);
  },

  async offline_before_acknowledging() {
    const context = await offlineReader();
    const page = await visit(context, put(["-e"], { input: TEXT }));
    await page.getByRole("button", { name: "Read the secret" }).click();
    await inState(page, "shown");
    await context.setOffline(true);
    await part(page, "reveal").click();
    assert.equal(await part(page, "content").textContent(), TEXT);
    await part(page, "fate").getByText(/It is destroyed within \d+ s/).waitFor();
    await finish(context);
  },

  /** Reloaded between reading and showing, offline then too, and with the server failing: the tab's own secret, its time and its words. */
  async a_reload_offline_is_asked_again() {
    const context = await offlineReader();
    const link = put(["-e"], { input: TEXT, passphrase: PASSPHRASE });
    const page = await visit(context, link);
    await part(page, "passphrase").fill(PASSPHRASE);
    const expires = await part(page, "expires").textContent();
    await page.route("**/reveal", async (route) => {
      await route.fetch();
      await route.abort("connectionreset");
    }, { times: 1 });
    await page.keyboard.press("Enter");
    await inState(page, "broken");
    await page.route("**/status", (route) => route.abort("connectionreset"), { times: 1 });
    await page.reload();
    await inState(page, "broken");
    await page.locator("section:visible").getByRole("button", { name: "Try again" }).click();
    await inState(page, "waiting");
    const date = (text) => text.split(" (")[0];
    assert.equal(date(await part(page, "expires").textContent()), date(expires));
    await part(page, "passphrase").fill(PASSPHRASE);
    await page.route("**/reveal", (route) => route.fulfill({ status: 500, json: { code: "internal", detail: "The store failed." } }), { times: 1 });
    await page.keyboard.press("Enter");
    await inState(page, "failed");
    await page.locator("section:visible").getByRole("button", { name: "Try again" }).click();
    await inState(page, "shown");
    await part(page, "reveal").click();
    assert.equal(await part(page, "content").textContent(), TEXT);
    await finish(context);
  },

  async what_the_server_refuses_can_be_typed_anew() {
    const context = await reader();
    const page = await visit(context, put([], { input: TEXT, passphrase: PASSPHRASE }));
    await page.route("**/reveal", (route) => route.fulfill({ status: 422, json: { code: "validation", detail: "Not so." } }), { times: 1 });
    await part(page, "passphrase").fill(PASSPHRASE);
    await page.keyboard.press("Enter");
    await page.getByText("The server didn’t understand this page").waitFor();
    await page.locator("section:visible").getByRole("button", { name: "Try again" }).click();
    await inState(page, "waiting");
    assert.equal(await part(page, "passphrase").inputValue(), PASSPHRASE);
    assert.equal(await readOn(page, { passphrase: PASSPHRASE }).then(String), TEXT);
    await finish(context);
  },

  /** Cookies and what goes with them blocked: the page can't remember anything, and reads all the same. */
  async where_the_browser_keeps_nothing() {
    const context = await reader();
    await context.addInitScript(() => {
      const refuse = () => {
        throw new DOMException("blocked", "SecurityError");
      };
      Object.defineProperty(globalThis, "sessionStorage", { get: refuse });
    });
    const link = put(["-e"], { input: TEXT });
    const page = await visit(context, link);
    await page.getByRole("button", { name: "Read the secret" }).click();
    await inState(page, "shown");
    await part(page, "reveal").click();
    assert.equal(await part(page, "content").textContent(), TEXT);
    await page.getByText("It is now destroyed").waitFor();
    await finish(context);
  },

  async a_passphrase_that_can_not_be_one_is_sent_nowhere() {
    const context = await reader();
    const asked = [];
    context.on("request", (request) => {
      if (request.url().includes("/api/")) asked.push(request.url());
    });
    // In NFC 1,024 bytes, as it is typed 1,536.
    const longest = "e\u0301".repeat(512);
    for (const encrypted of [true, false]) {
      const link = put([`--encrypt=${encrypted}`], { input: TEXT, passphrase: PASSPHRASE });
      const page = await visit(context, link);
      for (const [typed, words] of [["", "Type the passphrase first"], ["x".repeat(1025), "at most"], ["é".repeat(513), "at most"]]) {
        await part(page, "passphrase").fill(typed);
        await page.getByRole("button", { name: "Read the secret" }).click();
        await page.locator("#wrong").getByText(words).waitFor();
        assert.ok(await page.evaluate(() => document.activeElement.matches('[aria-describedby~="wrong"]')));
        assert.equal(await part(page, "passphrase").getAttribute("aria-invalid"), "true");
        assert.equal(await part(page, "passphrase").inputValue(), typed);
        assert.deepEqual(asked, []);
      }
      if (encrypted) await look(page, "secret-passphrase-too-long");
      assert.ok(await unread(link));
      assert.equal(await readOn(page, { passphrase: PASSPHRASE }).then(String), TEXT);
      asked.length = 0;

      const share = await visit(context, server);
      await part(share, "text").fill("canary");
      await part(share, "encrypt").setChecked(encrypted);
      // Nothing is cut off without a word.
      await part(share, "passphrase").fill("x".repeat(1025));
      await share.getByRole("button", { name: "Create the link" }).click();
      await share.locator("#passphrase-problem").getByText("at most").waitFor();
      assert.equal(await part(share, "passphrase").inputValue(), "x".repeat(1025));
      assert.deepEqual(asked, []);
      if (encrypted) await look(share, "share-passphrase-too-long");
      await part(share, "passphrase").fill(encrypted ? longest : PASSPHRASE);
      await share.getByRole("button", { name: "Create the link" }).click();
      await inState(share, "made");
      // What was made is asked about now and then, as long as it is shown.
      for (const open of context.pages()) await open.close();
      asked.length = 0;
    }
    await finish(context);
  },
};
