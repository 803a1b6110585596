// Every state of the pages, looked at by axe and kept as a screenshot.

import assert from "node:assert/strict";

import { BYTES, capture, finish, insecure, inState, look, part, PASSPHRASE, put, reader, server, TEXT, visit } from "../harness.mjs";

export const scenarios = {
  async every_state_looks_right() {
    const context = await reader();
    context.forgiven.push(/ERR_FAILED/, /ERR_CONNECTION_RESET/);
    const share = await visit(context, server);
    await look(share, "share-compose");
    await part(share, "file").setInputFiles({ name: "a rather long name of a photograph from the holidays.png", mimeType: "image/png", buffer: BYTES });
    await look(share, "share-file");
    await part(share, "remove").click();
    let release;
    await share.route("**/api/v1/secrets?**", async (route) => {
      await new Promise((resolve) => (release = resolve));
      await route.continue();
    }, { times: 1 });
    await part(share, "text").fill(TEXT);
    await share.getByRole("button", { name: "Create the link" }).click();
    await inState(share, "busy");
    await look(share, "share-busy");
    release();
    await inState(share, "made");
    await look(share, "share-made");

    const link = put(["-e"], { input: TEXT });
    const page = await visit(context, link);
    await look(page, "secret-waiting");
    await page.route("**/reveal", async (route) => {
      await new Promise((resolve) => (release = resolve));
      await route.continue();
    }, { times: 1 });
    await page.getByRole("button", { name: "Read the secret" }).click();
    await inState(page, "busy");
    await look(page, "secret-busy");
    release();
    await inState(page, "shown");
    await look(page, "secret-shown-hidden");
    await part(page, "reveal").click();
    await page.getByText("It is now destroyed").waitFor();
    await look(page, "secret-shown");
    await page.reload();
    await inState(page, "gone");
    await look(page, "secret-gone");

    const asked = await visit(context, put(["-e"], { input: TEXT, passphrase: PASSPHRASE }));
    await look(asked, "secret-passphrase");
    await part(asked, "passphrase").fill("wrong");
    await asked.keyboard.press("Enter");
    await asked.getByText("That passphrase is wrong").waitFor();
    await look(asked, "secret-wrong-passphrase");

    const cut = await visit(context, put(["-e"], { input: TEXT }).split("#")[0]);
    await look(cut, "secret-incomplete");
    const hint = await visit(context, `${put([], { input: TEXT })}#${link.split("#")[1]}`);
    await hint.getByText("isn’t encrypted end to end").waitFor();
    await look(hint, "secret-not-encrypted");

    const file = await visit(context, put(["-e", "--name", "photo.png"], { input: BYTES }));
    await file.getByRole("button", { name: "Read the secret" }).click();
    await inState(file, "shown");
    await look(file, "secret-file");

    const broken = await visit(context, put(["-e"], { input: TEXT }));
    await broken.route("**/reveal", (route) => route.abort("connectionreset"), { times: 1 });
    await broken.getByRole("button", { name: "Read the secret" }).click();
    await inState(broken, "broken");
    await look(broken, "secret-broken");
    await broken.route("**/reveal", (route) => route.fulfill({ status: 500, json: { code: "internal", detail: "The store failed." } }), { times: 1 });
    await broken.getByRole("button", { name: "Try again" }).click();
    await inState(broken, "failed");
    await look(broken, "secret-failed");

    // What a server that lies would send: the proof is right, the envelope isn't.
    const damaged = await visit(context, put(["-e"], { input: TEXT }));
    await damaged.route("**/reveal", async (route) => {
      const response = await route.fetch();
      const body = await response.body();
      body[40] ^= 1;
      await route.fulfill({ response, body });
    });
    await damaged.getByRole("button", { name: "Read the secret" }).click();
    await inState(damaged, "damaged");
    await look(damaged, "secret-damaged");
    await finish(context);

    const away = await reader();
    away.forgiven.push(/Cross-Origin-Opener-Policy header has been ignored/);
    await look(await visit(away, insecure), "share-insecure");
    await finish(away);

    // Without JavaScript there is no axe; it looks at the same markup above. Here what the plain answer looks like.
    const plain = await reader({ javaScriptEnabled: false });
    const answer = await plain.newPage();
    await answer.goto(put([], { input: TEXT }));
    await answer.getByRole("button", { name: "Read the secret" }).click();
    await capture(answer, "plain-answer");
    await answer.goto(put(["-e"], { input: TEXT }));
    await capture(answer, "plain-encrypted");
    await answer.goto(server);
    await capture(answer, "plain-share");
    await finish(plain);
  },
};
