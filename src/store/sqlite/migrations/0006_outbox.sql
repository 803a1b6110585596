-- Which webhook is told of a record, besides those that are told of all; null for none, as earlier records have it.
ALTER TABLE record ADD COLUMN notify BLOB;

-- What webhooks are to be told, written in the transaction that it tells of, and removed once it is delivered or old. It names the secret as
-- its record does, by a hash.
CREATE TABLE outbox (
    number     INTEGER PRIMARY KEY, -- of two about one secret the earlier has the lower one; none is given twice
    hook       BLOB    NOT NULL,
    id         BLOB    NOT NULL,
    at         INTEGER NOT NULL,
    event      INTEGER NOT NULL,    -- as in store/outbox.rs
    size       INTEGER,             -- these five where the event has them
    ttl        INTEGER,             -- milliseconds
    tries_left INTEGER,
    made_by    TEXT,
    answer     BLOB,                -- the secret that answers the request
    tries      INTEGER NOT NULL DEFAULT 0,
    due        INTEGER NOT NULL     -- when it is to be sent, or sent again
) STRICT;

CREATE INDEX outbox_by_secret ON outbox (id, hook);
CREATE INDEX outbox_by_due ON outbox (hook, due);

-- A number that no message has had yet: the next run begins after it.
ALTER TABLE state ADD COLUMN numbered INTEGER NOT NULL DEFAULT 0;
