// The worker of argon.js: stretches one passphrase, and is ended.

import { argon2idAsync } from "./libraries.js";

addEventListener("message", async ({ data: [password, salt, options] }) => {
  try {
    // Here is nobody to be kept waiting: in large pieces.
    postMessage({ stretched: await argon2idAsync(password, salt, { ...options, asyncTick: 1000 }) });
  } catch {
    postMessage({});
  }
});
postMessage({ ready: true });
