// The page of an address that can't be a link. A program may have escaped its # (%23): then the link is made whole again, and its page
// says that the key was sent to the server with the path.

import { rememberSent, tokenIn, unescaped } from "./links.js";
import { ready } from "./ui.js";

ready();
const [path, ...sent] = unescaped(location.pathname).split("#");
const token = tokenIn(path);
const root = new URL(document.documentElement.dataset.root, location.href);
// A request's, whose answer its fingerprint doesn't open.
const request = /\/r\/([a-z2-7]{32})$/i.exec(path);
if (request !== null && sent.length > 0) location.replace(new URL(`r/${request[1]}#${sent.join("#")}`, root));
// Several receipts, which open nothing.
if (/\/t\/$/.test(path) && sent.length > 0) location.replace(new URL(`t/#${sent.join("#")}`, root));
if (token !== null && sent.length > 0) {
  const key = sent.join("#");
  if (key !== "") rememberSent(token);
  location.replace(new URL(`s/${token}#${key}`, root));
}
