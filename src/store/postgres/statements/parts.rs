//! What several statements are made of.

/// Adds `$records` and `$bytes` of what `$from` has to the counts of keys and owners. Owners in their order: of two statements that change
/// the same ones neither waits for the other and has what that one waits for.
macro_rules! counted {
    ($from:literal, $records:literal, $bytes:literal) => {
        concat!(
            "counted AS (
                INSERT INTO ots.held AS h (key_id, part, records, bytes)
                SELECT key_id, (pg_backend_pid() % 256)::smallint, ",
            $records,
            ", ",
            $bytes,
            "::bigint FROM ",
            $from,
            " GROUP BY key_id ORDER BY key_id
                ON CONFLICT (key_id, part) DO UPDATE SET records = h.records + excluded.records, bytes = h.bytes + excluded.bytes
            ),
            charged AS (
                INSERT INTO ots.owner AS o (owner, records, bytes)
                SELECT owner, ",
            $records,
            ", ",
            $bytes,
            "::bigint FROM ",
            $from,
            " WHERE owner IS NOT NULL GROUP BY owner ORDER BY owner
                ON CONFLICT (owner) DO UPDATE SET records = o.records + excluded.records, bytes = o.bytes + excluded.bytes
            )"
        )
    };
}

/// How a record ended whose time is over, and when: with its lease, with the last of its tries (`TRY`), or with its time. What somebody had
/// isn't unread, whatever ended it.
macro_rules! died {
    () => {
        "CASE WHEN claim IS NOT NULL THEN 2 WHEN deadline = ends_at THEN 6 WHEN claimed_at IS NULL THEN 5 ELSE 2 END"
    };
    (when) => {
        "CASE WHEN claim IS NULL AND deadline <> ends_at THEN deadline + 10000 ELSE deadline END"
    };
}

/// The codes of what webhooks are told of a record whose time is over: none where the last of its tries has told it, nor of one that is on
/// its way from another database (`import`).
macro_rules! death_told {
    () => {
        "CASE WHEN claim IS NOT NULL AND reads > 0 THEN CASE WHEN kind = 8 THEN 14 ELSE 12 END
              WHEN claim IS NULL AND deadline = ends_at THEN CASE WHEN kind = 8 THEN 14 ELSE 11 END END"
    };
}

/// Which webhooks are told of a record: those of `$every`, 8 bytes each, and its own.
macro_rules! hooks {
    ($every:literal) => {
        concat!($every, "::bytea || coalesce(r.notify, '') AS hooks")
    };
}

/// Tells the `event` of each row of `$from` that has one to its `hooks`, each once, as of `told_at`, with `$more` columns of it. It is due with
/// what waits before it: else each look would come by it in vain. A message gets its number once its record is locked, which stays so until the
/// commit: of two about one secret the later has the higher one.
macro_rules! told {
    ($from:expr) => {
        told!("", $from)
    };
    ($more:literal, $from:expr) => {
        concat!(
            "told AS (
                INSERT INTO ots.outbox (hook, id, at, due, event",
            $more,
            ") SELECT hook, id, told_at,
                    greatest(told_at, (SELECT max(due) FROM ots.outbox AS o WHERE o.id = of.id AND o.hook = one.hook)), event",
            $more,
            " FROM ",
            $from,
            " AS of CROSS JOIN LATERAL (
                    SELECT DISTINCT substring(hooks FROM 8 * n + 1 FOR 8) AS hook FROM generate_series(0, octet_length(hooks) / 8 - 1) AS n
                ) AS one WHERE event IS NOT NULL
            )"
        )
    };
}

/// Removes the records that `$which` says, which end so and then, and gives what is told of them. Of those that have a receipt there is left
/// what that tells. Webhooks, `$every` and the records' own, are told the event of that code; where none is said, nobody is told.
macro_rules! removal {
    ($beside:expr, $which:expr, $end:expr, $when:expr) => {
        removal!(@ $beside, $which, $end, $when, "", "")
    };
    ($beside:expr, $which:expr, $end:expr, $when:expr, $every:literal, $event:expr, $at:literal) => {
        removal!(
            @ $beside, $which, $end, $when,
            concat!(", ", hooks!($every), ", (", $event, ")::smallint AS event, ", $at, "::bigint AS told_at"),
            concat!(", ", told!("gone"))
        )
    };
    (@ $beside:expr, $which:expr, $end:expr, $when:expr, $more:expr, $told:expr) => {
        concat!(
            "WITH gone AS (
                DELETE FROM ots.record AS r ",
            $beside,
            " WHERE ",
            $which,
            " RETURNING r.id, r.deadline, r.claim, r.kind, r.key_id, r.owner, octet_length(r.sealed)::bigint AS sealed_len,
                        r.receipt, r.created_at, r.expires_at, r.claimed_at, r.attempts, ",
            $end,
            " AS state, ",
            $when,
            " AS ended_at",
            $more,
            "
            ), ",
            counted!("gone", "-count(*)", "-sum(sealed_len)"),
            ", left_over AS (
                INSERT INTO ots.receipt (id, state, created_at, expires_at, claimed_at, ended_at, attempts)
                SELECT receipt, state, created_at, expires_at, claimed_at, ended_at, attempts FROM gone WHERE receipt IS NOT NULL
                ON CONFLICT (id) DO NOTHING
            )",
            $told,
            " SELECT id, claim IS NOT NULL, kind = 8 FROM gone ORDER BY deadline, id"
        )
    };
}

/// Of many records whether each is there, as `$which` says of it and what `$each` says, and no doubt of it: where standbys have to agree with
/// commits, one agrees with this look. A primary that has been replaced and doesn't know it gets no agreement, so that it can't say that
/// something is gone that it only doesn't know of, or not to be claimed that somebody gave back elsewhere.
macro_rules! agreed {
    () => {
        "WITH agreed AS MATERIALIZED (
            SELECT CASE WHEN current_setting('synchronous_standby_names') <> '' THEN pg_logical_emit_message(true, 'ots', '') END AS at
        )"
    };
    ($each:literal, $which:literal) => {
        concat!(
            agreed!(),
            " SELECT each.id, EXISTS (SELECT FROM ots.record AS r WHERE r.id = each.id AND ",
            $which,
            "), at FROM agreed, unnest(",
            $each,
            ")"
        )
    };
}
