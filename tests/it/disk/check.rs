//! Whether a database that no server has open is whole.

use std::path::Path;

use rusqlite::Connection;

/// What is wrong with the database at `path`, if anything is: SQLite's own check, and ours: every record has its payload, no payload is
/// without a record, and as much is counted as there is.
pub fn database(path: &Path) -> Result<(), String> {
    let connection = Connection::open(path).map_err(|error| error.to_string())?;
    let queries = [
        ("integrity_check", "SELECT * FROM pragma_integrity_check WHERE integrity_check <> 'ok'"),
        (
            "records without their whole payload",
            "SELECT seq || ': ' || sealed_len FROM record WHERE sealed_len <> (SELECT coalesce(sum(length(bytes)), 0)
             FROM payload WHERE chunk BETWEEN seq * 1024 AND seq * 1024 + 1023)",
        ),
        (
            "payload without a record",
            "SELECT chunk || '' FROM payload WHERE chunk / 1024 NOT IN (SELECT seq FROM record)",
        ),
        (
            "counted otherwise than there is",
            "SELECT hex(key_id) || ': ' || records || ', ' || bytes FROM held WHERE
             records <> (SELECT count(*) FROM record WHERE record.key_id = held.key_id) OR
             bytes <> (SELECT coalesce(sum(sealed_len), 0) FROM record WHERE record.key_id = held.key_id)",
        ),
        (
            "counted otherwise for an owner than there is",
            "SELECT coalesce(owner.records, 0) || ' of ' || coalesce(there.records, 0) FROM owner FULL JOIN
             (SELECT owner, count(*) AS records, sum(sealed_len) AS bytes FROM record WHERE owner IS NOT NULL GROUP BY owner)
             AS there USING (owner) WHERE owner.records IS NOT there.records OR owner.bytes IS NOT there.bytes",
        ),
    ];
    for (what, query) in queries {
        let read = || -> rusqlite::Result<Vec<String>> {
            connection.prepare(query)?.query_map([], |row| row.get(0))?.collect()
        };
        let found = read().map_err(|error| format!("{what}: {error}"))?;
        if !found.is_empty() {
            return Err(format!("{what}: {found:?}"));
        }
    }
    Ok(())
}
