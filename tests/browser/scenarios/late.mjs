// Scripts and styles that are late, blocked, of another version or not for this browser: nothing readable leaves, and words are seen.

import assert from "node:assert/strict";

import { finish, inState, look, part, PASSPHRASE, put, reader, readOn, server, TEXT, unread, visit } from "../harness.mjs";

const WORDS = "the script hasn’t come";

/** What can become of an asset, besides being late. */
const FATES = {
  blocked: (route) => route.abort("blockedbyclient"),
  "of another version": (route) => route.fulfill({ status: 404, json: { code: "not_found" } }),
  "for newer browsers": (route) => route.fulfill({ contentType: "text/javascript", body: "this isn't; a script" }),
};

/** Each page that needs its script, and what its reader types there. */
function* pages() {
  yield { address: () => server, fields: { text: "canary text", passphrase: "canary passphrase" } };
  yield { address: () => put(["-e"], { input: TEXT }), fields: {} };
  yield { address: () => put(["-e"], { input: TEXT, passphrase: PASSPHRASE }), fields: { passphrase: "canary passphrase" } };
}

const fileOf = (address) => new URL(address).pathname.split("/").pop();

/** The scripts and styles that a page loads by itself. */
async function assetsAt(address) {
  const context = await reader();
  const found = new Set();
  context.on("request", (request) => {
    if (/\.(js|css)$/.test(request.url())) found.add(fileOf(request.url()));
  });
  await visit(context, address);
  await context.close();
  return [...found];
}

/** Everything that a context sends: addresses and bodies. */
function sentBy(context) {
  const sent = [];
  context.on("request", (request) => sent.push(`${request.method()} ${request.url()} ${request.postData() ?? ""}`));
  return sent;
}

/** Tries all that a person and a browser can do to send a form. */
async function press(page, fields) {
  for (const [field, value] of Object.entries(fields)) await part(page, field).fill(value);
  if (fields.passphrase) await part(page, "passphrase").press("Enter");
  const button = page.locator("form:visible button.primary");
  assert.ok(await button.isDisabled());
  await button.click({ force: true });
  await page.evaluate(() => {
    for (const form of document.querySelectorAll("main form")) form.submit();
  });
  await page.evaluate(() => new Promise((resolve) => setTimeout(resolve)));
}

/** How the two notes of a late script are seen at these milliseconds: from the start again, and held there. */
function atTimes(times) {
  const notes = [...document.querySelectorAll(".late > p")];
  const seen = (note) => getComputedStyle(note).visibility;
  for (const note of notes) {
    note.style.animation = "none";
    seen(note);
    note.style.animation = "";
  }
  const animations = notes.flatMap((note) => note.getAnimations());
  return times.map((time) => {
    for (const animation of animations) {
      animation.pause();
      animation.currentTime = time;
    }
    return notes.map(seen).join(" ");
  });
}

