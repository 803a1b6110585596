-- What tells of a record when somebody wants to know: a hash of the receipt, null for nobody's. Earlier records have none.
ALTER TABLE record ADD COLUMN receipt BLOB;
-- When its reader got it; noted only where there is a receipt.
ALTER TABLE record ADD COLUMN claimed_at INTEGER;

CREATE UNIQUE INDEX record_by_receipt ON record (receipt) WHERE receipt IS NOT NULL;

-- What such a record leaves when it is removed, in the transaction that removes it. Nothing in it leads to the secret.
CREATE TABLE receipt (
    id         BLOB    PRIMARY KEY,
    state      INTEGER NOT NULL, -- 1 delivered, 2 unconfirmed, 3 burned by link, 4 by receipt, 5 by tries, 6 expired
    created_at INTEGER NOT NULL,
    expires_at INTEGER NOT NULL,
    claimed_at INTEGER,
    ended_at   INTEGER NOT NULL,
    attempts   INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE INDEX receipt_by_end ON receipt (ended_at);
