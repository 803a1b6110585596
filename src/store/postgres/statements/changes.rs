//! Those that keep, claim and remove records, and tell webhooks of it. Of the two of a kind one tells nobody: it takes only records that nobody
//! is told of, and costs what it did before there were webhooks.

/// Keeps each of many records that isn't there. Those that somebody is told of come with `$more` columns and values.
macro_rules! insert {
    ($columns:literal, $values:literal, $gives:literal, $told:expr) => {
        concat!(
            "WITH kept AS (
                INSERT INTO ots.record
                    (id, created_at, expires_at, ends_at, deadline, kind, size, key_id, verifier, owner, sealed_len, sealed, receipt",
            $columns,
            ") SELECT id, created_at, expires_at, ends_at, ends_at, kind, size, key_id, verifier, owner, sealed_len, sealed, receipt",
            $columns,
            " FROM unnest($1::bytea[], $2::bigint[], $3::bigint[], $4::bigint[], $5::smallint[], $6::bigint[], $7::bytea[], $8::bytea[],
                          $9::bytea[], $10::bigint[], $11::bytea[], $12::bytea[]",
            $values,
            ") AS each (id, created_at, expires_at, ends_at, kind, size, key_id, verifier, owner, sealed_len, sealed, receipt",
            $columns,
            ") ON CONFLICT DO NOTHING RETURNING id, key_id, owner, sealed_len",
            $gives,
            "), ",
            counted!("kept", "count(*)", "sum(sealed_len)"),
            $told,
            " SELECT id FROM kept"
        )
    };
}

/// Of many records that nobody is told of: each that wasn't there.
pub(in crate::store::postgres) const INSERT_UNTOLD: &str = insert!("", "", "", "");

pub(in crate::store::postgres) const INSERT: &str = insert!(
    ", notify",
    ", $13::bytea[]",
    ", notify, kind, size, expires_at - created_at AS ttl, ends_at",
    concat!(
        ", ",
        told!(
            ", size, ttl, made_by",
            "(
                SELECT kept.id, each.every || coalesce(notify, '') AS hooks, (CASE WHEN kind = 8 THEN 2 ELSE 1 END)::smallint AS event,
                       ends_at - ttl AS told_at, CASE WHEN kind <> 8 THEN size END AS size, ttl, each.made_by
                FROM kept JOIN unnest($1::bytea[], $14::text[], $15::bytea[]) AS each (id, made_by, every) ON each.id = kept.id
            )"
        )
    )
);

/// Of many answers: each in the place of its request, in one step. The request goes first, since the answer has its receipt, and its webhook.
pub(in crate::store::postgres) const ANSWER: &str = concat!(
    "WITH each AS MATERIALIZED (
        SELECT * FROM unnest($1::bytea[], $2::bigint[], $3::bigint[], $4::bigint[], $5::smallint[], $6::bigint[], $7::bytea[], $8::bytea[],
                             $9::bytea[], $10::bigint[], $11::bytea[], $12::bytea[], $13::bytea[], $14::bigint[], $15::text[], $16::bytea[])
             AS each (id, created_at, expires_at, ends_at, kind, size, key_id, verifier, owner, sealed_len, sealed, receipt, request, now, made_by, every)
    ), open AS (
        DELETE FROM ots.record AS r USING each
        WHERE r.id = request AND r.kind = 8 AND claim IS NULL AND deadline > now
        RETURNING r.id, r.key_id, r.owner, octet_length(r.sealed)::bigint AS sealed_len, r.notify
    ), kept AS (
        INSERT INTO ots.record
            (id, created_at, expires_at, ends_at, deadline, kind, size, key_id, verifier, owner, sealed_len, sealed, receipt, notify)
        SELECT each.id, created_at, expires_at, ends_at, ends_at, kind, size, each.key_id, verifier, each.owner, each.sealed_len, sealed, receipt,
               open.notify
        FROM open JOIN each ON request = open.id
        RETURNING id, key_id, owner, sealed_len, notify
    ), changed AS (
        SELECT key_id, owner, -1 AS records, -sealed_len AS bytes FROM open
        UNION ALL SELECT key_id, owner, 1, sealed_len FROM kept
    ), ",
    counted!("changed", "sum(records)", "sum(bytes)"),
    ", ",
    told!(
        ", size, ttl, made_by, answer",
        "(
            SELECT open.id, every || coalesce(notify, '') AS hooks, 3::smallint AS event, now AS told_at, NULL::bigint AS size, NULL::bigint AS ttl,
                   NULL AS made_by, each.id AS answer
            FROM open JOIN each ON request = open.id
            UNION ALL
            SELECT kept.id, every || coalesce(notify, ''), 1, ends_at - (expires_at - created_at), size, expires_at - created_at, made_by, NULL
            FROM kept JOIN each ON each.id = kept.id
        )"
    ),
    " SELECT id FROM kept"
);

