// The page that makes a request, and collects its answer. What collects stands after #, where a bookmark keeps it and no server sees it.

import { offerToAsk } from "./ask.js";
import { requestLinkTo } from "./api.js";
import { handedClaim } from "./claims.js";
import { collect } from "./collect.js";
import { collectingFragment, parseCollecting } from "./collecting.js";
import { unescaped } from "./links.js";
import { supported } from "./sealed_box.js";
import { ready, show } from "./ui.js";

function start() {
  const handed = handedClaim();
  if (!supported) return show("unsupported");
  if (location.hash.slice(1) === "") return;
  // What clung to it where it was pasted from goes.
  const held = parseCollecting(unescaped(location.hash.slice(1)).replace(/[^A-Za-z0-9_-]+$/, ""));
  if (held === null) return show("incomplete");
  history.replaceState(null, "", `#${collectingFragment(held)}`);
  collect({ ...held, link: requestLinkTo({ token: held.request }, false), handed });
}

offerToAsk((made) => {
  // What the server gave is none of its business to choose but for two tokens.
  const whole = parseCollecting(collectingFragment(made));
  if (whole === null) throw new TypeError("no token");
  history.replaceState(null, "", `#${collectingFragment(whole)}`);
  collect({ ...made, ...whole, handed: null });
});
addEventListener("hashchange", () => location.reload());
start();
ready();
