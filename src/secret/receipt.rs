//! A receipt: what tells its holder what became of a secret, and opens nothing.

use std::{fmt, str::FromStr};

use jiff::Timestamp;
use zeroize::Zeroizing;

use super::{NoRandomness, ReceiptId, Token, bearer, bearer::Bearer};

/// What a receipt's text begins with, so that nobody takes it for a token.
const PREFIX: &str = "r-";
/// Characters of a receipt's text.
pub const RECEIPT_CHARS: usize = PREFIX.len() + bearer::CHARS;

/// The bearer capability of whoever made a secret: to see what became of it, and to burn it unread. Made as a token is, of the second of
/// creation and 128 random bits, and shown as `r-` and 32 characters of lower-case base32 (RFC 4648, no padding).
pub struct Receipt(Bearer);

/// The text is not `r-` and 32 characters of base32.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a receipt is r- and 32 letters and digits (a to z, 2 to 7)")]
pub struct InvalidReceipt;

impl Receipt {
    /// Draws a new receipt for a secret that is made at `now`.
    ///
    /// # Errors
    /// [`NoRandomness`] when the operating system has none.
    pub fn generate(now: Timestamp) -> Result<Self, NoRandomness> {
        Bearer::generate(now).map(Self)
    }

    /// The receipt of a request, from the token that its answer is collected under: whoever may collect can see what became of it, with
    /// nothing more to keep (`docs/request.md`).
    #[must_use]
    pub fn of_request(collecting: &Token) -> Self {
        Self(collecting.bearer().derive(b"ots/request-receipt/v1"))
    }

    /// `r-` and the 32 characters, in lower case. Named so that each place that shows a receipt can be found.
    #[must_use]
    pub fn expose(&self) -> Zeroizing<String> {
        self.0.text(PREFIX)
    }

    /// The lookup key: the second of creation, as it is, then `BLAKE2b-224("ots/receipt/v1" ‖ receipt's bytes)`. The receipt can't be found
    /// from it, nor the secret.
    #[must_use]
    pub fn id(&self) -> ReceiptId {
        ReceiptId(self.0.id(b"ots/receipt/v1"))
    }
}

impl FromStr for Receipt {
    type Err = InvalidReceipt;

    fn from_str(text: &str) -> Result<Self, InvalidReceipt> {
        let (prefix, rest) = text.split_at_checked(PREFIX.len()).ok_or(InvalidReceipt)?;
        if !prefix.eq_ignore_ascii_case(PREFIX) {
            return Err(InvalidReceipt);
        }
        rest.parse().map(Self).map_err(|bearer::Invalid| InvalidReceipt)
    }
}

impl fmt::Debug for Receipt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Receipt(…)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn text_is_lower_case_behind_its_prefix_and_either_case_is_taken() {
        let receipt = Receipt::generate(Timestamp::now()).unwrap();
        let text = receipt.expose();
        assert_eq!(text.len(), RECEIPT_CHARS);
        let (prefix, rest) = text.split_at(2);
        assert_eq!(prefix, "r-");
        assert!(rest.bytes().all(|b| b.is_ascii_lowercase() || (b'2'..=b'7').contains(&b)));
        for given in [text.to_string(), text.to_ascii_uppercase(), format!("R-{rest}")] {
            assert_eq!(given.parse::<Receipt>().unwrap().id(), receipt.id());
        }
        assert!(text.parse::<Token>().is_err() && rest.parse::<Receipt>().is_err());
    }

    /// The vectors are from Python: `hashlib.blake2b(b"ots/receipt/v1" + receipt, digest_size=28)`.
    #[test]
    fn id_is_the_second_and_the_documented_hash() {
        for (receipt, id) in [
            (format!("r-{}", "a".repeat(32)), "000000003085fff4451781f5f1ac0f8a7dbf3738419960357edf0b480f42cf67"),
            (
                "r-abcdefghijklmnopqrstuvwxyz234567".to_owned(),
                "004432149bdb2be5ae1d5e4929b84c512bd51d98e67f0acc805f46a19233eadd",
            ),
        ] {
            assert_eq!(data_encoding::HEXLOWER.encode(&receipt.parse::<Receipt>().unwrap().id().0), id);
        }
    }

    /// The vector is from Python: `token[:4] + hashlib.blake2b(b"ots/request-receipt/v1" + token, digest_size=16).digest()`.
    #[test]
    fn a_requests_receipt_is_the_documented_hash_of_its_collecting_token() {
        let token: Token = "abcdefghijklmnopqrstuvwxyz234567".parse().unwrap();
        assert_eq!(Receipt::of_request(&token).expose().as_str(), "r-abcdeffezyqhwhlte65n47d5sjfv43nw");
    }

    #[test]
    fn debug_shows_nothing() {
        assert_eq!(format!("{:?}", Receipt::generate(Timestamp::now()).unwrap()), "Receipt(…)");
    }

    proptest! {
        #[test]
        fn any_text_is_a_receipt_or_an_error(text in "([rR]-)?.{0,40}") {
            if let Ok(receipt) = text.parse::<Receipt>() {
                prop_assert_eq!(receipt.expose().to_string(), text.to_ascii_lowercase());
            }
        }
    }
}
