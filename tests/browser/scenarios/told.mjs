// What the pages say once something is over or didn't work: a secret destroyed, a link dead, a lease out, a copy refused.

import assert from "node:assert/strict";

import { BYTES, finish, inState, look, ots, part, PASSPHRASE, put, reader, server, shareOn, TEXT, visit } from "../harness.mjs";

async function arrived(context, words, input) {
  const page = await visit(context, put(words, { input }));
  await page.getByRole("button", { name: "Read the secret" }).click();
  await inState(page, "shown");
  return page;
}

export const scenarios = {
  async what_is_destroyed_is_saved_and_nothing_is_asked() {
    const context = await reader({ permissions: ["clipboard-read", "clipboard-write"] });
    for (const first of ["reveal", "copy"]) {
      for (const askedBefore of [false, true]) {
        const page = await arrived(context, ["-e"], TEXT);
        assert.ok(!(await page.getByText("that the file has arrived").isVisible()), "a text that isn't saved is no file");
        if (askedBefore) {
          await part(page, "save").click();
          await page.getByText("Did the file arrive?").waitFor();
        }
        await part(page, first).click();
        await page.getByText("It is now destroyed").waitFor();
        assert.ok(!(await part(page, "asked").isVisible()), first);
        await Promise.all([page.waitForEvent("download"), part(page, "save").click()]);
        await part(page, "saved").getByText("Look for it among your downloads.").waitFor();
        assert.ok(!(await part(page, "asked").isVisible()), "there is nothing left to destroy or to hand on");
        if (first === "reveal" && askedBefore) await look(page, "secret-saved");
        await page.close();
      }
    }
    await finish(context);
  },

  async when_the_lease_is_out_the_page_says_that_it_has_the_only_copy() {
    const context = await reader();
    for (const input of [TEXT, BYTES]) {
      const page = await context.newPage();
      await page.clock.install();
      await page.goto(put(["-e"], { input }));
      await page.getByRole("button", { name: "Read the secret" }).click();
      await inState(page, "shown");
      await page.locator('[data-view="shown"]').getByText("What is on this page stays here until you close it.").waitFor();
      await part(page, "fate").getByText("at the latest").waitFor();
      if (input === BYTES) await part(page, "save").click();
      await page.clock.fastForward(60_000);
      await part(page, "fate").getByText("this page has the only copy").waitFor();
      for (const over of ["arrived", "elsewhere", "elsewhere-hint"]) assert.ok(!(await part(page, over).isVisible()), over);
      assert.ok(!(await page.getByText("gives you the secret there").isVisible()), "no link leads to it any more");
      // A browser that can't save still has its other ways.
      if (input === BYTES) assert.ok(await part(page, "copy-base64").isVisible());
      await page.clock.resume();
      await look(page, input === BYTES ? "secret-only-copy-file" : "secret-only-copy");
      await Promise.all([page.waitForEvent("download"), part(page, input === BYTES ? "save-again" : "save").click()]);
      await page.close();
    }
    await finish(context);
  },

  async a_copy_that_fails_is_said() {
    const context = await reader();
    await context.addInitScript(() => {
      globalThis.allowed = false;
      if (globalThis.Clipboard) Clipboard.prototype.writeText = () => (globalThis.allowed ? Promise.resolve() : Promise.reject(new DOMException("no", "NotAllowedError")));
      Document.prototype.execCommand = () => false;
    });
    const share = await visit(context, server);
    await part(share, "generate").click();
    await part(share, "copy-generated").click();
    await share.getByText("It couldn’t be copied: the browser doesn’t allow it. Select it and press Ctrl+C").waitFor();
    await shareOn(share, { text: "secret content" });
    await part(share, "copy").click();
    const refused = part(share, "alive").getByRole("alert");
    await refused.getByText("It couldn’t be copied: the browser doesn’t allow it. Select it and press Ctrl+C").waitFor();
    assert.ok(await part(share, "link").evaluate((field) => field === document.activeElement && field.selectionEnd > 20));
    await look(share, "share-uncopied");
    await share.evaluate(() => (globalThis.allowed = true));
    await part(share, "copy").click();
    await share.getByRole("button", { name: "Copied" }).waitFor();
    assert.ok(!(await refused.isVisible()));

    const page = await arrived(context, ["-e"], TEXT);
    await part(page, "copy").click();
    await page.getByText("Show it first, then select it and press Ctrl+C").waitFor();
    await look(page, "secret-uncopied");
    assert.ok(!(await page.getByText("It is now destroyed").isVisible()), "nobody has it yet");
    await part(page, "reveal").click();
    await part(page, "copy").click();
    await page.getByText("It couldn’t be copied: the browser doesn’t allow it. Select it").waitFor();
    await finish(context);
  },

  async a_dead_link_is_not_offered() {
    const context = await reader();
    const share = await visit(context, server);
    assert.ok(await share.getByText("You get a link to send. Whoever has it can read the secret once; then it is destroyed.").isVisible());
    const ends = [
      ["It has arrived", "The reader’s program has confirmed that it has arrived.", async (link) => ots(["get", link])],
      ["Destroyed unread", "Somebody who has the link destroyed it", async (link) => ots(["burn", link])],
      ["Destroyed unread", "It was destroyed with its receipt", async () => part(share, "burn").click()],
      ["Expired unread", "Nobody asked for it in time.", async () => {
        const told = { state: "expired", ended_at: "2026-01-01T00:00:00.000Z", attempts: 0 };
        await share.route("**/receipts/**", (route) => route.fulfill({ json: told }), { times: 1 });
      }],
    ];
    for (const [title, words, end] of ends) {
      const link = await shareOn(share, { text: "secret content" });
      assert.ok(await share.getByRole("heading", { name: "Your link is ready" }).isVisible());
      assert.ok(!(await share.getByText("It needs the passphrase").isVisible()));
      await end(link);
      await part(share, "check").click({ timeout: 1_000 }).catch(() => {}); // it may have been seen by itself already
      await part(share, "status").getByText(words).waitFor();
      assert.ok(await share.getByRole("heading", { name: title }).isVisible());
      assert.equal(await share.title(), title);
      for (const gone of ["link", "copy", "apart", "qr", "burn", "check", "expires"]) assert.ok(!(await part(share, gone).isVisible()), gone);
      if (words.includes("receipt")) {
        assert.equal(await share.evaluate(() => document.activeElement.tagName), "H1", "the focus isn't lost with its button");
      }
      await part(share, "another").click();
    }
    await finish(context);
  },

  async what_goes_with_the_link_is_said() {
    const context = await reader();
    const share = await visit(context, server);
    await shareOn(share, { text: "secret content", passphrase: PASSPHRASE });
    assert.ok(await share.getByText("It needs the passphrase: tell it another way, not with the link.").isVisible());
    await share.getByText("Or scan it with a phone.").waitFor();
    await part(share, "apart").check();
    await share.getByText("The code is the link without the key.").waitFor();
    await look(share, "share-passphrase-apart");
    await part(share, "apart").uncheck();
    await share.getByText("Or scan it with a phone.").waitFor();
    await finish(context);
    const plain = await reader({ javaScriptEnabled: false });
    const page = await plain.newPage();
    for (const passphrase of ["", PASSPHRASE]) {
      await page.goto(server);
      await page.getByRole("textbox", { name: "Secret" }).fill("secret content");
      await page.getByRole("textbox", { name: "Passphrase" }).fill(passphrase);
      await page.getByRole("button", { name: "Create the link" }).click();
      await page.getByRole("heading", { name: "Your link is ready" }).waitFor();
      assert.equal(await page.getByText("It needs the passphrase").isVisible(), passphrase !== "");
    }
    await finish(plain);
  },

  async times_and_sizes_are_said_as_people_say_them() {
    const context = await reader();
    const page = await context.newPage();
    // A moment after they were chosen; and the nearest of what lies between.
    for (const [ttl, time] of [["50s", /\d\d seconds/], ["15m", "15 minutes"], ["1h", "1 hour"], ["2h", "2 hours"], ["100m", "2 hours"], ["80m", "1 hour"], ["1d", "1 day"], ["7d", "7 days"]]) {
      await page.goto(put(["--ttl", ttl], { input: TEXT }));
      await page.waitForFunction(() => document.documentElement.classList.contains("js"));
      assert.match(await part(page, "expires").textContent(), new RegExp(` \\(in ${time.source ?? time}\\)$`), ttl);
    }
    const share = await visit(context, server);
    for (const [length, said] of [[1, "1 byte"], [5, "5 bytes"], [1536, "1.5 kB"]]) {
      await part(share, "file").setInputFiles({ name: "x", mimeType: "", buffer: Buffer.alloc(length) });
      assert.equal(await part(share, "file-name").textContent(), `x (${said})`);
      await part(share, "remove").click();
    }
    await finish(context);
  },
};
