//! What a store keeps, and what it gives of it.

use jiff::Timestamp;

use crate::{
    memory::Reservation,
    secret::{ClaimHash, SecretId},
};

/// What a store keeps. All of it is opaque here but the times.
#[derive(Debug, Clone)]
pub struct Record {
    /// The lookup key.
    pub id: SecretId,
    /// When it was made; millisecond precision is kept.
    pub created_at: Timestamp,
    /// When it is gone; millisecond precision is kept.
    pub expires_at: Timestamp,
    /// A small number that the caller understands.
    pub kind: u8,
    /// Bytes of content, to tell without reading.
    pub size: u64,
    /// Which key sealed it.
    pub key_id: [u8; 8],
    /// What a passphrase is checked against; a record that has one is *guarded*.
    pub verifier: Option<[u8; 32]>,
    /// The ciphertext.
    pub sealed: Vec<u8>,
}

/// A record as a reader gets it.
#[derive(Debug)]
pub struct Stored {
    /// As inserted.
    pub expires_at: Timestamp,
    /// As inserted.
    pub kind: u8,
    /// As inserted.
    pub key_id: [u8; 8],
    /// The ciphertext.
    pub sealed: Vec<u8>,
    /// The memory that the ciphertext is counted under; keep it as long as the content lives.
    pub reservation: Reservation,
}

/// What may be told without reading.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Peek {
    /// As inserted.
    pub created_at: Timestamp,
    /// As inserted.
    pub expires_at: Timestamp,
    /// As inserted.
    pub kind: u8,
    /// As inserted.
    pub size: u64,
    /// As inserted.
    pub key_id: [u8; 8],
    /// As inserted.
    pub verifier: Option<[u8; 32]>,
    /// Who has claimed it, if somebody has.
    pub claim: Option<ClaimHash>,
}

/// Whether the caller has shown the passphrase of a guarded record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Access {
    /// No: a guarded record is not given out and not touched.
    Open,
    /// Yes, or it needs none.
    Verified,
}
