//! What a store knows a secret, its receipt, its key, its passphrase and a webhook by: hashes, of no use without the link.

use std::fmt;

/// The lookup key of a secret: the second of its creation, then a hash of its token. All that a store ever sees of the token.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SecretId(pub [u8; 32]);

/// The lookup key of a receipt: the second of its creation, then a hash of it. Nothing in it leads to the secret.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ReceiptId(pub [u8; 32]);

/// Names the key that a record was sealed under, without telling anything about it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct KeyId(pub [u8; 8]);

/// Names whom records are counted under: a keyed hash of an address or a name, of which nothing can be told without the server's key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct OwnerId(pub [u8; 16]);

/// Names a webhook, without telling anything about it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct HookId(pub [u8; 8]);

/// What a passphrase is checked against: a keyed hash, useless without the token and `SECRET_KEY`.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Verifier(pub [u8; 32]);

impl fmt::Debug for Verifier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Verifier(…)")
    }
}
