//! The statements: each call of the contract is one, and so atomic without a lock of ours; those that are made often take many calls, an
//! array a parameter. What is kept is counted in the statement that changes it.
//!
//! All of them run in `READ COMMITTED`: who finds a row locked waits for the other, and then looks at the row as that one left it. So one
//! of those who race for a record changes it, and the rest find it changed.

#[macro_use]
mod parts;
mod changes;

pub(super) use self::changes::{
    ANSWER, BURN, BURN_BY_RECEIPT, CLAIM, CLAIM_UNTOLD, EXHAUSTED, INSERT, INSERT_UNTOLD, RELEASE, RELEASE_UNTOLD,
    SWEEP, SWEEP_LEASES, TRY,
};
use super::outbox::{MESSAGES, WAITING};

/// The advisory locks that servers of one database meet at.
pub(super) mod locks {
    /// Who brings the tables up to date.
    pub(in super::super) const MIGRATE: i64 = 0x6f74_7331_0000_0001;
    /// Who keeps one more record where all of them are bounded.
    pub(in super::super) const ALL: i64 = 0x6f74_7331_0000_0003;
}

/// What is kept in all, and of an owner, and a request that is to be answered, if it is open. Under the locks that [`lock`](LOCK) takes it
/// doesn't grow.
pub(super) const USAGE: &str = "
    SELECT coalesce((SELECT records FROM ots.owner WHERE owner = $1), 0),
           coalesce((SELECT bytes FROM ots.owner WHERE owner = $1), 0),
           coalesce(sum(records), 0)::bigint, coalesce(sum(bytes), 0)::bigint,
           (SELECT count(*) FROM ots.record WHERE id = $2 AND kind = 8 AND claim IS NULL AND deadline > $3),
           coalesce((SELECT sealed_len FROM ots.record WHERE id = $2), 0)
    FROM ots.held";

pub(super) const LOCK: &str = "SELECT pg_advisory_xact_lock($1)";

/// Of many records each that is live and nobody else's: without its ciphertext where that is long, or where its guard isn't satisfied. A
/// claim of a server's own making is somebody's for a moment only: that is told, for the caller to wait.
pub(super) const LOAD: &str = "
    SELECT r.id, created_at, expires_at, kind, size, key_id, verifier, coalesce(own AND r.claim IS DISTINCT FROM each.claim, false),
           CASE WHEN NOT (verifier IS NULL OR verified) THEN 0 WHEN octet_length(sealed) = sealed_len THEN sealed_len END,
           CASE WHEN (verifier IS NULL OR verified) AND sealed_len <= inline THEN sealed END
    FROM unnest($1::bytea[], $2::bytea[], $3::bigint[], $4::boolean[], $5::bigint[]) AS each (id, claim, now, verified, inline)
    JOIN ots.record AS r ON r.id = each.id AND deadline > now AND (r.claim IS NULL OR r.claim = each.claim OR own)";

/// A part of a long ciphertext.
pub(super) const SLICE: &str = "
    SELECT substring(sealed FROM $4::integer FOR $5::integer)
    FROM ots.record WHERE id = $1 AND deadline > $3 AND (claim IS NULL OR claim = $2)";

/// Whether records that could not be had may yet be: a server is in the middle of giving one out, or has just given it back.
pub(super) const IN_HAND: &str = agreed!(
    "$1::bytea[], $2::bigint[], $3::boolean[]) AS each (id, now, verified",
    "deadline > now AND (own OR claim IS NULL) AND (verifier IS NULL OR verified)"
);

/// Whether records that weren't found by [`LOAD`] are there.
pub(super) const LIVE: &str = agreed!(
    "$1::bytea[], $2::bytea[], $3::bigint[]) AS each (id, claim, now",
    "deadline > now AND (r.claim IS NULL OR r.claim = each.claim OR own)"
);

/// Whether records are claimed with that.
pub(super) const HELD: &str = agreed!("$1::bytea[], $2::bytea[]) AS each (id, claim", "r.claim = each.claim");

/// Whether requests that could not be answered are open.
pub(super) const OPEN: &str =
    agreed!("$1::bytea[], $2::bigint[]) AS each (id, now", "r.kind = 8 AND r.claim IS NULL AND deadline > now");

/// Takes back claims under which nothing was given out. One that is still being made is waited for: it has the row locked.
pub(super) const GIVE_BACK: &str = "
    UPDATE ots.record AS r
    SET claim = NULL, own = false, reads = 0, deadline = CASE WHEN r.claim = each.claim THEN ends_at ELSE deadline END,
        claimed_at = CASE WHEN r.claim = each.claim THEN NULL ELSE claimed_at END
    FROM unnest($1::bytea[], $2::bytea[]) AS each (id, claim)
    WHERE r.id = each.id AND (r.claim = each.claim OR r.claim IS NULL)
    RETURNING r.id";

/// Takes back a reader's claim that nobody was told of, as it was made: with that end, once. A repetition leaves another trace, and keeps it. Nor
/// are webhooks told of it, unless they have been.
pub(super) const GIVE_BACK_UNTOLD: &str = "
    WITH given_back AS (
        UPDATE ots.record AS r SET claim = NULL, reads = 0, deadline = ends_at, claimed_at = NULL
        FROM unnest($1::bytea[], $2::bytea[], $3::bigint[]) AS each (id, claim, until)
        WHERE r.id = each.id AND r.claim = each.claim AND deadline = until AND reads = 1 AND NOT own
        RETURNING r.id
    ), untold AS (
        DELETE FROM ots.outbox USING given_back WHERE outbox.id = given_back.id AND event = 4
    )
    SELECT id FROM given_back";

