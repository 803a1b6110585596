//! Who may create: anybody, nobody, or whoever shows a key or is named by a proxy. Reading is open to whoever has the link, always.
//!
//! - [`keys`]: the keys that are taken, and what each allows; [`user`]: whom a proxy names.

mod keys;
mod user;

use std::{fmt, sync::Arc};

use hyper::{HeaderMap, header};
use jiff::Timestamp;

use crate::secret::CreateKey;
pub use keys::{InvalidKeyName, KeyList, KeyName, Limits, ListedKey};
pub(in crate::server) use user::UserName;
pub use user::{InvalidUserHeader, UserHeader};

/// What the server wants of whoever creates.
#[derive(Debug, Clone, Default)]
pub enum Creation {
    /// Nothing.
    #[default]
    Open,
    /// Nobody creates: the server only hands out what it has.
    Closed,
    /// A key of these, or somebody whom a trusted proxy names; where there are both, either is enough.
    Asked {
        /// The keys, if keys are taken.
        keys: Option<Arc<KeyList>>,
        /// The header in which a proxy names somebody, if one does.
        user: Option<UserHeader>,
    },
}

/// Who creates.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::server) enum Creator {
    /// Nobody was asked who it is.
    Anyone,
    /// Whoever has the key of this name.
    Key(KeyName),
    /// Somebody whom a trusted proxy named.
    User(UserName),
}

impl Creator {
    /// The key's name, or what the proxy calls somebody; none of anybody.
    pub(in crate::server) fn name(&self) -> Option<Arc<str>> {
        match self {
            Self::Anyone => None,
            Self::Key(name) => Some(name.as_str().into()),
            Self::User(name) => Some(name.to_string().into()),
        }
    }
}

impl fmt::Display for Creator {
    /// For the log.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Anyone => f.write_str("anyone"),
            Self::Key(name) => write!(f, "key {name}"),
            Self::User(name) => write!(f, "user {name}"),
        }
    }
}

/// That somebody may create, and how much.
#[derive(Debug, Clone)]
pub(in crate::server) struct Permission {
    pub(in crate::server) creator: Creator,
    pub(in crate::server) limits: Limits,
}

/// Why somebody may not.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::server) enum Denied {
    /// Nobody may.
    Closed,
    /// There was no key, or none that is taken: unknown, expired and malformed are one and the same.
    Key,
    /// No trusted proxy said who it is, or not as it has to.
    User,
}

impl Creation {
    /// Whether requests are answered: a request is its own permission, but where nobody stores anything.
    pub(in crate::server) fn answers(&self) -> Result<(), Denied> {
        if matches!(self, Self::Closed) { Err(Denied::Closed) } else { Ok(()) }
    }

    /// Whether whoever shows this key, and comes with these headers, may create. Only what a trusted proxy passed on (`through_proxy`)
    /// can name somebody.
    pub(in crate::server) fn permit(
        &self,
        key: Option<&CreateKey>,
        headers: &HeaderMap,
        through_proxy: bool,
    ) -> Result<Permission, Denied> {
        let of = |creator| Permission { creator, limits: Limits::default() };
        match self {
            Self::Open => Ok(of(Creator::Anyone)),
            Self::Closed => Err(Denied::Closed),
            Self::Asked { keys, user } => {
                let listed = keys.as_ref().zip(key).and_then(|(keys, key)| keys.find(key, Timestamp::now()));
                if let Some((name, limits)) = listed {
                    return Ok(Permission { creator: Creator::Key(name), limits });
                }
                let named = user.as_ref().filter(|_| through_proxy).and_then(|user| user.named_in(headers));
                match named {
                    Some(name) => Ok(of(Creator::User(name))),
                    None if keys.is_some() => Err(Denied::Key),
                    None => Err(Denied::User),
                }
            }
        }
    }
}

