-- One row: what a start has to know of the run before it.
CREATE TABLE state (
    one     INTEGER PRIMARY KEY CHECK (one = 1),
    seen_at INTEGER -- when the server is known to have run; milliseconds since the epoch, null before the first time
) STRICT;

INSERT INTO state (one, seen_at) VALUES (1, NULL);
