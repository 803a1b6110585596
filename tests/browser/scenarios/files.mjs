// Files: dropped, several, folders, too large, unreadable; and saved where nothing can be saved.

import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, rmSync, truncateSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { BYTES, finish, inState, look, ots, part, put, reader, readOn, server, TEXT, visit } from "../harness.mjs";

const folder = mkdtempSync(join(tmpdir(), "ots-browser-"));
process.on("exit", () => rmSync(folder, { recursive: true, force: true }));

function fileOf(name, content = "x") {
  const path = join(folder, name);
  writeFileSync(path, content);
  return path;
}

/** Drops files as a person does, from the file manager, at a place of the page. */
async function drop(page, paths, { x, y }) {
  const session = await page.context().newCDPSession(page);
  const data = { items: [], files: paths, dragOperationsMask: 1 };
  for (const type of ["dragEnter", "dragOver", "drop"]) await session.send("Input.dispatchDragEvent", { type, x, y, data });
  await session.detach();
}

/** Whether this tab's claim is still open: the secret is kept for it. */
const isKept = (page, link) =>
  page.evaluate(async (token) => {
    const headers = { "Idempotency-Key": sessionStorage.getItem(`ots-claim-${token}`) ?? "none-none-none-none" };
    return (await fetch(`../api/v1/secrets/${token}/status`, { headers })).status === 200;
  }, new URL(link).pathname.split("/").pop());

