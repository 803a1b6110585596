-- Whose a record is, where each owner has a quota: a keyed hash of an address or a name, null for nobody's. Earlier records are nobody's.
ALTER TABLE record ADD COLUMN owner BLOB;

-- What each of them has, changed in the transactions that change it; who has nothing isn't listed.
CREATE TABLE owner (
    owner   BLOB    PRIMARY KEY,
    records INTEGER NOT NULL,
    bytes   INTEGER NOT NULL        -- of ciphertext
) STRICT, WITHOUT ROWID;
