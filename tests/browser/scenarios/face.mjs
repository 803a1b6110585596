// What an operator has the pages say of the server: shown on each of them, as text, and readable in any colour.

import assert from "node:assert/strict";

import { finish, look, put, reader, server, shareOn, TEXT, visit } from "../harness.mjs";

async function faced(page) {
  assert.equal(await page.locator("header p").textContent(), "Acmé <b>Secrets</b>");
  assert.match(await page.title(), / – Acmé <b>Secrets<\/b>$/);
  assert.match(await page.locator('[data-id="notice"]').textContent(), /^Staff only/);
  const links = await page.locator("footer .law a").evaluateAll((all) => all.map((link) => link.href));
  assert.deepEqual(links, ["mailto:it@example.org", "https://example.org/imprint", "https://example.org/privacy"]);
  const width = await page.locator("header img").evaluate(async (image) => (await image.decode(), image.naturalWidth));
  assert.ok(width > 0, "the logo is shown");
}

export const scenarios = {
  async the_pages_have_their_operators_face() {
    const context = await reader();
    const share = await visit(context, server);
    await faced(share);
    await look(share, "face-share");
    const link = await shareOn(share, { text: TEXT });
    await faced(share);
    await look(share, "face-made");
    const waiting = await visit(context, link);
    await faced(waiting);
    await look(waiting, "face-waiting");
    await faced(await visit(context, `${server}/s/nothing`));
    await faced(await visit(context, `${put([], { input: TEXT }).slice(0, -32)}${"a".repeat(32)}`));
    await finish(context);
  },
};
