//! Links of receipts: `https://host/t/r-<token>`, or the receipt alone.

use std::str::FromStr;

use url::Url;
use zeroize::Zeroizing;

use super::{InvalidLink, Link, clean};
use crate::secret::Receipt;

/// The path, below the server's root, under which a receipt's page lives.
pub const RECEIPT_PATH: &str = "t/";

/// What a sender keeps: where it is told what became of a secret. It is taken as people have it, as a [`Link`] is.
pub struct ReceiptLink {
    /// The server's root, with a trailing slash; none for a bare receipt, which means the configured server.
    pub server: Option<Url>,
    /// The receipt.
    pub receipt: Receipt,
}

/// Either of what a sender has: the secret's link, or its receipt's.
pub enum SentLink {
    /// It opens the secret.
    Secret(Link),
    /// It tells what became of it.
    Receipt(ReceiptLink),
}

impl ReceiptLink {
    /// The link's text: `<server>t/<receipt>`.
    #[must_use]
    pub fn to_text(server: &Url, receipt: &Receipt) -> Zeroizing<String> {
        Zeroizing::new(format!("{server}{RECEIPT_PATH}{}", receipt.expose().as_str()))
    }

    /// The text of a link that shows several together: `<server>t/#<receipt>,<receipt>`. No browser sends what follows `#`.
    #[must_use]
    pub fn to_text_of_several(server: &Url, receipts: &[Receipt]) -> Zeroizing<String> {
        let mut text = Zeroizing::new(format!("{server}{RECEIPT_PATH}#"));
        for (place, receipt) in receipts.iter().enumerate() {
            if place > 0 {
                text.push(',');
            }
            text.push_str(receipt.expose().as_str());
        }
        text
    }
}

impl FromStr for ReceiptLink {
    type Err = InvalidLink;

    fn from_str(text: &str) -> Result<Self, InvalidLink> {
        let cleaned = clean::clean(text);
        let address = cleaned.split(['#', '?']).next().unwrap_or_default().trim_end_matches('/');
        if let Ok(receipt) = address.parse() {
            return Ok(Self { server: None, receipt });
        }
        let address = clean::with_scheme(address);
        let (root, receipt) = address.rsplit_once("/t/").ok_or(InvalidLink::NoReceipt)?;
        let receipt = receipt.parse().map_err(|_| InvalidLink::NoReceipt)?;
        let (server, _) = super::address_of(&format!("{root}/"))?;
        Ok(Self { server: Some(server), receipt })
    }
}

impl FromStr for SentLink {
    type Err = InvalidLink;

    fn from_str(text: &str) -> Result<Self, InvalidLink> {
        match text.parse() {
            Err(InvalidLink::Receipt) => text.parse().map(Self::Receipt),
            link => link.map(Self::Secret),
        }
    }
}

impl SentLink {
    /// The server's root, if the link has one.
    #[must_use]
    pub fn server(&self) -> Option<&Url> {
        match self {
            Self::Secret(link) => link.server.as_ref(),
            Self::Receipt(link) => link.server.as_ref(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const RECEIPT: &str = "r-abcdefghijklmnopqrstuvwxyz234567";

    fn server_of(text: &str) -> Option<String> {
        let link: ReceiptLink = text.parse().unwrap();
        assert_eq!(link.receipt.expose().as_str(), RECEIPT, "{text}");
        link.server.map(|server| server.to_string())
    }

    #[test]
    fn it_is_taken_as_people_have_it() {
        for text in [RECEIPT, &RECEIPT.to_uppercase(), &format!(" <{RECEIPT}>.\n")] {
            assert_eq!(server_of(text), None, "{text}");
        }
        let link = format!("https://host/below/t/{RECEIPT}");
        for text in [
            &link,
            &format!("({link}/)"),
            &format!("[receipt]({link})"),
            &format!("{link}?utm=1"),
            &format!("{link}#x"),
        ] {
            assert_eq!(server_of(text).as_deref(), Some("https://host/below/"), "{text}");
        }
        assert_eq!(server_of(&format!("host/t/{RECEIPT}")).as_deref(), Some("https://host/"));
        assert_eq!(server_of(&format!("localhost:8000/t/{RECEIPT}")).as_deref(), Some("http://localhost:8000/"));
    }

    #[test]
    fn what_is_none_is_said() {
        for (text, error) in [
            ("https://host/t/r-short", InvalidLink::NoReceipt),
            ("r-short", InvalidLink::NoReceipt),
            ("https://host/s/abcdefghijklmnopqrstuvwxyz234567", InvalidLink::NoReceipt),
            (&format!("https://u:p@host/t/{RECEIPT}"), InvalidLink::User),
            (&format!("ftp://host/t/{RECEIPT}"), InvalidLink::Scheme),
        ] {
            assert_eq!(text.parse::<ReceiptLink>().err(), Some(error), "{text}");
        }
    }

    #[test]
    fn a_sender_has_either() {
        let receipt = format!("https://host/t/{RECEIPT}");
        assert!(matches!(receipt.parse(), Ok(SentLink::Receipt(_))));
        assert!(matches!(RECEIPT.parse(), Ok(SentLink::Receipt(_))));
        assert!(matches!(receipt.replace("r-", "R-").parse(), Ok(SentLink::Receipt(_))));
        for cut in ["r-short", "https://host/t/r-short"] {
            assert_eq!(cut.parse::<SentLink>().err(), Some(InvalidLink::NoReceipt), "{cut}");
        }
        assert!(matches!("https://host/s/abcdefghijklmnopqrstuvwxyz234567#k".parse(), Ok(SentLink::Secret(_))));
        assert_eq!("nothing".parse::<SentLink>().err(), Some(InvalidLink::Neither));
        let [first, second] = [RECEIPT, RECEIPT].map(|text| text.parse().unwrap());
        let several = ReceiptLink::to_text_of_several(&"https://host/".parse().unwrap(), &[first, second]);
        assert_eq!(*several, format!("https://host/t/#{RECEIPT},{RECEIPT}"));
        assert_eq!(several.parse::<SentLink>().err(), Some(InvalidLink::Receipts));
        assert_eq!(several.parse::<Link>().err(), Some(InvalidLink::Receipts));
        assert_eq!("https://host/t/#".parse::<SentLink>().err(), Some(InvalidLink::NoToken));
    }
}
