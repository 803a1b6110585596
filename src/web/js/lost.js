// The page of an address that can't be a link. A program may have escaped its # (%23): then the link is made whole again, and its page
// says that the key was sent to the server with the path.

import { rememberSent, tokenIn, unescaped } from "./links.js";
import { ready } from "./ui.js";

ready();
const [path, ...sent] = unescaped(location.pathname).split("#");
const token = tokenIn(path);
if (token !== null && sent.length > 0) {
  const key = sent.join("#");
  if (key !== "") rememberSent(token);
  const root = new URL(document.documentElement.dataset.root, location.href);
  location.replace(new URL(`s/${token}#${key}`, root));
}
