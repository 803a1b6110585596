// The page of a request's link: what is asked for, and the answer; found out where something was changed, told where it was too late.

import assert from "node:assert/strict";

import { asked, assetsOf, BYTES, capture, collect, everyViewFits, finish, insecure, inState, look, ots, part, reader, server, tabTo, TEXT, visit, withoutBundle } from "../harness.mjs";
import { asksToLeave } from "../requests.mjs";

const POSTS = "**/api/v1/requests/*/answer";
const INVITATIONS = /\/api\/v1\/requests\/[a-z2-7]{32}$/;
const LINES = TEXT.replaceAll("\r\n", "\n");
const MIB = Buffer.alloc(1 << 20, 7);
const LABEL = 'the <b>password</b> of "db&1" 密码';

/** Fills in what is to be sent, and sends it. */
async function answerWith(page, { text, file }) {
  await inState(page, "compose");
  if (file) await part(page, "file").setInputFiles({ name: "key 1.pem", mimeType: "", buffer: file });
  else await part(page, "text").fill(text);
  await page.getByRole("button", { name: "Send the answer" }).click();
}

/** Counts what is posted. */
function posts(context) {
  const sent = [];
  context.on("request", (request) => {
    if (request.method() === "POST") sent.push(request.url());
  });
  return sent;
}

