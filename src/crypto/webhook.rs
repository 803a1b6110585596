//! What webhooks' messages are signed with, as Standard Webhooks 1.0.0 has it (symmetric, `v1`), and what a store knows webhooks by.

use data_encoding::BASE64;
use orion::hazardous::mac::hmac::sha256::{HmacSha256, SecretKey};
use zeroize::Zeroizing;

use super::{CryptoError, derive::hkdf};
use crate::secret::{HookId, HookName, hash};

/// The key that a webhook's messages are signed with. Whoever has it can make messages that its receiver takes for the server's.
pub struct SigningKey(Zeroizing<[u8; 32]>);

impl SigningKey {
    /// `HKDF-SHA-256(ikm master, salt "ots/webhook/v1", info url, 32 bytes)`: another URL has another key, and none leads to the server's.
    pub(super) fn derive(master: &[u8; 32], url: &str) -> Result<Self, CryptoError> {
        hkdf(master, b"ots/webhook/v1", url.as_bytes()).map(Self)
    }

    /// As receivers are given it: `whsec_` and base64.
    #[must_use]
    pub fn to_text(&self) -> Zeroizing<String> {
        let encoded = Zeroizing::new(BASE64.encode(self.0.as_ref()));
        Zeroizing::new(format!("whsec_{}", encoded.as_str()))
    }

    /// A message's signature: `v1,` and base64 of `HMAC-SHA-256(id.timestamp.body)`. Neither an id nor a timestamp has a full stop in it.
    ///
    /// # Errors
    /// Only if a primitive fails.
    pub fn sign(&self, id: &str, timestamp: i64, body: &[u8]) -> Result<String, CryptoError> {
        let key = SecretKey::try_from(self.0.as_slice()).map_err(|_| CryptoError::Seal)?;
        let mut state = HmacSha256::new(&key);
        for part in [id.as_bytes(), b".", timestamp.to_string().as_bytes(), b".", body] {
            state.update(part).map_err(|_| CryptoError::Seal)?;
        }
        let tag = state.finalize().map_err(|_| CryptoError::Seal)?;
        Ok(format!("v1,{}", BASE64.encode(tag.unprotected_as_ref())))
    }
}

/// What a store knows a webhook with a name by: it stays when its URL changes, so that what waits goes to where it is then.
#[must_use]
pub fn id_of_named(name: &HookName) -> HookId {
    HookId(hash(&[b"ots/webhook-name/v1", name.as_str().as_bytes()]))
}

/// What a store knows a webhook without a name by.
#[must_use]
pub fn id_of_url(url: &str) -> HookId {
    HookId(hash(&[b"ots/webhook-url/v1", url.as_bytes()]))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::crypto::at_rest::{Keyring, MasterKey};

    /// The key and the signature are from Python: HKDF by `hmac` and `hashlib`, and `standardwebhooks` 1.1.0 signing with it.
    #[test]
    fn keys_and_signatures_match_another_implementation() {
        let master = MasterKey::derive(b"a secret key").unwrap();
        let key = master.signing_key("https://hooks.example.org/ots").unwrap();
        assert_eq!(key.to_text().as_str(), "whsec_/kXwmzlohiEV8rtthEQoHNsnwWMvaGOhZ73onJjq3VE=");
        let signature = key.sign("msg_1", 1_800_000_000, br#"{"type":"secret.created"}"#).unwrap();
        assert_eq!(signature, "v1,U/jL6QrByzeGdZylfahuCC/46M2lkC41/5r97zupDWQ=");
    }

    #[test]
    fn each_url_and_each_server_key_has_a_key_of_its_own() {
        let ring = Keyring::new(MasterKey::derive(b"new").unwrap(), vec![MasterKey::derive(b"old").unwrap()]);
        let of = |url: &str| ring.signing_keys(url).unwrap().iter().map(|key| key.to_text().to_string()).collect();
        let (one, other): (Vec<String>, Vec<String>) = (of("https://one.example/"), of("https://one.example/x"));
        assert!(one.len() == 2 && one[0] != one[1] && !one.contains(&other[0]));
        let old = MasterKey::derive(b"old").unwrap().signing_key("https://one.example/").unwrap();
        assert_eq!(*one[1], **old.to_text());
    }

    #[test]
    fn a_name_is_no_url() {
        let name: HookName = "ops".parse().unwrap();
        assert_ne!(id_of_named(&name), id_of_url("ops"));
        assert_ne!(id_of_url("https://a.example/"), id_of_url("https://b.example/"));
    }
}
