// The API, for the pages. Addresses are relative, so that ots can live below any path.

const root = new URL(document.documentElement.dataset.root, location.href);
const SECRETS = new URL("api/v1/secrets", root).href;
const RECEIPTS = new URL("api/v1/receipts", root).href;
const REQUESTS = new URL("api/v1/requests", root).href;

/** The server could not be reached, or the answer broke off, or the server said why it can't now (`problem`): the same call may be
 * made again. */
export class Broken extends Error {
  constructor(problem = null) {
    super("broken");
    this.problem = problem;
  }
}

/** The server said no. `problem` is its problem+json. */
export class Problem extends Error {
  constructor(problem) {
    super(problem.code);
    this.problem = problem;
  }
}

/** Random, for Idempotency-Key: makes a read this reader's own. */
export function newClaim() {
  return Array.from(crypto.getRandomValues(new Uint8Array(16)), (byte) => byte.toString(16).padStart(2, "0")).join("");
}

/**
 * The link to a secret. The server's own word counts only if its operator told it its name; else it is a guess from what a proxy
 * passed on, and the address that this page is at works for sure.
 */
export function linkTo(created, named) {
  return named ? new URL(created.url).href : new URL(`s/${created.token}`, root).href;
}

/** The link to its receipt, in the same way; null where the server gave none. */
export function receiptLinkTo(created, named) {
  if (!created.receipt) return null;
  return named ? new URL(created.receipt_url).href : new URL(`t/${created.receipt}`, root).href;
}

/** The link to a request, in the same way, without what follows #. */
export function requestLinkTo(opened, named) {
  return named ? new URL(opened.url).href : new URL(`r/${opened.token}`, root).href;
}

function problemOf(text, status) {
  try {
    return new Problem({ status, ...JSON.parse(text) });
  } catch {
    return new Problem({ status, code: "unknown", detail: `HTTP ${status}` });
  }
}

async function call(address, options) {
  let response;
  try {
    response = await fetch(address, { cache: "no-store", credentials: "omit", redirect: "error", ...options });
  } catch {
    throw new Broken();
  }
  if (response.ok) return response;
  const said = problemOf(await response.text().catch(() => ""), response.status);
  throw response.status === 503 || response.status === 429 ? new Broken(said.problem) : said;
}

const withClaim = (claim) => (claim ? { "Idempotency-Key": claim } : {});

/** What may be known without reading; with the claim of an earlier read, also of a claimed secret. */
export async function status(token, claim = null) {
  const response = await call(`${SECRETS}/${token}/status`, { headers: withClaim(claim) });
  return response.json();
}

/** Reads a secret under a claim; the same claim gets it again until it is acknowledged. */
export async function reveal(token, claim, passphrase, onProgress) {
  const headers = { Accept: "application/octet-stream", ...withClaim(claim) };
  const options = { method: "POST", headers };
  if (passphrase !== null) {
    headers["Content-Type"] = "application/json";
    options.body = JSON.stringify({ passphrase });
  }
  const response = await call(`${SECRETS}/${token}/reveal`, options);
  const total = Number(response.headers.get("Content-Length")) || 0;
  const parts = [];
  let length = 0;
  try {
    const reader = response.body.getReader();
    for (let part = await reader.read(); !part.done; part = await reader.read()) {
      parts.push(part.value);
      length += part.value.length;
      onProgress(length, total);
    }
  } catch {
    throw new Broken();
  }
  if (total && length !== total) throw new Broken();
  const content = new Uint8Array(length);
  let place = 0;
  for (const part of parts) {
    content.set(part, place);
    place += part.length;
  }
  return content;
}

/** With the reader's claim: it has arrived, destroy it. Without: destroy it unread. */
export async function destroy(token, claim = null) {
  await call(`${SECRETS}/${token}`, { method: "DELETE", headers: withClaim(claim) });
}

/** What became of a secret, by its receipt. A proxy may let only those here who are signed in, as it does for creating. */
export async function trace(receipt) {
  const response = await call(`${RECEIPTS}/${receipt}`, { credentials: "same-origin" });
  return response.json();
}

/** Destroys the secret of a receipt, if it is unread. */
export async function destroyBy(receipt) {
  await call(`${RECEIPTS}/${receipt}`, { method: "DELETE", credentials: "same-origin" });
}

/** Stores bytes. Not repeated by itself: when the answer is lost, so is the link. */
export function create(content, { ttl, passphrase, encrypted, passphraseRequired, receipt, key }, onProgress) {
  const query = new URLSearchParams({ ttl_seconds: ttl });
  if (encrypted) query.set("encrypted", "true");
  if (passphraseRequired) query.set("passphrase_required", "true");
  if (receipt) query.set("receipt", "true");
  const headers = withKey(key);
  if (passphrase !== null) headers["Ots-Passphrase"] = base64url(passphrase);
  return upload(`${SECRETS}?${query}`, headers, content, onProgress);
}

// What can't be a key is refused by the server, not by the browser.
const withKey = (key) => (key ? { Authorization: `Bearer ${encodeURIComponent(key)}` } : {});

/** Sends what is to be stored, once, and gives what came of it. */
function upload(address, headers, content, onProgress) {
  // fetch() doesn't say how far an upload is.
  const request = new XMLHttpRequest();
  request.open("POST", address);
  for (const [name, value] of Object.entries({ "Content-Type": "application/octet-stream", ...headers })) request.setRequestHeader(name, value);
  request.upload.onprogress = (event) => onProgress(event.loaded, event.total);
  return new Promise((resolve, reject) => {
    request.onerror = request.onabort = request.ontimeout = () => reject(new Broken());
    request.onload = () => {
      if (request.status !== 201) return reject(problemOf(request.responseText, request.status));
      try {
        resolve(JSON.parse(request.responseText));
      } catch {
        reject(new Broken());
      }
    };
    request.send(content);
  });
}

/** Makes a request. Not repeated by itself: when the answer is lost, so is the link. */
export const ask = (request, key) =>
  upload(REQUESTS, { "Content-Type": "application/json", ...withKey(key) }, JSON.stringify(request), () => {});

/** Takes a request back that nobody has answered. */
export async function withdraw(token, collecting) {
  await call(`${REQUESTS}/${token}`, { method: "DELETE", headers: { "Ots-Collecting-Token": collecting } });
}

/** What whoever answers a request may know. */
export async function invitation(token) {
  const response = await call(`${REQUESTS}/${token}`);
  return response.json();
}

/** Answers a request. Not repeated by itself: a second answer would be refused though the first was taken. */
export const answer = (token, sealed, onProgress) => upload(`${REQUESTS}/${token}/answer`, {}, sealed, onProgress);

function base64url(text) {
  const binary = Array.from(new TextEncoder().encode(text), (byte) => String.fromCharCode(byte)).join("");
  return btoa(binary).replaceAll("+", "-").replaceAll("/", "_").replace(/=+$/, "");
}
