// Reading: what breaks, what races, and what is typed wrong.

import assert from "node:assert/strict";

import { finish, inState, look, part, PASSPHRASE, put, reader, readOn, TEXT, unread, visit } from "../harness.mjs";
import { asksToLeave } from "../requests.mjs";

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

export const scenarios = {
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

  async leaving_a_secret_that_nobody_has_yet_is_asked_about() {
    const context = await reader();
    const page = await visit(context, put(["-e"], { input: TEXT }));
    assert.ok(!(await asksToLeave(page)));
    await page.getByRole("button", { name: "Read the secret" }).click();
    await inState(page, "shown");
    assert.ok(await asksToLeave(page));
    await part(page, "reveal").click();
    await page.waitForFunction(() => sessionStorage.length === 0);
    assert.ok(!(await asksToLeave(page)));
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
      await Promise.all(pages.map((page) => page.evaluate(() => document.querySelector("form .primary").click())));
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
    await page.getByText("That was the last try, and it was wrong too: the secret has been destroyed").waitFor();
    assert.ok(await page.locator('[data-view="burned"]').getByText("Ask the sender for a new one.").isVisible());
    assert.ok(!(await page.getByText("leaked").first().isVisible()), "nobody else has read it");
    await look(page, "secret-burned");
    await finish(context);
  },
};
