//! One order, from its beginning to its certificate. The authority makes sure of each name by tls-alpn-01 (RFC 8737): it connects to the name
//! and wants to be shown a certificate with its challenge in it.

use std::time::Duration;

use instant_acme::{
    Account, AuthorizationStatus, ChallengeType, Identifier, NewOrder, Order, OrderStatus, RetryPolicy,
};
use rcgen::{CertificateParams, CustomExtension, KeyPair};
use rustls::{crypto::ring::sign::any_ecdsa_type, pki_types::PrivateKeyDer, sign::CertifiedKey};
use url::Url;
use zeroize::Zeroizing;

use super::{
    error::{NO_WORD, OrderError, detail},
    names::Domain,
};
use crate::server::Tls;

/// How long, and how often, an authority is asked whether it has done what it does by itself.
const PATIENCE: RetryPolicy =
    RetryPolicy::new().initial_delay(Duration::from_millis(250)).backoff(1.5).timeout(Duration::from_secs(120));

/// Answers to the authority that handshakes give for as long as this is there.
struct Answers<'a>(&'a Tls);

impl Drop for Answers<'_> {
    fn drop(&mut self) {
        self.0.stop_answering();
    }
}

/// A certificate for all these names, its chain, and before them its key, in PEM.
pub(super) async fn issue(
    account: &Account,
    directory: &Url,
    domains: &[Domain],
    tls: &Tls,
) -> Result<Zeroizing<String>, OrderError> {
    let of = |error| OrderError::of(directory, error);
    let names: Vec<_> = domains.iter().map(|domain| Identifier::Dns(domain.to_string())).collect();
    let mut order = account.new_order(&NewOrder::new(&names)).await.map_err(of)?;
    let answers = Answers(tls);
    let mut authorizations = order.authorizations();
    while let Some(authorization) = authorizations.next().await {
        let mut authorization = authorization.map_err(of)?;
        // It may still be sure of a name from an order before.
        if authorization.status == AuthorizationStatus::Valid {
            continue;
        }
        let name = authorization.identifier().to_string();
        let challenge = authorization.challenge(ChallengeType::TlsAlpn01);
        let mut challenge = challenge.ok_or_else(|| OrderError::NoWay(name.clone()))?;
        tls.answer(&name, answer(&name, challenge.key_authorization().digest().as_ref())?);
        challenge.set_ready().await.map_err(of)?;
    }
    let ready = order.poll_ready(&PATIENCE).await;
    drop(answers);
    match ready {
        Ok(OrderStatus::Ready) => {}
        Ok(_) => {
            let unsaid = || OrderError::Refused(NO_WORD.to_owned());
            return Err(not_here(&mut order).await.unwrap_or_else(unsaid));
        }
        Err(error) => return Err(not_here(&mut order).await.unwrap_or_else(|| of(error))),
    }
    let key = Zeroizing::new(order.finalize().await.map_err(of)?);
    let chain = order.poll_certificate(&PATIENCE).await.map_err(of)?;
    Ok(Zeroizing::new([key.as_str(), chain.as_str()].concat()))
}

/// What shows the authority that a name leads here: a certificate for it alone, with a digest of the challenge in it.
fn answer(name: &str, digest: &[u8]) -> Result<CertifiedKey, OrderError> {
    let mut params = CertificateParams::new([name.to_owned()])?;
    params.custom_extensions = vec![CustomExtension::new_acme_identifier(digest)];
    let key = KeyPair::generate()?;
    let certificate = params.self_signed(&key)?;
    let signs = any_ecdsa_type(&PrivateKeyDer::Pkcs8(key.serialize_der().into()));
    let signs = signs.map_err(|_| rcgen::Error::RemoteKeyError)?;
    // Not checked against each other: rustls doesn't read a certificate with this extension.
    Ok(CertifiedKey::new(vec![certificate.der().clone()], signs))
}

/// The first name that the authority found somewhere else, and what it found there. Else none.
async fn not_here(order: &mut Order) -> Option<OrderError> {
    let mut authorizations = order.authorizations();
    while let Some(authorization) = authorizations.next().await {
        let mut authorization = authorization.ok()?;
        authorization.refresh().await.ok()?;
        let problem = authorization.challenges.iter().find_map(|challenge| challenge.error.as_ref());
        if let Some(problem) = problem {
            return Some(OrderError::NotHere { name: authorization.identifier().to_string(), detail: detail(problem) });
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;
    use x509_cert::{Certificate, der::Decode as _};

    /// RFC 8737, 3: the name and no other, and a critical extension with the digest as an octet string.
    #[test]
    fn an_answer_is_as_the_authority_wants_it() {
        let shown = answer("ots.example.org", &[7; 32]).unwrap();
        let certificate = Certificate::from_der(&shown.cert[0]).unwrap();
        let extensions = certificate.tbs_certificate().extensions().unwrap();
        let proof = extensions.iter().find(|one| one.extn_id.to_string() == "1.3.6.1.5.5.7.1.31").unwrap();
        assert!(proof.critical);
        assert_eq!(proof.extn_value.as_bytes(), [&[4, 32][..], &[7; 32]].concat());
    }
}
