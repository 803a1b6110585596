// What the scenarios of requests share: asking on the page, the link that collects, and reading the answer.

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";

import { inState, ots, part, server, takeShown } from "./harness.mjs";

export const INVITATIONS = /\/api\/v1\/requests\/[a-z2-7]{32}$/;
export const PAGE = `${server}/request`;
export const LABEL = 'the <b>password</b> of "db&1" 密码';

/** Asks on the page. Gives the link to give away, and the one that collects. */
export async function askOn(page, { label, passphrase } = {}) {
  if (label) await part(page, "label").fill(label);
  if (passphrase) await part(page, "passphrase").fill(passphrase);
  await page.getByRole("button", { name: "Make the request" }).click();
  await inState(page, "open");
  return { link: await part(page, "link").inputValue(), own: await part(page, "collecting").inputValue() };
}

/** The link that collects what a file of the command line does. */
export function ownLinkOf({ file, link }) {
  const kept = readFileSync(file, "utf8");
  const member = (name) => new RegExp(`^${name} = "?([^"\n]*)"?$`, "m").exec(kept)[1];
  const [token, fingerprint] = [new URL(link).pathname.split("/").pop(), link.split("#")[1]];
  return `${PAGE}#${[member("passphrase") === "true" ? "p" : "k", token, member("token"), member("key"), fingerprint].join(".")}`;
}

/** Reads the answer on the page, and says that it has arrived. */
export async function readOn(page, { passphrase, file = null } = {}) {
  await inState(page, "answered");
  if (passphrase) await part(page, "own").fill(passphrase);
  await page.getByRole("button", { name: "Read the secret" }).click();
  const content = await takeShown(page, file);
  assert.equal(page.url(), PAGE, "what has collected is nothing to keep");
  assert.equal(await page.evaluate(() => sessionStorage.length + localStorage.length + document.cookie.length), 0);
  return content;
}

export const putTo = (link, input, words = []) => ots(["put", "--to", link, ...words], { input });

/** Whether leaving the page is asked about: what a browser does before it leaves. */
export const asksToLeave = (page) => page.evaluate(() => !dispatchEvent(new Event("beforeunload", { cancelable: true })));
