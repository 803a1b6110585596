// The claim that makes a read this tab's own: it lies in sessionStorage until the secret is acknowledged, so that a reload or a broken connection
// asks again for the same secret. It can be handed on to another browser, behind the key of a link, where no server sees it.

import { newClaim } from "./api.js";
import { tab } from "./tab.js";

/** Where a secret's claim is kept. */
export const claimOf = (token) => `ots-claim-${token}`;

/** The claim of this tab, new if it has none. */
export function ownClaim(stored) {
  const claim = tab.getItem(stored) ?? newClaim();
  tab.setItem(stored, claim);
  return claim;
}

/** Takes a claim that was handed on out of the address; null where none is. It counts for what was read already: nobody reads for the first time under another's. */
export function handedClaim() {
  const [whole, before, claim] = /^#(.*)~([0-9a-f]{32})$/.exec(location.hash) ?? [];
  if (!whole) return null;
  history.replaceState(null, "", `${location.pathname}${location.search}${before && `#${before}`}`);
  return claim;
}

/** The link that hands it on. */
export const linkWith = (key, claim) => `${location.origin}${location.pathname}#${key}~${claim}`;