export const scenarios = {
  async drops_are_taken_anywhere_and_answered_in_words() {
    const context = await reader();
    const share = await visit(context, server);
    const box = await part(share, "text").boundingBox();
    const within = { x: box.x + 20, y: box.y + 20 };
    const outside = { x: 5, y: 5 };
    const one = fileOf("one.txt", "of the file");
    const inner = join(folder, "a folder");
    mkdirSync(inner);
    const problem = (words) => share.locator("#problem").getByText(words).waitFor();
    for (const place of [within, outside]) {
      await drop(share, [one, fileOf("two.txt")], place);
      await problem("One file at a time");
      assert.ok(!(await part(share, "chosen").isVisible()));
      await drop(share, [inner], place);
      await problem("That is a folder");
      assert.ok(!(await part(share, "chosen").isVisible()));
      await drop(share, [one], place);
      await part(share, "file-name").getByText("one.txt").waitFor();
      assert.equal(await part(share, "problem").textContent(), "");
      assert.ok(!(await part(share, "file").isVisible()), "no empty field beside the file's name");
      assert.equal(share.url(), `${server}/`);
      await part(share, "remove").click();
    }
    await drop(share, [one, fileOf("two.txt")], within);
    await look(share, "share-several-files");

    // What was typed isn't sent with a file, isn't lost, and that is said.
    await part(share, "text").fill("typed before");
    await drop(share, [one], outside);
    await share.getByText("Only the file is shared").waitFor();
    await look(share, "share-text-and-file");
    await share.getByRole("button", { name: "Create the link" }).click();
    await inState(share, "made");
    assert.equal(ots(["get", await part(share, "link").inputValue()]).toString(), "of the file");
    await drop(share, [one], outside);
    assert.equal(share.url(), `${server}/`, "a drop on another view doesn't lead away");
    await part(share, "another").click();
    assert.equal(await part(share, "text").inputValue(), "typed before");
    assert.ok(!(await part(share, "chosen").isVisible()));
    await finish(context);
  },

  async files_that_can_not_be_shared_say_why() {
    const context = await reader();
    const share = await visit(context, server);
    await share.evaluate(() => {
      globalThis.reads = 0;
      const { arrayBuffer } = Blob.prototype;
      Blob.prototype.arrayBuffer = function () {
        globalThis.reads += 1;
        return arrayBuffer.call(this);
      };
    });
    const create = share.getByRole("button", { name: "Create the link" });
    const problem = (words) => share.locator("#problem").getByText(words).waitFor();
    const large = fileOf("large.bin");
    truncateSync(large, 60 * 1024 * 1024);
    await part(share, "file").setInputFiles(large);
    await problem("That is too large");
    await create.click();
    await inState(share, "compose");
    await problem("That is too large");
    assert.equal(await share.evaluate(() => globalThis.reads), 0, "refused before it is read");
    await part(share, "remove").click();

    const moved = fileOf("moved.txt");
    await part(share, "file").setInputFiles(moved);
    rmSync(moved);
    await create.click();
    await problem("The file can’t be read");
    await look(share, "share-unreadable");
    await part(share, "remove").click();

    await part(share, "file").setInputFiles(fileOf("empty.txt", ""));
    await create.click();
    await problem("There is nothing to share");
    await part(share, "remove").click();
    await create.click();
    await problem("There is nothing to share");
    await finish(context);
  },

  async saving_asks_whether_it_arrived() {
    const context = await reader();
    const link = put(["-e", "--name", "photo.png"], { input: BYTES });
    const page = await visit(context, link);
    await page.getByRole("button", { name: "Read the secret" }).click();
    await inState(page, "shown");
    assert.ok(!(await page.getByText("Did the file arrive?").isVisible()));
    for (const button of ["save", "save-again"]) {
      const [download] = await Promise.all([page.waitForEvent("download"), part(page, button).click()]);
      assert.equal(download.suggestedFilename(), "photo.png");
      await page.getByText("Did the file arrive?").waitFor();
      assert.ok(await isKept(page, link), "nobody has said that it arrived");
    }
    await look(page, "secret-asked");
    await part(page, "arrived").click();
    await page.getByText("It is now destroyed").waitFor();
    assert.ok(!(await page.getByText("Did the file arrive?").isVisible()));
    assert.ok(!(await isKept(page, link)));
    // Once more, and nothing is asked.
    await Promise.all([page.waitForEvent("download"), part(page, "save").click()]);
    assert.ok(!(await page.getByText("Did the file arrive?").isVisible()));
    await finish(context);
  },

  /** What can't be saved here is fetched by another browser of the same reader, and by nobody else. */
  async a_secret_moves_to_another_browser_while_it_is_kept() {
    for (const encrypted of [true, false]) {
      const app = await reader({ acceptDownloads: false, permissions: ["clipboard-read", "clipboard-write"] });
      const link = put([`--encrypt=${encrypted}`], { input: BYTES });
      const page = await visit(app, link);
      await page.getByRole("button", { name: "Read the secret" }).click();
      await inState(page, "shown");
      await part(page, "save").click();
      await part(page, "elsewhere").click();
      await part(page, "elsewhere").getByText("Copied").waitFor();
      const handed = await page.evaluate(() => navigator.clipboard.readText());
      const other = await reader();
      await inState(await visit(other, link), "gone");
      const there = await visit(other, handed);
      assert.deepEqual(await readOn(there, { file: "secret" }), BYTES);
      assert.ok(!there.url().includes("~"));
      await finish(other);
      await finish(app);
    }
  },

  /** As in a browser inside an app: a click on save saves nothing. */
  async where_nothing_can_be_saved_there_are_other_ways() {
    const agent = "Mozilla/5.0 (Linux; Android 15; wv) AppleWebKit/537.36 Chrome/140.0 Mobile Safari/537.36 Instagram 390.0";
    const context = await reader({ acceptDownloads: false, userAgent: agent, permissions: ["clipboard-read", "clipboard-write"] });
    for (const [input, back] of [[BYTES, (text) => Buffer.from(text, "base64")], [Buffer.from(TEXT), null]]) {
      const link = put(["-e"], { input });
      const page = await visit(context, link);
      const session = await context.newCDPSession(page);
      await session.send("Browser.setDownloadBehavior", { behavior: "deny" }).catch(() => {});
      assert.ok(await page.getByText("an app’s built-in browser, and many of those can’t save files").isVisible());
      if (back) await look(page, "secret-in-app");
      await page.getByRole("button", { name: "Read the secret" }).click();
      await inState(page, "shown");
      await part(page, "save").click();
      await page.getByText("Did the file arrive?").waitFor();
      assert.ok(await isKept(page, link), "what came to nothing isn't acknowledged");
      if (back) {
        await look(page, "secret-in-app-asked");
        await part(page, "copy-base64").click();
        await page.getByText("It is now destroyed").waitFor();
        assert.deepEqual(back(await page.evaluate(() => navigator.clipboard.readText())), BYTES);
      } else {
        assert.ok(!(await part(page, "copy-base64").isVisible()), "a text is shown or copied as it is");
        await part(page, "reveal").click();
        assert.equal(await part(page, "content").textContent(), TEXT);
        await page.getByText("It is now destroyed").waitFor();
      }
      await page.close();
    }
    await finish(context);
  },
};
