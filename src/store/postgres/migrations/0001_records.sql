-- A record, ciphertext and all. PostgreSQL keeps what is long beside the row, so that a claim doesn't rewrite it. Ids begin with the second
-- of creation: new entries of the index come at its right edge. Times are milliseconds since the epoch.
CREATE TABLE ots.record (
    id         bytea    NOT NULL PRIMARY KEY,
    created_at bigint   NOT NULL, -- these two as they were sealed, by the clock of the server that made it
    expires_at bigint   NOT NULL,
    ends_at    bigint   NOT NULL, -- expires_at by the database's clock
    deadline   bigint   NOT NULL, -- live before it: ends_at, or the lease's end once claimed
    kind       smallint NOT NULL,
    size       bigint   NOT NULL,
    key_id     bytea    NOT NULL,
    verifier   bytea,
    attempts   integer  NOT NULL DEFAULT 0,
    claim      bytea,
    own        boolean  NOT NULL DEFAULT false, -- whether the claim is of a server's own making, for a read without one
    reads      integer  NOT NULL DEFAULT 0,     -- how often it was claimed with that claim
    owner      bytea,
    sealed_len bigint   NOT NULL,
    sealed     bytea    NOT NULL
) WITH (
    -- What was read is to be overwritten soon: vacuum comes after few removals, and doesn't rest.
    fillfactor = 90,
    autovacuum_vacuum_scale_factor = 0.01,
    autovacuum_vacuum_threshold = 10,
    autovacuum_vacuum_cost_delay = 0,
    toast.autovacuum_vacuum_scale_factor = 0.01,
    toast.autovacuum_vacuum_threshold = 10,
    toast.autovacuum_vacuum_cost_delay = 0
);

-- Ciphertext doesn't get smaller by being compressed, and can be read in slices when it isn't.
ALTER TABLE ots.record ALTER COLUMN sealed SET STORAGE EXTERNAL;

CREATE INDEX record_by_deadline ON ots.record (deadline);

-- What is kept under each key, in many parts that are added up: connections that change different ones don't wait for each other.
CREATE TABLE ots.held (
    key_id  bytea    NOT NULL,
    part    smallint NOT NULL,
    records bigint   NOT NULL,
    bytes   bigint   NOT NULL, -- of ciphertext
    PRIMARY KEY (key_id, part)
) WITH (fillfactor = 50, autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 1000, autovacuum_vacuum_cost_delay = 0);

-- What each owner has, where each has a quota.
CREATE TABLE ots.owner (
    owner   bytea  NOT NULL PRIMARY KEY,
    records bigint NOT NULL,
    bytes   bigint NOT NULL
) WITH (fillfactor = 50, autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 1000, autovacuum_vacuum_cost_delay = 0);

-- One row: when a server is known to have run.
CREATE TABLE ots.state (
    one     integer PRIMARY KEY CHECK (one = 1),
    seen_at bigint
);

INSERT INTO ots.state (one, seen_at) VALUES (1, NULL);
