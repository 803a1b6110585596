// Argon2id beside the page, in a worker, so that the page stays alive for the seconds that it takes. Where there can be no worker, in
// pieces on the page's own thread, once it has shown that something is going on.

import { argon2idAsync } from "./libraries.js";

/** How long a worker may take to come, in milliseconds. */
const PATIENCE = 8000;
const SCRIPT = new URL("./worker.js", import.meta.url).href;
// The policy of the page lets nothing else be made a script of, and this is never anything but the address above.
const policy = globalThis.trustedTypes?.createPolicy("ots", { createScriptURL: () => SCRIPT });

/** Bytes, a salt and `{ t, m, p, dkLen }` give the stretched bytes. Null in a build without npm. */
export const argon2id =
  argon2idAsync &&
  (async (password, salt, options) => {
    try {
      return await inWorker([password, salt, options]);
    } catch {
      await painted();
      return argon2idAsync(password, salt, options);
    }
  });

function inWorker(task) {
  const worker = new Worker(policy?.createScriptURL("") ?? SCRIPT, { type: "module" });
  return new Promise((resolve, reject) => {
    const late = setTimeout(() => reject(new Error("no worker")), PATIENCE);
    worker.onerror = worker.onmessageerror = () => reject(new Error("no worker"));
    worker.onmessage = ({ data }) => {
      clearTimeout(late);
      if (data.ready) worker.postMessage(task);
      else if (data.stretched) resolve(data.stretched);
      else reject(new Error("the worker failed"));
    };
  }).finally(() => worker.terminate());
}

/** After the page was drawn; a page that is hidden isn't. */
const painted = () =>
  new Promise((resolve) => {
    requestAnimationFrame(() => setTimeout(resolve));
    setTimeout(resolve, 200);
  });
