-- Which webhook is told of a record, besides those that are told of all; null for none, as earlier records have it.
ALTER TABLE ots.record ADD COLUMN notify bytea;

-- What webhooks are to be told, written in the statement that it tells of, and removed once it is delivered or old. It names the secret as
-- its record does, by a hash.
CREATE TABLE ots.outbox (
    number     bigint   NOT NULL GENERATED ALWAYS AS IDENTITY PRIMARY KEY, -- given under the record's lock: of two about one secret the earlier has the lower one
    hook       bytea    NOT NULL,
    id         bytea    NOT NULL,
    at         bigint   NOT NULL, -- as due by the database's clock
    event      smallint NOT NULL, -- as in store/outbox.rs
    size       bigint,            -- these five where the event has them
    ttl        bigint,            -- milliseconds
    tries_left integer,
    made_by    text,
    answer     bytea,             -- the secret that answers the request
    tries      integer  NOT NULL DEFAULT 0,
    due        bigint   NOT NULL  -- when it is to be sent, or sent again
) WITH (fillfactor = 90, autovacuum_vacuum_scale_factor = 0.01, autovacuum_vacuum_threshold = 1000, autovacuum_vacuum_cost_delay = 0);

CREATE INDEX outbox_by_secret ON ots.outbox (id, hook, number);
CREATE INDEX outbox_by_due ON ots.outbox (hook, due, number);

-- One row: the server that sends them, and until when.
CREATE TABLE ots.courier (
    one    integer PRIMARY KEY CHECK (one = 1),
    holder bytea   NOT NULL,
    until  bigint  NOT NULL
);
