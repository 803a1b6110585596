//! Why a certificate can't be had, in words for whoever runs the server.

use instant_acme::{Error, Problem};
use url::Url;

use crate::{client, server::InvalidPair};

/// Why no certificate was issued. What an authority said of it is in it as it came.
#[derive(Debug, thiserror::Error)]
pub enum OrderError {
    /// No connection, or it broke.
    #[error("can't reach {directory}: {reason}")]
    Unreachable {
        /// Where the authority says what it can do.
        directory: Url,
        /// Why, in a few words.
        reason: String,
    },
    /// What answers is no authority.
    #[error("{directory} doesn't answer as an ACME authority does ({what}): check --acme-directory")]
    Protocol {
        /// Where it should.
        directory: Url,
        /// What was odd.
        what: String,
    },
    /// The authority asked for a name, and was not answered by this server.
    #[error(
        "{name} doesn't lead the authority here: {detail}. It connects to port 443 of that name, which has to be a --listen of this server"
    )]
    NotHere {
        /// The name.
        name: String,
        /// What it found.
        detail: String,
    },
    /// It has other ways to make sure of a name.
    #[error(
        "the authority doesn't ask for {0} by tls-alpn-01, the only way that ots knows: choose another with --acme-directory"
    )]
    NoWay(String),
    /// It won't write to that address.
    #[error("the authority doesn't take the contact: {0}. Give another with --acme-contact")]
    Contact(String),
    /// It says no.
    #[error("the authority refuses: {0}")]
    Refused(String),
    /// It knows nothing of the account that it gave.
    #[error("the authority doesn't know the account that is kept: another one is made")]
    NoAccount,
    /// It takes longer than anybody waits.
    #[error("the authority hasn't issued it in time")]
    Late,
    /// What it issued isn't a certificate that can be served.
    #[error("what the authority issued can't be served: {0}")]
    Unusable(#[from] InvalidPair),
    /// It would have to be ordered anew at once.
    #[error("what the authority issued is for other names, or is about to expire: is this machine's clock right?")]
    Useless,
    /// There is no key or no certificate for the answer to the authority.
    #[error("a key can't be made: {0}")]
    Key(#[from] rcgen::Error),
}

impl OrderError {
    /// Says of instant-acme's error what a person can act on.
    pub(super) fn of(directory: &Url, error: Error) -> Self {
        let directory = directory.clone();
        match error {
            Error::Api(problem) => Self::refused(&problem),
            Error::Timeout(_) => Self::Late,
            Error::Other(error) => match error.downcast::<reqwest::Error>() {
                Ok(error) if error.is_timeout() => {
                    Self::Unreachable { directory, reason: "no answer in time".to_owned() }
                }
                Ok(error) => Self::Unreachable { directory, reason: client::root_cause(&error) },
                Err(error) => Self::Protocol { directory, what: error.to_string() },
            },
            error => Self::Protocol { directory, what: error.to_string() },
        }
    }

    fn refused(problem: &Problem) -> Self {
        let kind = problem.r#type.as_deref().and_then(|kind| kind.strip_prefix("urn:ietf:params:acme:error:"));
        match kind {
            Some("accountDoesNotExist") => Self::NoAccount,
            Some("invalidContact" | "unsupportedContact") => Self::Contact(detail(problem)),
            _ => Self::Refused(detail(problem)),
        }
    }
}

/// What the authority says, of each name if it says something of them.
pub(super) fn detail(problem: &Problem) -> String {
    let own = problem.detail.as_deref().or(problem.r#type.as_deref());
    let each = problem.subproblems.iter().filter_map(|problem| problem.detail.as_deref());
    let all: Vec<&str> = own.into_iter().chain(each).map(|text| text.trim_end_matches('.')).collect();
    if all.is_empty() { NO_WORD.to_owned() } else { all.join("; ") }
}

/// What an authority is told to have said that said nothing.
pub(super) const NO_WORD: &str = "it doesn't say why";

#[cfg(test)]
mod tests {
    use super::*;

    fn said(json: &str) -> String {
        let problem: Problem = serde_json::from_str(json).unwrap();
        OrderError::of(&"https://ca.example/".parse().unwrap(), Error::Api(problem)).to_string()
    }

    #[test]
    fn what_an_authority_says_is_told() {
        let limited = r#"{"type":"urn:ietf:params:acme:error:rateLimited","detail":"too many certificates already issued.","status":429}"#;
        assert_eq!(said(limited), "the authority refuses: too many certificates already issued");
        let contact =
            r#"{"type":"urn:ietf:params:acme:error:invalidContact","detail":"contact email has forbidden domain"}"#;
        assert!(said(contact).ends_with("contact email has forbidden domain. Give another with --acme-contact"));
        let each = r#"{"detail":"Cannot issue","subproblems":[{"detail":"a.test is no public name"},{"type":"x"},{"detail":"nor is b.test."}]}"#;
        assert_eq!(said(each), "the authority refuses: Cannot issue; a.test is no public name; nor is b.test");
        assert_eq!(said("{}"), "the authority refuses: it doesn't say why");
    }

    #[test]
    fn what_is_no_authority_is_told() {
        let directory = "https://ca.example/".parse().unwrap();
        let no_json = serde_json::from_str::<u8>("<html>").unwrap_err();
        let told = OrderError::of(&directory, Error::Json(no_json)).to_string();
        assert!(
            told.starts_with("https://ca.example/ doesn't answer as") && told.ends_with("check --acme-directory"),
            "{told}"
        );
    }
}