/// One update for a claim and for its repetition, told apart by how often it was made: of two at once with the same claim the second waits
/// for the first, and then is its repetition. Of many records, each under its own.
macro_rules! claim {
    ($each:literal, $and:literal, $gives:expr) => {
        concat!(
            "UPDATE ots.record AS r
            SET claim = each.claim, own = each.own, reads = reads + 1, deadline = CASE WHEN r.claim IS NULL THEN until ELSE deadline END,
                claimed_at = CASE WHEN r.claim IS NULL AND receipt IS NOT NULL THEN now ELSE claimed_at END
            FROM unnest($1::bytea[], $2::bigint[], $3::bytea[], $4::bigint[], $5::boolean[], $6::boolean[]",
            $each,
            ") WHERE r.id = each.id AND deadline > now AND (r.claim IS NULL OR r.claim = each.claim) AND (verifier IS NULL OR verified)",
            $and,
            " RETURNING r.id, reads",
            $gives
        )
    };
}

/// Only of those that nobody is told of, where nobody is told of all.
pub(in crate::store::postgres) const CLAIM_UNTOLD: &str =
    claim!(") AS each (id, now, claim, until, verified, own", " AND notify IS NULL", "");

/// A claim of a server's own making is told once it ends.
pub(in crate::store::postgres) const CLAIM: &str = concat!(
    "WITH won AS (",
    claim!(
        ", $7::bytea[]) AS each (id, now, claim, until, verified, own, every",
        "",
        concat!(
            ", ",
            hooks!("every"),
            ", CASE WHEN reads = 1 AND NOT r.own THEN 4::smallint END AS event, now AS told_at"
        )
    ),
    "), ",
    told!("won"),
    " SELECT id, reads FROM won"
);

/// Who reads without a claim can't acknowledge it: a claim of a server's own ends unconfirmed, when it began.
macro_rules! released {
    () => {
        "CASE WHEN own OR deadline <= now THEN 2 ELSE 1 END" // once the lease has ended it was told that nobody said so
    };
    (when) => {
        "CASE WHEN own THEN coalesce(claimed_at, now) ELSE least(deadline, now) END"
    };
}

/// Only of those that nobody is told of, where nobody is told of all.
pub(in crate::store::postgres) const RELEASE_UNTOLD: &str = removal!(
    "USING unnest($1::bytea[], $2::bytea[], $3::bigint[]) AS each (id, claim, now)",
    "r.id = each.id AND r.claim = each.claim AND notify IS NULL",
    released!(),
    released!(when)
);

pub(in crate::store::postgres) const RELEASE: &str = removal!(
    "USING unnest($1::bytea[], $2::bytea[], $3::bigint[], $4::bytea[]) AS each (id, claim, now, every)",
    "r.id = each.id AND r.claim = each.claim",
    released!(),
    released!(when),
    "every",
    "CASE WHEN own THEN 5 ELSE 6 END",
    "now"
);

/// To burn an open request is to take it back.
pub(in crate::store::postgres) const BURN: &str = removal!(
    "",
    "id = $1 AND claim IS NULL AND deadline > $2",
    "CASE WHEN kind = 8 THEN 7 ELSE 3 END",
    "$2::bigint",
    "$3",
    "CASE WHEN kind = 8 THEN 13 ELSE 7 END",
    "$2"
);

pub(in crate::store::postgres) const BURN_BY_RECEIPT: &str = removal!(
    "",
    "receipt = $1 AND claim IS NULL AND deadline > $2",
    "CASE WHEN kind = 8 THEN 7 ELSE 4 END",
    "$2::bigint",
    "$3",
    "CASE WHEN kind = 8 THEN 13 ELSE 8 END",
    "$2"
);

/// Counts a try. With the last one the record is dead at once, by a deadline that nobody's clock is before, and nobody's any more; it is
/// removed after that.
pub(in crate::store::postgres) const TRY: &str = concat!(
    "WITH tried AS (
        UPDATE ots.record AS r
        SET attempts = attempts + 1, deadline = CASE WHEN attempts + 1 >= $4::integer THEN $2::bigint - 10000 ELSE deadline END,
            claim = CASE WHEN attempts + 1 < $4::integer THEN claim END
        WHERE id = $1 AND deadline > $2 AND (claim IS NULL OR claim = $3)
        RETURNING id, attempts, greatest($4::integer - attempts, 0) AS tries_left, 10::smallint AS event, $2::bigint AS told_at, ",
    hooks!("$5"),
    "), ",
    told!(", tries_left", "tried"),
    " SELECT attempts FROM tried"
);

/// The last try has told of it.
pub(in crate::store::postgres) const EXHAUSTED: &str = removal!("", "id = $1 AND attempts >= $2", died!(), died!(when));

/// One server at a time: to another, nothing is dead. What somebody else holds is passed over. The lock is 0x6f74733100000002.
pub(in crate::store::postgres) const SWEEP: &str = removal!(
    "",
    "id = ANY (ARRAY(
        SELECT id FROM ots.record WHERE (SELECT pg_try_advisory_xact_lock(8031170689799028738)) AND deadline <= $1
        ORDER BY deadline, id LIMIT $2 FOR UPDATE SKIP LOCKED
    ))",
    died!(),
    died!(when),
    "$3",
    death_told!(),
    "$1"
);

pub(in crate::store::postgres) const SWEEP_LEASES: &str = removal!(
    "",
    "id = ANY (ARRAY(
        SELECT id FROM ots.record WHERE deadline > $1 AND deadline <= $2 AND claim IS NOT NULL
        ORDER BY deadline, id LIMIT $3 FOR UPDATE SKIP LOCKED
    ))",
    died!(),
    died!(when),
    "$4",
    death_told!(),
    "$2"
);
