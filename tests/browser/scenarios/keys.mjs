// A server that takes secrets only with a key, and one that takes none.

import assert from "node:assert/strict";

import { finish, inState, look, part, PASSPHRASE, reader, server, shareOn, TEXT, visit } from "../harness.mjs";

const KEY = process.env.OTS_CREATE_KEY;
const LINES = TEXT.replaceAll("\r\n", "\n");

const keptKeys = (page) => page.evaluate(() => Object.values(sessionStorage));

export const scenarios = {
  async the_page_asks_for_the_key_and_keeps_it_in_the_tab() {
    const context = await reader();
    const share = await visit(context, server);
    await look(share, "key-wanted");
    await part(share, "text").fill(TEXT);
    for (const wrong of ["", "nonsense", `ots_${"a".repeat(52)}`, "schlüssel 🔑"]) {
      await part(share, "create-key").fill(wrong);
      await share.getByRole("button", { name: "Create the link" }).click();
      await share.getByText("Sharing here needs a valid key.").waitFor();
      await inState(share, "compose");
      assert.equal(await part(share, "text").inputValue(), LINES, "what was typed stays");
      assert.equal(await part(share, "create-key").evaluate((field) => field === document.activeElement), true);
      assert.deepEqual(await keptKeys(share), []);
    }
    await look(share, "key-refused");
    await part(share, "create-key").fill(KEY);
    await share.keyboard.press("Enter");
    await share.getByText("This tab uses the key until you close it").waitFor();
    await share.reload();
    assert.equal(await part(share, "create-key").inputValue(), KEY);
    const link = await shareOn(share, { text: TEXT, passphrase: PASSPHRASE });
    assert.deepEqual(await keptKeys(share), [KEY]);
    assert.ok(!link.includes(KEY) && !(await share.evaluate(() => document.cookie + JSON.stringify(localStorage))).includes(KEY));
    await part(share, "another").click();
    const second = await shareOn(share, { text: "again", encrypted: false });
    // Another tab has it not, and whoever reads needs none.
    const other = await visit(context, server);
    assert.equal(await part(other, "create-key").inputValue(), "");
    const page = await visit(context, second);
    assert.equal(await part(page, "create-key").count(), 0);
    await page.getByRole("button", { name: "Read the secret" }).click();
    await inState(page, "shown");
    await finish(context);
  },

  async the_key_is_asked_for_without_javascript() {
    const context = await reader({ javaScriptEnabled: false });
    const share = await context.newPage();
    await share.goto(server);
    const text = `\n${LINES}`;
    await share.getByRole("textbox", { name: "Secret" }).fill(text);
    await share.getByRole("textbox", { name: "Passphrase" }).fill(PASSPHRASE);
    await share.locator("#plain-ttl").selectOption("900");
    await share.getByRole("textbox", { name: "Key for sharing" }).fill("wrong");
    await share.getByRole("button", { name: "Create the link" }).click();
    assert.match(await share.locator("#plain-problem").textContent(), /Sharing here needs a valid key/);
    assert.equal(await share.getByRole("textbox", { name: "Secret" }).inputValue(), text);
    assert.equal(await share.getByRole("textbox", { name: "Passphrase" }).inputValue(), PASSPHRASE);
    assert.equal(await share.locator("#plain-ttl").inputValue(), "900");
    assert.equal(new URL(share.url()).search, "");
    await share.getByRole("textbox", { name: "Key for sharing" }).fill(KEY);
    await share.getByRole("button", { name: "Create the link" }).click();
    const link = await share.getByLabel("Link", { exact: true }).inputValue();
    assert.ok(link.startsWith(`${server}/s/`) && !(await share.content()).includes(KEY));
    await finish(context);
  },

  async where_nobody_creates_the_page_says_so() {
    for (const javaScriptEnabled of [true, false]) {
      const context = await reader({ javaScriptEnabled });
      const page = await context.newPage();
      await page.goto(server);
      await page.getByRole("heading", { name: "Nothing is shared here" }).waitFor();
      await page.getByText("Links to secrets still open here.").waitFor();
      assert.equal(await page.locator("main form").count(), 0);
      if (javaScriptEnabled) await look(page, "creation-closed");
      await finish(context);
    }
  },
};
