//! What is shown in a handshake: the certificate that is served, or an answer to an ACME authority.

use std::{
    collections::HashMap,
    sync::{Arc, PoisonError, RwLock},
};

use rustls::{
    server::{ClientHello, ResolvesServerCert},
    sign::CertifiedKey,
};

use super::pair::Pair;

/// The protocol of an authority that wants to know whether a name leads here (RFC 8737).
pub(super) const CHALLENGE: &[u8] = b"acme-tls/1";

/// What handshakes are made with from now on.
#[derive(Debug, Default)]
pub(super) struct Served {
    /// None before the first certificate is there.
    pub(super) pair: RwLock<Option<Arc<Pair>>>,
    /// Proofs that a name is ours, while they are asked for.
    pub(super) answers: RwLock<HashMap<String, Arc<CertifiedKey>>>,
}

impl ResolvesServerCert for Served {
    fn resolve(&self, hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        if is_challenge(&hello) {
            let answers = self.answers.read().unwrap_or_else(PoisonError::into_inner);
            return answers.get(hello.server_name()?).cloned();
        }
        let pair = self.pair.read().unwrap_or_else(PoisonError::into_inner);
        pair.as_ref().map(|pair| Arc::clone(&pair.certified))
    }
}

/// An authority offers this protocol and no other.
fn is_challenge(hello: &ClientHello<'_>) -> bool {
    let Some(mut offered) = hello.alpn() else { return false };
    offered.next() == Some(CHALLENGE) && offered.next().is_none()
}
