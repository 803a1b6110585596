// What has to work in Firefox too, which has no ChaCha20-Poly1305 of its own.

import assert from "node:assert/strict";

import { click, close, fill, inState, open, submit, textOf, valueOf } from "../firefox.mjs";
import { PASSPHRASE, put, server, TEXT as ANY, unread } from "../harness.mjs";

/** As a form sends it, and as keys write it. */
const TEXT = ANY.replaceAll("\r\n", "\n");

async function share({ passphrase, encrypted }) {
  const page = await open(server);
  await fill(page, "text", TEXT);
  if (passphrase) await fill(page, "passphrase", passphrase);
  if (!encrypted) await click(page, "encrypt");
  await submit(page);
  await inState(page, "made");
  const link = await valueOf(page, "link");
  await close(page);
  return link;
}

async function read(link, passphrase) {
  const page = await open(link);
  await inState(page, "waiting");
  if (passphrase) {
    await fill(page, "passphrase", "wrong");
    await submit(page);
    await page.waitForFunction(() => document.querySelector('[data-id="wrong"]').textContent.includes("9"));
    await fill(page, "passphrase", passphrase);
  }
  await submit(page);
  await inState(page, "shown");
  await click(page, "reveal");
  await page.waitForFunction(() => document.querySelector('[data-id="fate"]').textContent.includes("destroyed: nobody"));
  const content = await textOf(page, "content");
  assert.equal(new URL(page.url()).hash, "", "the key has left the address");
  await close(page);
  return content;
}

export const scenarios = {
  async firefox_shares_reveals_and_forgets() {
    for (const encrypted of [true, false]) {
      for (const passphrase of [undefined, PASSPHRASE]) {
        const link = await share({ passphrase, encrypted });
        assert.equal(link.includes("#"), encrypted);
        assert.equal(await read(link, passphrase), TEXT, `encrypted ${encrypted}, passphrase ${passphrase}`);
        assert.ok(!(await unread(link)));
        const again = await open(link);
        await inState(again, "gone");
        await close(again);
      }
    }
  },

  async firefox_keeps_the_key_when_the_language_changes() {
    const link = put(["-e"], { input: TEXT });
    const page = await open(link);
    await Promise.all([page.waitForSelector('html.js[lang="pl"]'), page.select('[data-id="language"]', "pl")]);
    assert.equal(page.url(), link, "the key is there, and the choice isn't in the address that may be sent on");
    await page.select('[data-id="theme"]', "dark");
    await page.reload();
    await page.waitForSelector('html.js[lang="pl"][data-theme="dark"]');
    await inState(page, "waiting");
    await submit(page);
    await inState(page, "shown");
    await click(page, "reveal");
    assert.equal(await textOf(page, "content"), TEXT);
    await close(page);
  },
};
