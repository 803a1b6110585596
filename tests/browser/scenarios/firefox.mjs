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
  async firefox_asks_answers_and_collects() {
    const asks = await open(`${server}/request`);
    await fill(asks, "label", "the key");
    await fill(asks, "passphrase", PASSPHRASE);
    await submit(asks);
    await inState(asks, "open");
    const [link, own] = [await valueOf(asks, "link"), await valueOf(asks, "collecting")];
    assert.equal(asks.url(), own);
    const answers = await open(link);
    await inState(answers, "compose");
    assert.equal(await textOf(answers, "wanted"), "the key");
    await fill(answers, "text", TEXT);
    await submit(answers);
    await inState(answers, "sent");
    await close(answers);
    await inState(asks, "answered");
    const collects = await open(own);
    await inState(collects, "answered");
    await fill(collects, "own", "wrong");
    await submit(collects);
    await collects.waitForFunction(() => document.querySelector('[data-id="wrong"]').textContent.includes("Nothing was sent"));
    await fill(collects, "own", PASSPHRASE);
    await submit(collects);
    await inState(collects, "shown");
    await click(collects, "reveal");
    await collects.waitForFunction(() => document.querySelector('[data-id="fate"]').textContent.includes("destroyed: nobody"));
    assert.equal(await textOf(collects, "content"), TEXT);
    assert.equal(collects.url(), `${server}/request`);
    await close(collects);
    await close(asks);
  },

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