export const scenarios = {
  async without_its_script_a_page_sends_nothing_and_says_so() {
    for (const { address, fields } of pages()) {
      // The footer's script is its own: the page does without it.
      const scripts = (await assetsAt(address())).filter((name) => name.endsWith(".js") && name !== "choices.js");
      assert.ok(scripts.length >= 2, "the page's own, and what it shares with others");
      for (const [fate, handle] of Object.entries(FATES)) {
        for (const script of scripts) {
          const what = `${script}, ${fate}`;
          const context = await reader({ reducedMotion: "reduce" });
          const sent = sentBy(context);
          await context.route(`**/${script}`, handle);
          const link = address();
          const page = await context.newPage();
          await page.goto(link);
          await page.getByText(WORDS).waitFor();
          await press(page, fields);
          assert.equal(page.url().replace(/\/$/, ""), link, what);
          assert.ok(sent.every((request) => request.startsWith("GET ") && !request.includes("canary")), `${what}: ${sent}`);
          if (link !== server) assert.ok(await unread(link), what);
          if (script === scripts[0] && fate === "blocked") await look(page, `late-${link === server ? "share" : Object.keys(fields).length ? "passphrase" : "secret"}`);
          await context.close();
        }
      }
    }
  },

  /** First nothing, then a quiet word, then what to do; when the script comes all of it goes, and what was typed stays. */
  async a_late_script_finds_what_was_typed() {
    for (const { address, fields } of pages()) {
      const context = await reader({ reducedMotion: "no-preference" });
      const sent = sentBy(context);
      let release;
      const held = new Promise((resolve) => (release = resolve));
      await context.route("**/*.js", async (route) => {
        await held;
        await route.continue();
      });
      const link = address();
      const page = await context.newPage();
      await page.goto(link, { waitUntil: "commit" });
      // Without its style all of it is seen at once.
      await page.waitForFunction(() => document.querySelector(".late") && getComputedStyle(document.querySelector(".late")).display === "grid");
      await page.getByText(WORDS).waitFor();
      assert.deepEqual(await page.evaluate(atTimes, [0, 1000, 5000]), ["hidden hidden", "visible hidden", "hidden visible"]);
      await press(page, fields);
      assert.ok(sent.every((request) => !request.includes("canary")));
      release();
      await page.waitForFunction(() => document.documentElement.classList.contains("js"));
      assert.equal(await page.getByText(WORDS).count(), 0);
      for (const [field, value] of Object.entries(fields)) assert.equal(await part(page, field).inputValue(), value);
      if (link === server) {
        await page.getByRole("button", { name: "Create the link" }).click();
        await inState(page, "made");
        assert.ok((await part(page, "link").inputValue()).includes("#"));
        assert.ok(sent.every((request) => !request.includes("canary")), "and it is sealed then");
      } else {
        const passphrase = fields.passphrase ? PASSPHRASE : undefined;
        assert.equal(await readOn(page, { passphrase }).then(String), TEXT);
      }
      await finish(context);
    }
  },

  async without_its_style_a_page_shows_one_view() {
    for (const handle of [FATES.blocked, FATES["of another version"]]) {
      const context = await reader();
      context.forgiven.push(/ERR_BLOCKED_BY_CLIENT/, /MIME type/);
      await context.route("**/*.css", handle);
      const share = await visit(context, server);
      assert.equal(await share.locator("section:visible").count(), 1);
      await part(share, "text").fill(TEXT);
      await share.getByRole("button", { name: "Create the link" }).click();
      await inState(share, "made");
      assert.equal(await share.locator("section:visible").count(), 1);
      const page = await visit(context, await part(share, "link").inputValue());
      assert.equal(await page.locator("section:visible").count(), 1);
      assert.equal(await readOn(page).then(String), TEXT.replaceAll("\r\n", "\n"));
      await finish(context);
    }
  },

  /** A worker that doesn't come costs time and nothing else. */
  async a_passphrase_is_stretched_beside_the_page_or_on_it() {
    for (const handle of [null, FATES.blocked, FATES["of another version"], () => {}]) {
      const context = await reader();
      context.forgiven.push(/ERR_BLOCKED_BY_CLIENT/);
      if (handle) await context.route("**/worker.js", handle);
      await context.addInitScript(() => {
        globalThis.Worker = class extends Worker {
          constructor(...how) {
            super(...how);
            this.addEventListener("message", ({ data }) => (globalThis.byWorker = "stretched" in data));
          }
        };
      });
      const page = await visit(context, put(["-e"], { input: TEXT, passphrase: PASSPHRASE }));
      await page.evaluate(() => {
        globalThis.alive = 0;
        const count = () => {
          if (document.querySelector("main").dataset.state === "busy") globalThis.alive += 1;
          requestAnimationFrame(count);
        };
        count();
      });
      let said = 0;
      await page.exposeFunction("said", () => (said += 1));
      await page.evaluate(() => new MutationObserver(() => {
        if (document.querySelector('[data-id="step"]').textContent.includes("key of the passphrase")) globalThis.said();
      }).observe(document.querySelector('[data-id="step"]'), { childList: true }));
      assert.equal(await readOn(page, { passphrase: PASSPHRASE }).then(String), TEXT);
      assert.equal(await page.evaluate(() => globalThis.byWorker ?? false), handle === null);
      assert.ok(said > 0, "the page says what it does");
      assert.ok((await page.evaluate(() => globalThis.alive)) > 1, "and moves");
      await finish(context);
    }
  },
};
