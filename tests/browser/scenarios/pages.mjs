// The pages themselves: the sender's, the keyboard, the API's pages, and how light the reveal page is.

import assert from "node:assert/strict";

import { capture, finish, inState, look, part, put, reader, server, shareOn, tabTo, TEXT, unread, visit } from "../harness.mjs";

export const scenarios = {
  async the_keyboard_is_enough() {
    const context = await reader();
    const share = await visit(context, server);
    await tabTo(share, "text");
    await share.keyboard.type("secret content");
    await tabTo(share, "passphrase");
    await share.keyboard.type("pass");
    await tabTo(share, "encrypt");
    await share.keyboard.press("Tab");
    await share.keyboard.press("Enter");
    await inState(share, "made");
    assert.ok(await share.evaluate(() => document.activeElement.textContent === "Your link is ready"));
    const link = await part(share, "link").inputValue();
    await tabTo(share, "check");
    await share.keyboard.press("Enter");
    const page = await visit(context, link);
    await tabTo(page, "passphrase");
    await page.keyboard.type("pass");
    await page.keyboard.press("Enter");
    await inState(page, "shown");
    assert.ok(await page.evaluate(() => document.activeElement.textContent === "The secret has arrived"));
    await tabTo(page, "reveal");
    await page.keyboard.press("Enter");
    assert.ok(await page.evaluate(() => document.activeElement.textContent === "secret content"));
    await share.getByRole("heading", { name: "It has arrived" }).waitFor();
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
    await share.getByRole("heading", { name: "Destroyed unread" }).waitFor();
    assert.ok(!(await unread(link)));
    await look(share, "share-burned");
    await part(share, "another").click();
    assert.equal(await part(share, "link").inputValue(), "");
    assert.equal(await part(share, "text").inputValue(), "");
    await finish(context);
  },

  async the_apis_pages_work_with_no_other_host() {
    const context = await reader();
    const docs = await context.newPage();
    await docs.goto(`${server}/docs`);
    await docs.locator(".opblock").nth(7).waitFor();
    await docs.getByText("Store a secret").first().click();
    await docs.getByText("how long to keep it").first().waitFor();
    await capture(docs, "docs");
    const redoc = await context.newPage();
    await redoc.goto(`${server}/redoc`);
    await redoc.getByRole("heading", { name: "Store a secret" }).waitFor();
    await capture(redoc, "redoc");
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
