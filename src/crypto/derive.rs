//! What envelopes and requests derive their keys with: HKDF-SHA-256, and Argon2id for passphrases.

use orion::hazardous::kdf::{
    argon2::{Argon2, CostParams, ID, Sequential},
    hkdf::{Hkdf, SHA256},
};
use zeroize::Zeroizing;

use super::CryptoError;
use crate::secret::Passphrase;

/// Argon2id's cost (RFC 9106's second choice, but for the lanes, which orion fixes at one): memory in KiB, passes, lanes.
const ARGON2_MEMORY: u32 = 64 * 1024;
const ARGON2_PASSES: u32 = 3;
const ARGON2_LANES: u32 = 1;

/// HKDF-SHA-256 (RFC 5869), extract and expand.
pub(super) fn hkdf<const N: usize>(
    key: &[u8; 32],
    salt: &[u8],
    info: &[u8],
) -> Result<Zeroizing<[u8; N]>, CryptoError> {
    let mut bytes = Zeroizing::new([0; N]);
    Hkdf::<SHA256>::derive_key(salt, key, Some(info), bytes.as_mut()).map_err(|_| CryptoError::Seal)?;
    Ok(bytes)
}

/// `Argon2id(passphrase, salt = HKDF-SHA-256(key, empty salt, label, 16 bytes))`, 32 bytes: 64 MiB and about 0.2 s. Nothing without a
/// passphrase.
pub(super) fn stretch(
    key: &[u8; 32],
    label: &[u8],
    passphrase: Option<&Passphrase>,
) -> Result<Zeroizing<Vec<u8>>, CryptoError> {
    let Some(passphrase) = passphrase else { return Ok(Zeroizing::default()) };
    let salt = hkdf::<16>(key, &[], label)?;
    let cost = CostParams::new(ARGON2_PASSES, ARGON2_MEMORY, ARGON2_LANES).map_err(|_| CryptoError::Seal)?;
    let mut stretched = Zeroizing::new(vec![0; 32]);
    let password = passphrase.expose().as_bytes();
    Argon2::<ID, Sequential>::derive_key(password, salt.as_ref(), &cost, None, None, stretched.as_mut())
        .map_err(|_| CryptoError::Seal)?;
    Ok(stretched)
}

/// 32 derived bytes as what the server is given as a passphrase: base64url, 43 characters.
pub(super) fn proof(bytes: &[u8; 32]) -> Result<Passphrase, CryptoError> {
    let text = Zeroizing::new(data_encoding::BASE64URL_NOPAD.encode(bytes));
    Passphrase::new(text).map_err(|_| CryptoError::Seal)
}
