// Firefox, driven by puppeteer-core over WebDriver BiDi, which Firefox speaks itself: a browser that tolerates no error, and the few steps
// that its scenarios need.

import assert from "node:assert/strict";
import { createRequire } from "node:module";
import { join } from "node:path";

const require = createRequire(join(process.env.OTS_PACKAGES, "package.json"));
/** A passphrase takes seconds to stretch, and more on a machine that does other things. */
const TIMEOUT = 60_000;

let browser;

export async function startFirefox() {
  const { default: puppeteer } = await import(require.resolve("puppeteer-core"));
  browser = await puppeteer.launch({
    browser: "firefox",
    executablePath: process.env.OTS_FIREFOX,
    headless: true,
    extraPrefsFirefox: { "intl.accept_languages": "en-GB, en" },
  });
}

export const stopFirefox = () => browser.close();

/** A browser of its own, with nothing stored, at an address; `troubles` gathers what must not happen. */
export async function open(address) {
  const context = await browser.createBrowserContext();
  const page = await context.newPage();
  page.setDefaultTimeout(TIMEOUT);
  page.troubles = [];
  page.on("pageerror", (error) => page.troubles.push(`exception: ${error.message}`));
  page.on("console", (message) => {
    if (message.type() === "error") page.troubles.push(message.text());
  });
  await page.goto(address);
  await page.waitForSelector("html.js");
  return page;
}

export async function close(page) {
  assert.deepEqual(page.troubles, []);
  await page.browserContext().close();
}

const selector = (id) => `[data-id="${id}"]`;

export const inState = (page, state) => page.waitForSelector(`main[data-state="${state}"]`);
export const fill = (page, id, text) => page.locator(selector(id)).fill(text);
export const click = (page, id) => page.locator(selector(id)).click();
/** Sends the form of the view that is shown. */
export const submit = (page) => page.locator("main [data-view]:not([hidden]) form > .primary").click();
export const textOf = (page, id) => page.$eval(selector(id), (part) => part.textContent);
export const valueOf = (page, id) => page.$eval(selector(id), (part) => part.value);