export const scenarios = {
  async the_page_answers_a_request() {
    const context = await reader();
    const { file, link } = asked(["--label", LABEL]);
    const page = await visit(context, link);
    await inState(page, "compose");
    assert.equal(await part(page, "wanted").textContent(), LABEL, "as text, never as markup");
    assert.equal(await part(page, "host").textContent(), new URL(server).host);
    assert.match(await part(page, "expires").textContent(), / \(in 1 day\)$/);
    assert.equal(await part(page, "largest").textContent(), "2 MB");
    assert.ok(await page.getByText("encrypted in this browser before it leaves").isVisible());
    assert.equal(await page.title(), "You are asked for a secret");
    await look(page, "answer-compose");
    assert.ok(!(await asksToLeave(page)));
    await part(page, "text").fill(TEXT);
    assert.ok(await asksToLeave(page), "what was typed is nowhere else");
    await answerWith(page, { text: TEXT });
    await inState(page, "sent");
    assert.ok(!(await asksToLeave(page)));
    assert.ok(await page.evaluate(() => document.activeElement.tagName === "H1"));
    assert.equal(await part(page, "text").inputValue(), "", "nothing of it stays");
    await look(page, "answer-sent");
    assert.equal(collect(file).toString(), LINES);
    await page.reload();
    await inState(page, "sent");
    assert.match(await part(page, "kept").textContent(), / \(in 1 day\)$/);
    const late = await visit(context, link);
    await inState(late, "over");
    await late.getByText("It has been answered, taken back, or has expired").waitFor();
    await look(late, "answer-over");

    for (const content of [BYTES, MIB]) {
      const other = asked([]);
      const given = await visit(context, other.link);
      await inState(given, "compose");
      await part(given, "wanted").getByText("The request doesn’t say what for").waitFor();
      await answerWith(given, { file: content });
      await inState(given, "sent");
      assert.deepEqual(collect(other.file), content);
    }
    // With a browser that has no cryptography of its own.
    context.forgiven.push(/Cross-Origin-Opener-Policy header has been ignored/, /was loaded over an insecure connection/);
    const plain = asked([]);
    const unsafe = await visit(context, plain.link.replace(server, insecure));
    await answerWith(unsafe, { text: "secret content" });
    await inState(unsafe, "sent");
    assert.equal(collect(plain.file).toString(), "secret content");
    assert.equal(await page.evaluate(() => localStorage.length + document.cookie.length), 0);
    const token = new URL(link).pathname.split("/").pop();
    assert.deepEqual(await page.evaluate(() => Object.keys(sessionStorage)), [`ots-answered-${token}`], "that it was answered, and until when that is kept");
    await finish(context);
  },

  async the_keyboard_is_enough_to_answer() {
    const context = await reader();
    const { file, link } = asked([]);
    const page = await visit(context, link);
    await inState(page, "compose");
    await tabTo(page, "text");
    await page.keyboard.type("secret content");
    await tabTo(page, "file");
    await page.keyboard.press("Tab");
    await page.keyboard.press("Enter");
    await inState(page, "sent");
    assert.equal(collect(file).toString(), "secret content");
    await finish(context);
  },

  /** A server that lies, and a link that was changed on its way. */
  async a_changed_request_is_found_out_before_anything_is_typed() {
    const context = await reader();
    const sent = posts(context);
    const [one, other] = [asked(["--label", "one"]), asked(["--label", "other"])];
    const page = await visit(context, one.link);
    await inState(page, "compose");
    const fingerprintOf = ({ link }) => link.split("#")[1];
    const tokenOf = ({ link }) => new URL(link).pathname.split("/").pop();
    const invitationOf = async (request) => (await (await fetch(`${server}/api/v1/requests/${tokenOf(request)}`)).json()).invitation;
    // Whoever has the link can seal another key, or a label, under the fingerprint: the key's hash gives it away.
    const swapped = await page.evaluate(async ([module, fingerprint]) => {
      const box = await import(`${module}sealed_box.js`);
      const { parseKey } = await import(`${module}envelope.js`);
      const { publicKey } = await box.deriveKeys(box.newKey(), null);
      const forged = await box.invite({ publicKey, fingerprint: parseKey(fingerprint) }, "one");
      return btoa(Array.from(forged, (byte) => String.fromCharCode(byte)).join(""));
    }, [await assetsOf(page), fingerprintOf(one)]);
    const flipped = Buffer.from(await invitationOf(one), "base64");
    flipped[1700] ^= 1;
    for (const lie of [swapped, flipped.toString("base64"), await invitationOf(other), "", "!", "T1RTUg=="]) {
      const lied = await context.newPage();
      await lied.route(INVITATIONS, async (route) => {
        const response = await route.fetch();
        await route.fulfill({ response, json: { ...(await response.json()), invitation: lie } });
      });
      await lied.goto(one.link);
      await inState(lied, "changed");
      assert.ok(!(await part(lied, "text").isVisible()) && !(await lied.getByText("one", { exact: true }).isVisible()));
      if (lie === swapped) await look(lied, "answer-changed");
      await lied.close();
    }
    for (const [fragment, state] of [
      [`#${fingerprintOf(other)}`, "changed"],
      ["", "incomplete"],
      ["#", "incomplete"],
      [`#${fingerprintOf(one).slice(0, 40)}`, "incomplete"],
      [`#${fingerprintOf(one)}.`, "compose"],
    ]) {
      const cut = await visit(context, one.link.split("#")[0] + fragment);
      await inState(cut, state);
      assert.equal(await part(cut, "text").isVisible(), state === "compose");
      if (fragment === "") await look(cut, "answer-incomplete");
      await cut.close();
    }
    // What clings to the token goes, and a mark that a program escaped is one again.
    for (const mangled of [one.link.replace("#", ".#"), one.link.replace("#", "%23")]) {
      const mended = await context.newPage();
      await mended.goto(mangled);
      await inState(mended, "compose");
      assert.equal(mended.url(), one.link);
    }
    // The whole link, pasted over it.
    await page.goto(`${one.link.split("#")[0]}#x`);
    await inState(page, "incomplete");
    await page.goto(one.link);
    await inState(page, "compose");
    assert.deepEqual(sent, []);
    await finish(context);
  },

  async of_two_who_answer_one_is_told_that_it_was_late() {
    const context = await reader();
    const { file, link } = asked([]);
    const pages = [await visit(context, link), await visit(context, link)];
    for (const [place, page] of pages.entries()) {
      await inState(page, "compose");
      await part(page, "text").fill(`of ${place}`);
    }
    await Promise.all(pages.map((page) => page.getByRole("button", { name: "Send the answer" }).click()));
    const ends = await Promise.all(pages.map(async (page) => {
      await page.waitForSelector('main:is([data-state="sent"], [data-state="over"])');
      return page.locator("main").getAttribute("data-state");
    }));
    assert.deepEqual([...ends].sort(), ["over", "sent"]);
    const late = pages[ends.indexOf("over")];
    await late.getByText("While you were writing, somebody else answered").waitFor();
    await look(late, "answer-late");
    assert.equal(collect(file).toString(), `of ${ends.indexOf("sent")}`);
    await finish(context);
  },

  async an_answer_that_may_have_arrived_is_called_so() {
    const context = await reader();
    context.forgiven.push(/ERR_FAILED/, /status of 502/);
    const { file, link } = asked([]);
    const page = await visit(context, link);
    // It never left.
    await page.route(POSTS, (route) => route.abort(), { times: 1 });
    await answerWith(page, { text: "secret content" });
    await page.getByText("your answer hasn’t arrived").waitFor();
    assert.equal(await part(page, "text").inputValue(), "secret content");
    await look(page, "answer-lost");
    // A proxy answers in place of the server.
    await page.route(POSTS, (route) => route.fulfill({ status: 502, body: "Bad Gateway" }), { times: 1 });
    await answerWith(page, { text: "secret content" });
    await page.locator("#problem").getByText("HTTP 502").waitFor();
    // Nobody can be asked.
    await page.route(POSTS, (route) => route.abort());
    await page.route(INVITATIONS, (route) => route.abort());
    await answerWith(page, { text: "secret content" });
    await inState(page, "unsure");
    await look(page, "answer-unsure");
    await page.unroute(INVITATIONS);
    await page.getByRole("button", { name: "Check again" }).click();
    await page.getByText("your answer hasn’t arrived").waitFor();
    // It arrived, and what came back didn't.
    await page.unroute(POSTS);
    await page.route(POSTS, async (route) => {
      assert.equal((await route.fetch()).status(), 201);
      await route.abort();
    });
    await answerWith(page, { text: "secret content" });
    await page.getByText("most likely because your answer did arrive").waitFor();
    await inState(page, "unsure");
    assert.ok(!(await part(page, "check").isVisible()));
    await look(page, "answer-unsure-over");
    assert.equal(collect(file).toString(), "secret content");
    await finish(context);

    // What is sent again after a connection broke may have arrived the first time.
    const again = await reader();
    again.forgiven.push(/ERR_FAILED/);
    const second = asked([]);
    const twice = await visit(again, second.link);
    await twice.route(POSTS, (route) => route.abort(), { times: 1 });
    await answerWith(twice, { text: "secret content" });
    await twice.getByText("your answer hasn’t arrived").waitFor();
    ots(["put", "--to", second.link], { input: "another's" });
    await answerWith(twice, { text: "secret content" });
    await inState(twice, "unsure");
    await finish(again);
  },

  async what_can_not_be_answered_says_why() {
    const context = await reader();
    const sent = posts(context);
    context.forgiven.push(/ERR_FAILED/);
    const small = asked(["--max-size", "3KiB"]);
    const page = await visit(context, small.link);
    await inState(page, "compose");
    assert.equal(await part(page, "largest").textContent(), "3 kB");
    // It is padded: what fits by itself doesn't, and is found out before it is sealed.
    for (const give of [{ text: "" }, { text: "x".repeat(2900) }, { file: Buffer.alloc(4000, 1) }]) {
      await answerWith(page, give);
      await inState(page, "compose");
      const words = give.text === "" ? "nothing to send: write the secret first" : "an answer to this request can have 3 kB at most";
      await page.locator("#problem").getByText(words).waitFor();
      if (give.text === "") assert.equal(await page.evaluate(() => document.activeElement.id), "text");
    }
    await look(page, "answer-too-large");
    assert.deepEqual(sent, []);
    await part(page, "remove").click();
    await answerWith(page, { text: "secret content" });
    await inState(page, "sent");
    assert.equal(collect(small.file).toString(), "secret content");

    const back = asked([]);
    const open = await visit(context, back.link);
    await inState(open, "compose");
    ots(["burn", back.file]);
    await answerWith(open, { text: "secret content" });
    await inState(open, "over");
    await inState(await visit(context, `${server}/r/${"a".repeat(32)}#${"A".repeat(43)}`), "over");

    const away = await context.newPage();
    await away.route(INVITATIONS, (route) => route.abort(), { times: 1 });
    const other = asked([]);
    await away.goto(other.link);
    await inState(away, "failed");
    await part(away, "detail").getByText("The server can’t be reached.").waitFor();
    await look(away, "answer-failed");
    await away.getByRole("button", { name: "Try again" }).click();
    await inState(away, "compose");
    await finish(context);
  },

  async without_its_script_or_ciphers_the_page_says_how_to_answer() {
    const { file, link } = asked([]);
    for (const options of [{ javaScriptEnabled: false }, {}]) {
      const without = await reader(options);
      without.forgiven.push(/ERR_FAILED/);
      await without.route("**/answer.js", (route) => route.abort());
      const silent = await without.newPage();
      await silent.goto(link);
      const plain = options.javaScriptEnabled === false;
      await silent.locator(plain ? ".warning" : ".words").getByText(/Turn it on and reload the page to answer here\. .*ots put --to LINK/).waitFor();
      assert.equal(await silent.locator("main :is(input, textarea):visible").count(), 0);
      await capture(silent, plain ? "plain-answering" : "answer-late-script", { fullPage: true });
      await finish(without);
    }
    const context = await reader();
    await withoutBundle(context);
    const page = await visit(context, link);
    await inState(page, "unsupported");
    await page.getByText("ots put --to LINK answers").waitFor();
    await look(page, "answer-unsupported");
    await finish(context);
    ots(["put", "--to", link], { input: "secret content" });
    assert.equal(collect(file).toString(), "secret content");
  },

  async answering_fits_in_every_language() {
    const { link } = asked(["--label", LABEL]);
    for (const language of ["en", "de", "fr", "es", "pt", "it", "nl", "pl", "zh", "ja"]) {
      const context = await reader({ locale: language });
      const page = await visit(context, link);
      await inState(page, "compose");
      assert.equal(await page.evaluate(() => document.documentElement.lang), language);
      await everyViewFits(page, `${language}-answer`);
      await finish(context);
    }
  },

  /** A request is its own permission to answer. */
  async answering_takes_no_key() {
    const context = await reader();
    const { file, link } = asked([], { OTS_API_KEY: process.env.OTS_CREATE_KEY });
    const page = await visit(context, link);
    await inState(page, "compose");
    assert.equal(await page.locator('[data-id="create-key"]').count(), 0);
    await answerWith(page, { text: "secret content" });
    await inState(page, "sent");
    assert.equal(collect(file).toString(), "secret content");
    await finish(context);
  },

  async where_nobody_creates_nothing_is_answered() {
    for (const javaScriptEnabled of [true, false]) {
      const context = await reader({ javaScriptEnabled });
      const page = await context.newPage();
      await page.goto(`${server}/r/${"a".repeat(32)}#${"A".repeat(43)}`);
      await page.getByRole("heading", { name: "Nothing is shared here" }).waitFor();
      assert.equal(await page.locator("main form").count(), 0);
      await finish(context);
    }
  },
};
