// A build without npm: what the browser has itself has to do.

export const chacha20poly1305 = null;
export const argon2idAsync = null;
export const blake2b = null;
export const expand = null;
export const extract = null;
export const hkdf = null;
export const sha256 = null;
export const xwing = null;
export const qrCode = null;