/// The key that a request shows (RFC 6750, section 2.1); none if there is none, or two, or something else.
pub(in crate::server) fn bearer(headers: &HeaderMap) -> Option<CreateKey> {
    let mut values = headers.get_all(header::AUTHORIZATION).iter();
    let (Some(value), None) = (values.next(), values.next()) else { return None };
    let (scheme, key) = value.to_str().ok()?.split_once(' ')?;
    if scheme.eq_ignore_ascii_case("bearer") { key.trim_matches(' ').parse().ok() } else { None }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn with(values: &[&str]) -> HeaderMap {
        values.iter().map(|value| (header::AUTHORIZATION, value.parse().unwrap())).collect()
    }

    #[test]
    fn a_key_is_taken_from_one_bearer_header_and_nothing_else() {
        let key = CreateKey::generate().unwrap();
        let text = key.expose();
        let text = text.as_str();
        for given in [format!("Bearer {text}"), format!("bearer {text}"), format!("BEARER   {text}")] {
            assert!(bearer(&with(&[&given])).unwrap().hash().is(&key.hash()), "{given}");
        }
        for given in [
            "",
            "Bearer",
            "Bearer ",
            text,
            &format!("Basic {text}"),
            &format!("Bearer{text}"),
            &format!("Bearer\t{text}"),
            &format!("Bearer {text}, Bearer {text}"),
            &format!("Bearer {text} {text}"),
            &format!("Bearer \"{text}\""),
            &format!("Bearer key={text}"),
            &format!("Bearer {}", &text[1..]),
            &format!("Bearer {}", text.to_uppercase()),
        ] {
            assert!(bearer(&with(&[given])).is_none(), "{given}");
        }
        let whole = format!("Bearer {text}");
        assert!(bearer(&with(&[&whole, &whole])).is_none(), "twice is not once");
        assert!(bearer(&HeaderMap::new()).is_none());
    }

    #[test]
    fn either_of_a_key_and_a_user_is_enough_and_only_a_proxy_names_one() {
        let (key, other) = (CreateKey::generate().unwrap(), CreateKey::generate().unwrap());
        let name: KeyName = "ci".parse().unwrap();
        let listed = ListedKey { name: name.clone(), hash: key.hash(), expires: None, limits: Limits::default() };
        let keys = Some(Arc::new(KeyList::new(vec![listed])));
        let user: Option<UserHeader> = Some("Remote-User".parse().unwrap());
        let headers: HeaderMap = [("remote-user".parse().unwrap(), "ann".parse().unwrap())].into_iter().collect();
        let (ci, ann) = (Ok("ci"), Ok("ann"));
        for (creation, key, proxy, outcome) in [
            (Creation::Open, None, false, Ok("")),
            (Creation::Closed, Some(&key), true, Err(Denied::Closed)),
            (Creation::Asked { keys: keys.clone(), user: None }, Some(&key), false, ci),
            (Creation::Asked { keys: keys.clone(), user: None }, Some(&other), true, Err(Denied::Key)),
            (Creation::Asked { keys: keys.clone(), user: None }, None, true, Err(Denied::Key)),
            (Creation::Asked { keys: None, user: user.clone() }, None, true, ann),
            (Creation::Asked { keys: None, user: user.clone() }, Some(&key), false, Err(Denied::User)),
            (Creation::Asked { keys: keys.clone(), user: user.clone() }, Some(&key), true, ci),
            (Creation::Asked { keys: keys.clone(), user: user.clone() }, Some(&other), true, ann),
            (Creation::Asked { keys, user }, Some(&other), false, Err(Denied::Key)),
        ] {
            let permitted = creation.permit(key, &headers, proxy).map(|permission| match permission.creator {
                Creator::Anyone => String::new(),
                Creator::Key(name) => name.to_string(),
                Creator::User(name) => name.to_string(),
            });
            assert_eq!(permitted.as_deref().map_err(|denied| *denied), outcome, "{creation:?}");
        }
    }

    proptest! {
        #[test]
        fn any_header_is_a_key_or_none(text in "(Bearer )?[ -~]{0,70}") {
            if let Some(key) = bearer(&with(&[&text])) {
                prop_assert!(text.ends_with(key.expose().as_str()));
            }
        }
    }
}
