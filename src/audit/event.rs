//! What becomes of secrets, and who had it so.

use std::{net::IpAddr, sync::Arc, time::Duration};

/// Who asked. Nobody, for what the server does by itself.
#[derive(Debug, Clone, Default)]
pub struct Origin {
    /// The request's name, as its answer and the log have it.
    pub request_id: u64,
    /// Where it came from.
    pub address: Option<IpAddr>,
    /// The name of the key, or of the user, that it was allowed for.
    pub creator: Option<Arc<str>>,
}

/// What happened. Each but the last is on the disk by then.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event {
    /// A secret was stored.
    Created {
        /// Bytes of content.
        size: u64,
        /// For how long.
        ttl: Duration,
    },
    /// It was removed, and its content leaves for one who named no claim.
    Delivered,
    /// Somebody has it under a claim, and its content leaves.
    Claimed,
    /// Whoever claimed it asked again within the lease, and its content leaves again.
    Repeated,
    /// Its reader has it, and it was removed.
    Acknowledged,
    /// It was destroyed unread, as somebody asked.
    Burned {
        /// Whether by whoever has its receipt, and not its link.
        by_receipt: bool,
    },
    /// A passphrase was wrong; with no tries left it was destroyed.
    WrongPassphrase {
        /// Tries that are left.
        left: u32,
    },
    /// Its time was over, and it was removed.
    Expired {
        /// Whether somebody had read it, and not acknowledged.
        read: bool,
    },
    /// Somebody asked for a secret, and has a link to give away.
    Requested {
        /// For how long.
        ttl: Duration,
    },
    /// A request was answered. The answer is a secret, and `Created` is told of it beside this.
    Answered,
    /// A request was taken back unanswered.
    Withdrawn,
    /// A request's time was over, and it was removed.
    Unanswered,
    /// A request was refused. Nothing was committed by it.
    Refused {
        /// What was asked for.
        route: &'static str,
        /// The word that the client was told.
        code: &'static str,
        /// The status of the answer.
        status: u16,
    },
}
