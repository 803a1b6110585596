// The page that makes a request, and collects its answer. What collects stands after #, where a bookmark keeps it and no server sees it.

import { offerToAsk } from "./ask.js";
import { requestLinkTo } from "./api.js";
import { handedClaim } from "./claims.js";
import { collect } from "./collect.js";
import { collectingFragment, parseCollecting } from "./collecting.js";
import { supported } from "./sealed_box.js";
import { ready, show } from "./ui.js";

function start() {
  const handed = handedClaim();
  if (!supported) return show("unsupported");
  const fragment = location.hash.slice(1);
  if (fragment === "") return;
  const held = parseCollecting(fragment);
  if (held === null) return show("incomplete");
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