/// Whether records are claimed like that.
pub(super) const HELD_UNTOLD: &str = agreed!(
    "$1::bytea[], $2::bytea[], $3::bigint[]) AS each (id, claim, until",
    "r.claim = each.claim AND deadline = until AND reads = 1 AND NOT own"
);

/// What a receipt tells, agreed to: what was the primary may have the record still, or not yet. Of what is there its deadline is told, 0 as
/// how it ended, whether a server has it in hand, and its kind.
pub(super) const TRACE: &str = concat!(
    agreed!(),
    " SELECT state, created_at, expires_at, claimed_at, told.at, attempts, claimed, own, kind, agreed.at
    FROM agreed LEFT JOIN (
        SELECT (CASE WHEN deadline > $2 THEN 0 ELSE ",
    died!(),
    " END)::smallint AS state, created_at, expires_at, claimed_at, CASE WHEN deadline > $2 THEN deadline ELSE ",
    died!(when),
    " END AS at, attempts, claim IS NOT NULL AS claimed, own, kind
        FROM ots.record WHERE receipt = $1
        UNION ALL
        SELECT state, created_at, expires_at, claimed_at, ended_at, attempts, false, false, NULL FROM ots.receipt WHERE id = $1
    ) AS told ON true"
);

pub(super) const FORGET_RECEIPTS: &str = "
    DELETE FROM ots.receipt WHERE id = ANY (ARRAY(
        SELECT id FROM ots.receipt WHERE ended_at < $1 ORDER BY ended_at LIMIT $2 FOR UPDATE SKIP LOCKED
    )) RETURNING id";

/// Owners that have nothing any more.
pub(super) const FORGET_OWNERS: &str = "
    DELETE FROM ots.owner WHERE owner = ANY (ARRAY(
        SELECT owner FROM ots.owner WHERE records <= 0 LIMIT 1000 FOR UPDATE SKIP LOCKED
    )) AND records <= 0";

/// Those that write nothing, and so wait for no standby.
pub(super) const READS: [&str; 11] =
    [LOAD, SLICE, PING, STILL_WAITS, TIME, NEXT, STATE, CENSUS, KEYS, MESSAGES, WAITING];

/// Whether it can be written to. In a standby, or where it is turned off, not.
pub(super) const PING: &str = "SELECT current_setting('transaction_read_only')";

pub(super) const STILL_WAITS: &str = "
    SELECT id, current_setting('synchronous_standby_names') <> '' AND current_setting('synchronous_commit') IN ('on', 'remote_apply')
    FROM unnest($1::bytea[]) AS each (id)";

pub(super) const TIME: &str = "SELECT (extract(epoch FROM clock_timestamp()) * 1000)::bigint";

pub(super) const SAW: &str = "UPDATE ots.state SET seen_at = $1 WHERE seen_at IS NULL OR seen_at < $1";

pub(super) const SEEN: &str = "SELECT seen_at FROM ots.state WHERE one = 1";

pub(super) const NEXT: &str = "SELECT min(deadline) FROM ots.record WHERE deadline > $1";

pub(super) const STATE: &str = "
    SELECT (SELECT min(deadline) FROM ots.record WHERE deadline <= $1), key_id, records, bytes
    FROM (SELECT 1) AS once LEFT JOIN (
        SELECT key_id, sum(records)::bigint AS records, sum(bytes)::bigint AS bytes
        FROM ots.held GROUP BY key_id HAVING sum(records) <> 0
    ) AS kept ON true ORDER BY key_id";

pub(super) const CENSUS: &str = "
    SELECT (SELECT coalesce(sum(records), 0)::bigint FROM ots.held), (SELECT coalesce(sum(bytes), 0)::bigint FROM ots.held),
           (SELECT count(*) FROM ots.record WHERE deadline <= $1),
           (SELECT count(*) FROM ots.record WHERE deadline > $1 AND deadline <= $2 AND claim IS NOT NULL),
           (SELECT created_at FROM ots.record ORDER BY id LIMIT 1), (SELECT min(deadline) FROM ots.record WHERE deadline > $1),
           (SELECT count(*) FROM ots.owner WHERE records > 0), (SELECT coalesce(max(records), 0) FROM ots.owner),
           (SELECT coalesce(max(bytes), 0) FROM ots.owner), pg_total_relation_size('ots.record'),
           (SELECT count(*) FROM ots.record WHERE kind = 8 AND deadline > $1), (SELECT count(*) FROM ots.receipt),
           (SELECT count(*) FROM ots.outbox)";

pub(super) const KEYS: &str = "
    SELECT key_id, count(*), sum(octet_length(sealed))::bigint, min(created_at), max(greatest(expires_at, deadline))
    FROM ots.record GROUP BY key_id ORDER BY min(created_at)";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_requests_kind_is_the_one_of_the_statements() {
        for statement in [ANSWER, USAGE, OPEN, BURN, BURN_BY_RECEIPT, INSERT, SWEEP, CENSUS] {
            assert!(statement.contains(&format!("kind = {} ", crate::store::REQUEST)), "{statement}");
        }
    }

    #[test]
    fn the_sweepers_lock_is_the_one_between_the_others() {
        assert!(SWEEP.contains(&format!("({})", locks::MIGRATE + 1)) && locks::MIGRATE + 2 == locks::ALL);
    }
}
