// Links as people have them: with signs around them, escaped, cut, or in two parts; and links that nobody has yet.

import assert from "node:assert/strict";

import { finish, inState, look, ots, part, PASSPHRASE, put, reader, readOn, server, shareOn, TEXT, unread, visit } from "../harness.mjs";

export const scenarios = {
  async a_link_with_signs_around_it_opens() {
    const context = await reader();
    const around = [(link) => link.replace("#", "/#"), (link) => link.replace("#", ".#"), (link) => `${link}.`, (link) => `${link})`, (link) => `${link}%3E`, (link) => `${link},%20`];
    for (const mangle of around) {
      const link = put(["-e"], { input: TEXT });
      const page = await visit(context, mangle(link));
      assert.equal(await readOn(page).then(String), TEXT, mangle(link));
    }
    for (const end of [".", ")", "/", "//", "%22", "%E2%80%A6"]) {
      const link = put([], { input: TEXT });
      const page = await visit(context, link + end);
      assert.equal(page.url(), link);
      await page.close();
    }
    await finish(context);
  },

  async what_is_no_link_gets_a_page_in_words() {
    const context = await reader();
    const link = put([], { input: TEXT });
    for (const path of ["/s/abc", "/s", "/s/", "/foo", "//", "/foo/bar/baz", "/t/r-abc", "/r/abc", "/s/abc%23key", "/foo%2523", link.slice(server.length, -1), `${link.slice(server.length)}x`]) {
      const page = await visit(context, server + path);
      assert.ok(await page.getByRole("heading", { name: "The link isn’t whole" }).isVisible(), path);
      const said = await page.locator("body").innerText();
      assert.ok(!/leaked|\{/.test(said), said);
      assert.equal(said.includes("write # in that place"), /%(25)?23/.test(path), path);
      // Its style and its script are found, however deep the path is.
      assert.ok(await page.evaluate(() => [...document.styleSheets].some((sheet) => sheet.cssRules.length > 10)), path);
      if (path === "/s/abc") await look(page, "lost");
      await page.close();
    }
    assert.ok(await unread(link));
    await finish(context);
  },

  async an_escaped_mark_becomes_one_and_the_page_says_what_that_means() {
    const context = await reader();
    for (const escaped of ["%23", "%2523"]) {
      const link = put(["-e"], { input: TEXT });
      const page = await visit(context, link.replace("#", escaped));
      await page.waitForURL(link);
      await inState(page, "waiting");
      await page.getByText("so its key was sent to this server").waitFor();
      if (escaped === "%23") await look(page, "secret-key-was-sent");
      assert.equal(await readOn(page).then(String), TEXT);
    }
    const apart = put(["-e"], { input: TEXT }).split("#")[0];
    const page = await visit(context, `${apart}%23`);
    await page.getByRole("heading", { name: "The key comes separately" }).waitFor();
    await finish(context);
  },

  async a_key_that_comes_apart_is_asked_for() {
    const context = await reader();
    for (const passphrase of [undefined, PASSPHRASE]) {
      for (const give of [(link, key) => key, (link, key) => ` <${key}>. `, (link) => link, (link) => link.replace("#", "%23")]) {
        const link = put(["-e"], { input: TEXT, passphrase });
        const [address, key] = link.split("#");
        const page = await visit(context, `${address}#`);
        await page.getByRole("heading", { name: "The key comes separately" }).waitFor();
        await part(page, "key").fill("abc");
        await page.keyboard.press("Enter");
        await page.locator("#key-wrong").getByText("isn’t a whole key").waitFor();
        assert.equal(await part(page, "key").inputValue(), "abc");
        await part(page, "key").fill(give(link, key));
        await page.keyboard.press("Enter");
        assert.equal(await readOn(page, { passphrase }).then(String), TEXT);
        await page.close();
      }
    }
    const [link, other] = [put(["-e"], { input: TEXT }), put(["-e"], { input: TEXT })];
    const page = await visit(context, link.split("#")[0]);
    await page.getByRole("heading", { name: "The link isn’t whole" }).waitFor();
    await look(page, "secret-incomplete");
    await part(page, "key").fill(other);
    await page.keyboard.press("Enter");
    await page.getByText("belongs to another secret").waitFor();
    // A whole key, and the wrong one: back to where it is asked for.
    await part(page, "key").fill(other.split("#")[1]);
    await page.keyboard.press("Enter");
    await page.getByRole("button", { name: "Read the secret" }).click();
    await page.locator("#key-wrong").getByText("Tries left before it is destroyed: 9").waitFor();
    await look(page, "secret-key-wrong");
    await part(page, "key").fill(link);
    await page.keyboard.press("Enter");
    assert.equal(await readOn(page).then(String), TEXT);
    await page.close();
    const marked = await visit(context, `${put(["-e"], { input: TEXT }).split("#")[0]}#`);
    await look(marked, "secret-apart");
    await finish(context);
  },

  /** A server that says of a secret whose key travels apart that it is a plain one would get the passphrase. */
  async a_marked_link_is_never_taken_for_a_plain_one() {
    const context = await reader();
    const link = put([], { input: TEXT, passphrase: PASSPHRASE });
    const key = put(["-e"], { input: TEXT }).split("#")[1];
    for (const mark of ["#", `#${key}`]) {
      const page = await visit(context, link + mark);
      await page.getByText("isn’t encrypted end to end, but the link says that it is").waitFor();
      assert.equal(await page.locator("main form:visible").count(), 0);
      await page.close();
    }
    assert.ok(await unread(link));
    await finish(context);
  },

  async link_and_key_are_given_apart() {
    const context = await reader({ permissions: ["clipboard-read", "clipboard-write"] });
    const share = await visit(context, server);
    const whole = await shareOn(share, { text: "secret content" });
    assert.ok(await share.getByText("It is encrypted end to end: the server can’t read it.").isVisible());
    await part(share, "apart").check();
    const [address, key] = whole.split("#");
    assert.equal(await part(share, "link").inputValue(), `${address}#`);
    await look(share, "share-apart");
    for (const [button, text] of [["copy", `${address}#`], ["copy-key", key]]) {
      await part(share, button).click();
      await share.waitForFunction(async (text) => (await navigator.clipboard.readText()) === text, text);
    }
    const page = await visit(context, `${address}#`);
    await part(page, "key").fill(key);
    await page.keyboard.press("Enter");
    assert.equal(await readOn(page).then(String), "secret content");
    await part(share, "another").click();
    assert.equal(await part(share, "key").inputValue(), "");
    const plain = await shareOn(share, { text: "secret content", encrypted: false });
    assert.ok(!plain.includes("#"));
    assert.ok(await share.getByText("It isn’t encrypted end to end: the server can read it.").isVisible());
    assert.ok(!(await part(share, "apart-choice").isVisible()));
    await finish(context);
  },

  async leaving_a_link_that_nobody_has_is_asked_about() {
    const context = await reader({ permissions: ["clipboard-read", "clipboard-write"] });
    const share = await visit(context, server);
    let asked = 0;
    share.on("dialog", async (dialog) => {
      assert.equal(dialog.type(), "beforeunload");
      asked += 1;
      await dialog.dismiss();
    });
    /** Whether the page may be left: tries, and sees it go or ask. */
    const leave = async () => {
      const before = asked;
      await Promise.race([share.evaluate(() => location.reload()).catch(() => {}), share.waitForEvent("load").catch(() => {})]);
      for (let tries = 0; tries < 400; tries += 1) {
        if (asked > before) return false;
        if (await share.evaluate(() => document.querySelector("main").dataset.state === "compose").catch(() => false)) return true;
        await new Promise((resolve) => setTimeout(resolve, 50));
      }
      return assert.fail("neither left nor asked");
    };
    await shareOn(share, { text: "secret content" });
    assert.equal(await leave(), false);
    await part(share, "apart").check();
    await part(share, "copy").click();
    await part(share, "copy").getByText("Copied").waitFor();
    assert.equal(await leave(), false, "nobody has the key");
    await part(share, "copy-key").click();
    await part(share, "copy-key").getByText("Copied").waitFor();
    assert.equal(await leave(), true);
    await share.waitForFunction(() => document.documentElement.classList.contains("js"));
    // Copied by hand.
    await shareOn(share, { text: "secret content" });
    await part(share, "link").focus();
    await share.keyboard.press("Control+C");
    assert.equal(await leave(), true);
    await share.waitForFunction(() => document.documentElement.classList.contains("js"));
    await shareOn(share, { text: "secret content" });
    await part(share, "burn").click();
    await share.getByRole("heading", { name: "Destroyed unread" }).waitFor();
    assert.equal(await leave(), true);
    await finish(context);
  },

  /** Behind a proxy that passes on another Host, and without --public-url: the page's own address is in its link. */
  async the_link_is_the_pages_own_where_the_server_has_no_name() {
    const context = await reader();
    await context.route("**/api/v1/secrets?**", async (route) => {
      const response = await route.fetch();
      const created = await response.json();
      await route.fulfill({ response, json: { ...created, url: `http://127.0.0.1:1/s/${created.token}` } });
    });
    const share = await visit(context, server);
    const link = await shareOn(share, { text: "secret content" });
    assert.equal(ots(["get", link]).toString(), "secret content");
    await share.route("**/", async (route) => {
      const response = await route.fetch();
      await route.fulfill({ response, body: (await response.text()).replace('data-named="false"', 'data-named="true"') });
    });
    await part(share, "another").click();
    await share.reload();
    await share.waitForFunction(() => document.documentElement.classList.contains("js"));
    assert.ok((await shareOn(share, { text: "secret content" })).startsWith("http://127.0.0.1:1/s/"), "where it has one, it counts");
    await finish(context);
  },

  async the_pages_say_what_they_are_and_whose() {
    const context = await reader();
    for (const [address, words] of [[server, "You write a secret here"], [put(["-e"], { input: TEXT }), "Somebody wants to give you a secret"]]) {
      const page = await visit(context, address);
      await page.getByText("What is this?").click();
      assert.ok(await page.getByText(words).isVisible());
      assert.ok(await page.getByText(`This page comes from ${new URL(server).host}`).isVisible());
      await look(page, address === server ? "share-about" : "secret-about");
    }
    await finish(context);
  },
};
