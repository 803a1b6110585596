-- A record's small, changing part: claims and counted tries rewrite only this.
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
    chunk INTEGER PRIMARY KEY,
    bytes BLOB NOT NULL -- padding, then ciphertext: see payload.rs
) STRICT;
