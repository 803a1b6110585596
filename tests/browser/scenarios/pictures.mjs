// The README's pictures of the pages: the real ones, over a real server. `OTS_PICTURES=docs/pictures` renews them.

import { mkdirSync } from "node:fs";
import { join } from "node:path";

import { finish, inState, part, put, reader, server, shareOn, visit } from "../harness.mjs";

const folder = process.env.OTS_PICTURES;

const picture = (page, name) => page.screenshot({ path: join(folder, `${name}.png`), animations: "disabled", caret: "hide" });

export const scenarios = {
  async the_readmes_pictures() {
    mkdirSync(folder, { recursive: true });
    const context = await reader({ viewport: { width: 760, height: 620 }, colorScheme: "light", reducedMotion: "reduce" });
    const share = await visit(context, server);
    await part(share, "text").fill("the database's new password: correct horse battery staple");
    await part(share, "text").blur();
    await picture(share, "share");
    await shareOn(share, { text: "the database's new password: correct horse battery staple" });
    const waiting = await visit(context, put(["--encrypt"], { input: "correct horse battery staple" }));
    await inState(waiting, "waiting");
    await picture(waiting, "read");
    await finish(context);
  },
};
