// The worker of argon.js: stretches one passphrase, and is ended.

import { argon2idAsync } from "./libraries.js";

addEventListener("message", async ({ data: [password, salt, options] }) => {
  try {
    // Here is nobody to be kept waiting: in one piece.
    postMessage({ stretched: await argon2idAsync(password, salt, { ...options, asyncTick: Infinity }) });
  } catch {
    postMessage({});
  }
});
postMessage({ ready: true });
