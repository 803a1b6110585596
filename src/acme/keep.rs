//! Keeps a certificate that is valid: orders it when there is none, or when a third of its life is left, and waits ever longer after each
//! failure.

use std::{io, path::Path, sync::Arc, time::Duration};

use jiff::Timestamp;
use tokio::{sync::Notify, task::spawn_blocking};
use url::Url;
use zeroize::Zeroizing;

use super::{
    account::account,
    error::OrderError,
    kept::Kept,
    names::{Domain, MailAddress},
    order,
};
use crate::{
    server::{InvalidPair, Pair, Tls},
    store::OpenError,
};

/// How long is slept at most before the clock is looked at again: it may have been set, and the machine may have slept.
const NAP: Duration = Duration::from_secs(3600);
/// How long after the first failure it is tried again.
const FIRST_WAIT: Duration = Duration::from_secs(60);
/// And after the last of many.
const LONGEST_WAIT: Duration = Duration::from_secs(6 * 3600);

/// What is ordered, and of whom.
#[derive(Debug)]
pub struct Options {
    /// The names that the certificate is for.
    pub domains: Vec<Domain>,
    /// Whom the authority may write to.
    pub contacts: Vec<MailAddress>,
    /// Where the authority says what it can do.
    pub directory: Url,
    /// What it is asked with. It trusts the authority's own certificate, and waits no longer than it should.
    pub http: reqwest::Client,
}

/// A certificate that is ordered, and what is kept of it.
#[derive(Debug)]
pub struct Acme {
    options: Options,
    kept: Kept,
    tls: Arc<Tls>,
    again: Arc<Notify>,
}

/// What becomes of an order, for whoever tells people.
#[derive(Debug)]
pub enum Event {
    /// A certificate was issued, and is served.
    Issued,
    /// It can't be kept: the next start orders another one.
    NotKept(io::Error),
    /// None was issued; the one that is served, if there is one, stays.
    Failed {
        /// Why.
        error: OrderError,
        /// After how long it is tried again.
        again: Duration,
    },
}

impl Acme {
    /// Over what is kept in the data directory.
    ///
    /// # Errors
    /// [`OpenError::Io`]: there is no place for it.
    pub fn open(options: Options, data: &Path) -> Result<Self, OpenError> {
        let kept = Kept::open(data, &options.directory)?;
        Ok(Self { options, kept, tls: Arc::new(Tls::waiting()), again: Arc::default() })
    }

    /// The handshakes.
    #[must_use]
    pub fn tls(&self) -> &Arc<Tls> {
        &self.tls
    }

    /// Serves the certificate that is kept, also one that has expired: so is what comes of a pair in files. Whether there is one.
    ///
    /// # Errors
    /// [`InvalidPair`]: it is damaged, and another one will be ordered.
    pub fn serve_kept(&self) -> Result<bool, InvalidPair> {
        let pair = self.kept.certificate()?;
        Ok(pair.map(|pair| self.tls.serve(pair)).is_some())
    }

