// X-Wing, which no browser has, by itself: only the pages of requests load it. A build without npm has none.js in its place.

export { ml_kem768_x25519 as xwing } from "@noble/post-quantum/hybrid.js";
