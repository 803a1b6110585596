-- A record's small, changing part: claims and counted tries rewrite only this. Ids begin with the second of creation, so that new
-- rows and index entries come at the right edge, however many there are.
CREATE TABLE record (
    seq        INTEGER PRIMARY KEY, -- also names the payload's chunks
    id         BLOB    NOT NULL UNIQUE,
    created_at INTEGER NOT NULL,    -- milliseconds since the epoch, as every time here
    expires_at INTEGER NOT NULL,
    deadline   INTEGER NOT NULL,    -- live before it: expires_at, or the lease's end once claimed
    kind       INTEGER NOT NULL,
    size       INTEGER NOT NULL,
    key_id     BLOB    NOT NULL,
    verifier   BLOB,
    attempts   INTEGER NOT NULL DEFAULT 0,
    claim      BLOB,
    sealed_len INTEGER NOT NULL
) STRICT;

CREATE INDEX record_by_deadline ON record (deadline);

-- The ciphertext in chunks, keyed by seq * 1024 + number, so that new ones are appended and never moved.
CREATE TABLE payload (
    chunk   INTEGER PRIMARY KEY,
    padding BLOB NOT NULL, -- zeros, so that no ciphertext lies on a B-tree page: see payload.rs
    bytes   BLOB NOT NULL
) STRICT;

-- What is kept under each key, changed in the transactions that change it: a start doesn't have to count millions of rows.
CREATE TABLE held (
    key_id  BLOB    PRIMARY KEY,
    records INTEGER NOT NULL,
    bytes   INTEGER NOT NULL        -- of ciphertext
) STRICT, WITHOUT ROWID;
