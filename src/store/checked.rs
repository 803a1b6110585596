//! What a look at a whole store found.

use super::Held;

/// What is kept, and what is wrong with it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Checked {
    /// Records that could be read, dead ones that wait to be removed included.
    pub records: u64,
    /// Bytes of their ciphertext.
    pub bytes: u64,
    /// The same, under each key.
    pub held: Vec<Held>,
    /// What is wrong, a sentence each; none names a secret.
    pub findings: Vec<String>,
}
