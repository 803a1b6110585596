-- What tells of a record when somebody wants to know: a hash of the receipt, null for nobody's, as earlier records are.
ALTER TABLE ots.record
    ADD COLUMN receipt    bytea,
    ADD COLUMN claimed_at bigint; -- when its reader got it; noted only where there is a receipt

CREATE UNIQUE INDEX record_by_receipt ON ots.record (receipt) WHERE receipt IS NOT NULL;

-- What such a record leaves when it is removed, in the statement that removes it. Nothing in it leads to the secret.
CREATE TABLE ots.receipt (
    id         bytea    NOT NULL PRIMARY KEY,
    state      smallint NOT NULL, -- 1 delivered, 2 unconfirmed, 3 burned by link, 4 by receipt, 5 by tries, 6 expired
    created_at bigint   NOT NULL, -- these two by the clock of the server that made it, the others by the database's
    expires_at bigint   NOT NULL,
    claimed_at bigint,
    ended_at   bigint   NOT NULL,
    attempts   integer  NOT NULL
);

CREATE INDEX receipt_by_end ON ots.receipt (ended_at);