    /// What has a failed order tried again at once.
    pub fn try_again(&self) -> impl Fn() + Send + Sync + 'static {
        let again = Arc::clone(&self.again);
        move || again.notify_one()
    }

    /// Orders whenever it is time. Never ends.
    pub async fn run(self, tell: impl Fn(Event)) {
        let mut failures = 0;
        loop {
            let left = Duration::try_from(self.due().duration_since(Timestamp::now())).unwrap_or_default();
            if !left.is_zero() {
                self.wait(left.min(NAP)).await;
                continue;
            }
            match self.order(&tell).await {
                Ok(()) => failures = 0,
                Err(error) => {
                    let again = back_off(failures);
                    failures += 1;
                    tell(Event::Failed { error, again });
                    self.wait(again).await;
                }
            }
        }
    }

    /// So long, or until it is to be tried again.
    async fn wait(&self, at_most: Duration) {
        tokio::select! {
            () = tokio::time::sleep(at_most) => {}
            () = self.again.notified() => {}
        }
    }

    /// When a new one is wanted.
    fn due(&self) -> Timestamp {
        self.tls.pair().map_or(Timestamp::MIN, |pair| due(&pair, &self.options.domains))
    }

    /// Orders one and serves it.
    async fn order(&self, tell: &impl Fn(Event)) -> Result<(), OrderError> {
        let pem = match self.issue(tell).await {
            // An authority that was set up anew knows nobody.
            Err(OrderError::NoAccount) => {
                let _ = self.kept.forget_account();
                self.issue(tell).await
            }
            issued => issued,
        }?;
        let pair = Pair::of(pem.as_bytes(), &self.kept.certificate_path())?;
        let again = due(&pair, &self.options.domains);
        self.tls.serve(pair);
        tell(Event::Issued);
        let kept = self.kept.clone();
        let keep = spawn_blocking(move || kept.keep_certificate(pem.as_bytes())).await;
        if let Err(error) = keep.unwrap_or_else(|panicked| Err(io::Error::other(panicked))) {
            tell(Event::NotKept(error));
        }
        // Else the next would be ordered at once, and so on.
        if again <= Timestamp::now() { Err(OrderError::Useless) } else { Ok(()) }
    }

    async fn issue(&self, tell: &impl Fn(Event)) -> Result<Zeroizing<String>, OrderError> {
        let account = account(&self.options, &self.kept, |error| tell(Event::NotKept(error))).await?;
        order::issue(&account, &self.options.directory, &self.options.domains, &self.tls).await
    }
}

/// When a new one is wanted in the place of this one: at once if it lacks a name.
fn due(pair: &Pair, domains: &[Domain]) -> Timestamp {
    let names = pair.names();
    let has = |domain: &Domain| names.iter().any(|name| name == domain.as_str());
    if !domains.iter().all(has) {
        return Timestamp::MIN;
    }
    let (begins, ends) = pair.validity();
    ends.checked_sub(ends.duration_since(begins) / 3).unwrap_or(ends)
}

/// Five tries in the first hour, as many as Let's Encrypt lets fail in one, and then ever fewer.
fn back_off(failures: u32) -> Duration {
    FIRST_WAIT.saturating_mul(3_u32.saturating_pow(failures)).min(LONGEST_WAIT)
}

#[cfg(test)]
mod tests {
    use super::*;
    use rcgen::{CertificateParams, KeyPair, date_time_ymd};

    #[test]
    fn a_third_before_its_end_a_new_one_is_wanted() {
        let key = KeyPair::generate().unwrap();
        let mut params = CertificateParams::new(["a.example".to_owned(), "B.example".to_owned()]).unwrap();
        (params.not_before, params.not_after) = (date_time_ymd(2026, 1, 1), date_time_ymd(2026, 4, 1));
        let pem = [params.self_signed(&key).unwrap().pem(), key.serialize_pem()].concat();
        let pair = Pair::of(pem.as_bytes(), Path::new("kept")).unwrap();
        let when = |domains: &[&str]| {
            due(&pair, &domains.iter().map(|domain| domain.parse().unwrap()).collect::<Vec<_>>()).to_string()
        };
        assert_eq!(when(&["a.example", "b.example"]), "2026-03-02T00:00:00Z");
        assert_eq!(when(&["b.example"]), "2026-03-02T00:00:00Z", "a name too many does no harm");
        assert_eq!(when(&["a.example", "c.example"]), Timestamp::MIN.to_string());
    }

    #[test]
    fn failures_are_ever_further_apart() {
        let waits: Vec<u64> = (0..7).map(|failures| back_off(failures).as_secs() / 60).collect();
        assert_eq!(waits, [1, 3, 9, 27, 81, 243, 360]);
        assert_eq!(back_off(u32::MAX), LONGEST_WAIT);
        assert!(
            waits[..4].iter().sum::<u64>() < 60 && waits[..5].iter().sum::<u64>() > 60,
            "five tries in the first hour"
        );
    }
}
