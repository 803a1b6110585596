// What the scenarios share: a browser that tolerates no error, no broken policy and no foreign request; `ots` itself; checks.

import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { mkdirSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { join } from "node:path";

const require = createRequire(join(process.env.OTS_PACKAGES, "package.json"));
const { chromium } = require("playwright-core");
const AXE = readFileSync(require.resolve("axe-core/axe.min.js"), "utf8");

export const server = process.env.OTS_SERVER;
export const screenshots = process.env.OTS_SCREENSHOTS;
/** The server under a name that isn't loopback's: plain http there is no secure context. */
export const insecure = server.replace("127.0.0.1", "ots.test");

export const TEXT = "secret content: <b>päss</b> 密码 &amp; 🔑\nsecond line\r\n\ttab";
export const BYTES = Buffer.from([0x89, 0x50, 0x4e, 0x47, 0, 255, 254, ...Array.from({ length: 3000 }, (_, place) => place % 251)]);
export const PASSPHRASE = "correct höрse";

let browser;

const LAUNCH = {
  executablePath: process.env.OTS_CHROMIUM,
  args: ["--host-resolver-rules=MAP ots.test 127.0.0.1", "--no-sandbox", "--disable-gpu"],
};

export async function start() {
  browser = await chromium.launch(LAUNCH);
}

/** A browser as people have it, which keeps its history in a folder. */
export const ownBrowser = (folder) => chromium.launchPersistentContext(folder, { ...LAUNCH, locale: "en-GB" });

export const stop = () => browser.close();

/** A browser of its own: nothing stored, nothing shared. `troubles` gathers what must not happen. */
export async function reader(options = {}) {
  const context = await browser.newContext({ locale: "en-GB", permissions: [], ...options });
  context.setDefaultTimeout(20_000);
  context.troubles = [];
  context.forgiven = [];
  await context.addInitScript(() => {
    addEventListener("securitypolicyviolation", (event) => console.error(`policy: ${event.violatedDirective} ${event.blockedURI}`));
  });
  context.on("request", (request) => {
    const { protocol, origin } = new URL(request.url());
    if (protocol !== "blob:" && ![server, insecure].includes(origin)) context.troubles.push(`a request to ${request.url()}`);
  });
  context.on("weberror", (error) => context.troubles.push(`exception: ${error.error()}`));
  context.on("console", (message) => {
    if (!["error", "warning"].includes(message.type())) return;
    // Chromium logs each answer of 400 and above; those that the scenarios provoke are the API's own and the gone page's.
    const answered = /^Failed to load resource: the server responded with a status of (401|403|404|422|500) /.test(message.text());
    if (!answered && !context.forgiven.some((pattern) => pattern.test(message.text()))) context.troubles.push(message.text());
  });
  return context;
}

/** Opens an address and waits until its script runs. */
export async function visit(context, address) {
  const page = await context.newPage();
  await page.goto(address);
  await page.waitForFunction(() => document.documentElement.classList.contains("js"));
  return page;
}

export async function finish(context) {
  assert.deepEqual(context.troubles, []);
  await context.close();
}

/** The browser without a ChaCha20-Poly1305 of its own, as Firefox and Safari are. */
export async function withoutNativeCipher(context) {
  await context.addInitScript(() => {
    if (!globalThis.SubtleCrypto) return; // about:blank is no secure context
    const { importKey } = SubtleCrypto.prototype;
    SubtleCrypto.prototype.importKey = function (format, ...rest) {
      if (format === "raw-secret") return Promise.reject(new DOMException("none", "NotSupportedError"));
      return importKey.call(this, format, ...rest);
    };
  });
}

/** Our own sources as they are, as a build without npm serves them. */
export const withoutBundle = (context) =>
  context.route("**/assets/**/*.js", (route) => {
    const name = new URL(route.request().url()).pathname.split("/").pop();
    const source = ["libraries.js", "xwing.js"].includes(name) ? "none.js" : name;
    return route.fulfill({ path: join(process.env.OTS_SOURCES, source), contentType: "text/javascript" });
  });

/** Runs `ots` and gives its output as bytes. */
export function ots(words, { input = "", passphrase, more = {} } = {}) {
  const env = { PATH: process.env.PATH, HOME: "/nonexistent", OTS_SERVER: server, ...more };
  if (passphrase) env.OTS_PASSPHRASE = passphrase;
  const { status, stdout, stderr } = spawnSync(process.env.OTS_BINARY, words, { env, input });
  assert.equal(status, 0, `ots ${words.join(" ")}: ${stderr}`);
  return stdout;
}

export const put = (words, options) => ots(["put", ...words], options).toString().trim();

let requests = 0;
let folder = null;

/** A request that the command line makes: its link, and the file that collects the answer. */
export function asked(words, more = {}) {
  if (folder === null) {
    folder = mkdtempSync(join(tmpdir(), "ots-requests-"));
    process.once("exit", () => rmSync(folder, { recursive: true, force: true }));
  }
  const file = join(folder, `request-${(requests += 1)}`);
  return { file, link: ots(["request", "-o", file, ...words], { more }).toString().trim() };
}

/** Collects an answer on the command line. */
export const collect = (file, options) => ots(["get", file], options);

/** Whether the secret is there, by its link. */
export async function unread(link) {
  const token = new URL(link).pathname.split("/").pop();
  const response = await fetch(`${server}/api/v1/secrets/${token}`, { method: "HEAD" });
  return response.status === 200;
}

export const inState = (page, state) => page.waitForSelector(`main[data-state="${state}"]`);
export const part = (page, id) => page.locator(`[data-id="${id}"]`);

/** Takes what has arrived, as a text or as a file of this name, as bytes; acknowledged. */
export async function takeShown(page, file = null) {
  await inState(page, "shown");
  let content;
  if (file === null) {
    assert.ok(!(await page.content()).includes("secret content"), "hidden until asked for");
    await part(page, "reveal").click();
    content = Buffer.from(await part(page, "content").textContent());
  } else {
    const [download] = await Promise.all([page.waitForEvent("download"), part(page, "save").click()]);
    assert.equal(download.suggestedFilename(), file);
    content = readFileSync(await download.path());
    await page.getByRole("button", { name: "Yes, destroy the secret" }).click();
  }
  await page.waitForFunction(() => document.querySelector('[data-id="fate"]').textContent.includes("destroyed: nobody"));
  return content;
}

/** What the reveal page shows when its reader reads it, as bytes; acknowledged and checked to be gone. */
export async function readOn(page, { passphrase, file = null } = {}) {
  await inState(page, "waiting");
  const key = new URL(page.url()).hash;
  if (passphrase) await part(page, "passphrase").fill(passphrase);
  await page.getByRole("button", { name: "Read the secret" }).click();
  const content = await takeShown(page, file);
  assert.equal(new URL(page.url()).hash, "");
  const entries = await page.evaluate(() => (globalThis.navigation?.entries() ?? []).map((entry) => entry.url));
  assert.ok(key === "" || entries.every((entry) => !entry.includes(key)), "the way back holds no key");
  assert.equal(await page.evaluate(() => sessionStorage.length + localStorage.length + document.cookie.length), 0);
  return content;
}

/** Shares on the page and gives the link. */
export async function shareOn(page, { text, file, passphrase, encrypted = true }) {
  if (file) await part(page, "file").setInputFiles({ name: file.name, mimeType: "image/png", buffer: file.content });
  else await part(page, "text").fill(text);
  if (passphrase) await part(page, "passphrase").fill(passphrase);
  await part(page, "encrypt").setChecked(encrypted);
  await page.getByRole("button", { name: "Create the link" }).click();
  await inState(page, "made");
  return part(page, "link").inputValue();
}

/** Takes a screenshot. On a machine that has much else to do, Chromium now and then can't, and can a moment later. */
export async function capture(page, name, options = {}) {
  mkdirSync(screenshots, { recursive: true });
  for (let left = 5; ; left -= 1) {
    try {
      return await page.screenshot({ path: join(screenshots, `${name}.png`), ...options });
    } catch (error) {
      if (left === 0 || !/Unable to capture screenshot/.test(error.message)) throw error;
    }
    await page.waitForTimeout(500);
  }
}

/** Looks at a state as people with other eyes, screens and settings do: axe, and a screenshot of each. */
export async function look(page, name) {
  for (const colorScheme of ["light", "dark"]) {
    await page.emulateMedia({ colorScheme, reducedMotion: "reduce" });
    const { violations } = await page.evaluate(`${AXE}; axe.run(document, { resultTypes: ["violations"] })`);
    const said = violations.map(({ id, nodes }) => `${id}: ${nodes.map((node) => node.html).join(" ")}`);
    assert.deepEqual(said, [], `${name}, ${colorScheme}`);
    for (const width of [375, 1280]) {
      await page.setViewportSize({ width, height: width === 375 ? 720 : 800 });
      await capture(page, `${name}-${width}-${colorScheme}`, { fullPage: true });
    }
  }
  await page.setViewportSize({ width: 320, height: 640 });
  const wide = await page.evaluate(() => document.documentElement.scrollWidth);
  assert.ok(wide <= 320, `${name} is ${wide} px wide on a screen of 320`);
  await page.setViewportSize({ width: 1280, height: 800 });
}

/** The folder that a page's scripts come from. */
export async function assetsOf(page) {
  return new URL(".", await page.evaluate(() => document.querySelector("script").src)).href;
}

/** Shows each view of a page on narrow screens, and keeps a picture of it. */
export async function everyViewFits(page, name) {
  const views = await page.locator("section[data-view]").evaluateAll((all) => all.map((view) => view.dataset.view));
  for (const view of views) {
    await page.evaluate((view) => {
      document.querySelector("main").dataset.state = view;
      for (const section of document.querySelectorAll("section[data-view]")) section.hidden = section.dataset.view !== view;
    }, view);
    for (const width of [320, 375]) {
      await page.setViewportSize({ width, height: 720 });
      const wide = await page.evaluate(() => document.documentElement.scrollWidth);
      assert.ok(wide <= width, `${name}, ${view}: ${wide} px wide on a screen of ${width}`);
    }
    await capture(page, `${name}-${view}`, { fullPage: true });
  }
}

/** Presses Tab until a part has the focus. */
export async function tabTo(page, id) {
  for (let steps = 0; steps < 25; steps += 1) {
    if (await page.evaluate((id) => document.activeElement.dataset.id === id, id)) return;
    await page.keyboard.press("Tab");
  }
  assert.fail(`Tab doesn't lead to ${id}`);
}
