//! The lookup key of a secret.

/// The hash of a token: all that a store ever sees of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct SecretId(pub [u8; 32]);
