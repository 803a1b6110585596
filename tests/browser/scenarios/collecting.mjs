// Collecting an answer where something is in the way: a passphrase, a server that lies, a link that was changed, a connection that breaks.

import assert from "node:assert/strict";

import { asked, assetsOf, finish, inState, look, ots, part, PASSPHRASE, reader, TEXT, visit } from "../harness.mjs";
import { askOn, ownLinkOf, PAGE, putTo, readOn } from "../requests.mjs";

export const scenarios = {
  async a_passphrase_of_ones_own_is_asked_for_and_a_wrong_one_costs_nothing() {
    const context = await reader();
    const page = await visit(context, PAGE);
    for (const [passphrase, words] of [["x".repeat(1025), "is too long"]]) {
      await part(page, "passphrase").fill(passphrase);
      await page.getByRole("button", { name: "Make the request" }).click();
      await page.locator("#passphrase-problem").getByText(words).waitFor();
    }
    await part(page, "passphrase").fill(" a");
    await page.getByText("begins or ends with a space").waitFor();
    await look(page, "request-passphrase");
    const { link, own } = await askOn(page, { passphrase: PASSPHRASE });
    assert.ok(own.startsWith(`${PAGE}#p.`));
    putTo(link, TEXT);
    const elsewhere = await reader();
    const asks = [];
    elsewhere.on("request", (request) => asks.push(request.method()));
    const opened = await visit(elsewhere, own);
    await inState(opened, "answered");
    for (const [wrong, words] of [["", "Type the passphrase first."], ["wrong", "That passphrase is wrong. Nothing was sent"]]) {
      await part(opened, "own").fill(wrong);
      await opened.keyboard.press("Enter");
      await opened.locator("#wrong").getByText(words).waitFor();
      assert.equal(await opened.evaluate(() => document.activeElement.id), "own");
    }
    await look(opened, "request-wrong-passphrase");
    assert.ok(asks.every((method) => method === "GET"), "nothing was sent");
    assert.equal((await readOn(opened, { passphrase: PASSPHRASE })).toString(), TEXT);
    await finish(elsewhere);
    // Without it the command line collects it no less.
    const again = await askOn(await visit(context, PAGE), { passphrase: PASSPHRASE });
    putTo(again.link, "secret content");
    assert.equal(ots(["get", again.own], { passphrase: PASSPHRASE }).toString(), "secret content");
    await finish(context);
  },

  /** A server that lies, and a link that was changed. */
  async a_changed_answer_or_link_is_found_out() {
    const context = await reader();
    const [one, other] = [asked([]), asked([])];
    const [link, second] = [ownLinkOf(one), ownLinkOf(other)];
    for (const [cut, state] of [
      [link.slice(0, -1), "incomplete"],
      [link.replace("#k.", "#x."), "incomplete"],
      [link.split(".").slice(0, -1).join("."), "incomplete"],
      [`${PAGE}#x`, "incomplete"],
      // Whole, but of a key that isn't the request's.
      [[...link.split(".").slice(0, -2), ...second.split(".").slice(-2)].join("."), "open"],
      [[...link.split(".").slice(0, -1), second.split(".").pop()].join("."), "incomplete"],
    ]) {
      const page = await visit(context, cut);
      await inState(page, state);
      if (cut === `${PAGE}#x`) await look(page, "request-incomplete");
      if (state === "open") {
        await page.getByText("isn’t what you made").waitFor();
        await look(page, "request-changed");
      }
      await page.close();
    }

    // What clung to it goes, and the address is right again.
    for (const clings of [".", ",", ")", "%22", "”", ">."]) {
      const page = await visit(context, link + clings);
      await inState(page, "open");
      assert.equal(page.url(), link);
      await page.close();
    }

    putTo(one.link, "secret content");
    putTo(other.link, "another's");
    const tokenOf = (own) => own.split(".")[2];
    // The other's answer in this one's place, or one that has a bit of its own.
    const lies = [
      async (route) => {
        const proof = (await page.evaluate(async ([module, own]) => {
          const { keysOf } = await import(`${module}sealed_box.js`);
          const { parseCollecting } = await import(`${module}collecting.js`);
          return (await keysOf(parseCollecting(own), null)).proof;
        }, [await assetsOf(page), second.split("#")[1]]));
        const headers = { ...route.request().headers(), "content-type": "application/json" };
        const url = route.request().url().replace(tokenOf(link), tokenOf(second));
        return route.fulfill({ response: await route.fetch({ url, headers, postData: JSON.stringify({ passphrase: proof }) }) });
      },
      async (route) => {
        const response = await route.fetch();
        const body = await response.body();
        body[1300] ^= 1;
        return route.fulfill({ response, body });
      },
      (route) => route.fulfill({ status: 403, json: { code: "wrong_passphrase", attempts_left: 9 } }),
    ];
    const page = await visit(context, link);
    for (const lie of lies) {
      await inState(page, "answered");
      await page.route("**/reveal", lie, { times: 1 });
      await page.getByRole("button", { name: "Read the secret" }).click();
      await inState(page, "damaged");
      assert.ok(!(await page.content()).includes("another's"));
      assert.equal(page.url(), link, "the link stays");
      await page.reload();
      await page.waitForSelector("html.js");
    }
    // Nothing was acknowledged of it.
    assert.equal((await readOn(page)).toString(), "secret content");
    await finish(context);
  },

  async a_broken_connection_costs_no_answer() {
    const context = await reader();
    context.forgiven.push(/ERR_FAILED/, /ERR_CONNECTION_RESET/, /status of 503/);
    const one = asked([]);
    putTo(one.link, "secret content");
    const page = await visit(context, ownLinkOf(one));
    await inState(page, "answered");
    await page.route("**/reveal", async (route) => {
      await route.fetch();
      await route.abort("connectionreset");
    }, { times: 1 });
    await page.getByRole("button", { name: "Read the secret" }).click();
    await inState(page, "broken");
    // Nobody else gets it, and this tab does, anew too.
    const other = await reader();
    await inState(await visit(other, ownLinkOf(one)), "ended");
    await page.reload();
    await inState(page, "answered");
    await page.getByRole("button", { name: "Read the secret" }).click();
    await inState(page, "shown");
    const claim = await page.evaluate(() => Object.values(sessionStorage)[0]);
    // Handed on to another browser, as a file is that this one can't save.
    const handed = await visit(other, `${ownLinkOf(one)}~${claim}`);
    await inState(handed, "answered");
    assert.equal(handed.url(), ownLinkOf(one));
    assert.equal((await readOn(handed)).toString(), "secret content");
    await finish(other);

    const away = await context.newPage();
    await away.route("**/api/v1/requests**", (route) => route.abort(), { times: 1 });
    await away.goto(PAGE);
    await part(away, "label").fill("a label");
    await away.getByRole("button", { name: "Make the request" }).click();
    await away.locator("#problem").getByText("The server can’t be reached.").waitFor();
    assert.equal(await part(away, "label").inputValue(), "a label");
    await away.route("**/api/v1/requests**", (route) => route.fulfill({ status: 503, json: { code: "busy" } }), { times: 1 });
    await away.getByRole("button", { name: "Make the request" }).click();
    await away.locator("#problem").getByText("more to do than it can handle").waitFor();
    // A server that makes something else of it.
    await away.route("**/api/v1/requests**", (route) => route.fulfill({ status: 201, json: { token: "x#y", collecting_token: "z" } }), { times: 1 });
    await away.getByRole("button", { name: "Make the request" }).click();
    await away.locator("#problem").getByText("The server can’t be reached.").waitFor();
    for (const wrong of ["x".repeat(511), "a\u202eb"]) {
      await part(away, "label").fill(wrong);
      await away.getByRole("button", { name: "Make the request" }).click();
      await away.locator("#label-problem").getByText("longer than 510 bytes").waitFor();
    }
    await look(away, "request-label-wrong");
    await finish(context);
  },
};
