//! How ciphertext lies in the file, so that removing it leaves none behind (promise 4).
//!
//! SQLite keeps the first bytes of a large cell on a B-tree page and the rest on overflow pages of its own. When it
//! rebalances a B-tree it copies cells between pages and, `secure_delete` or not, leaves the old bytes in the unused
//! middle of a rebuilt page (`rebuildPage` in btree.c). Overflow pages are never copied so, and are zeroed when they
//! are freed. So each chunk is preceded by as many zeros as SQLite keeps on the B-tree page: ciphertext lies on
//! overflow pages only. The sizes follow "B-tree Cell Format" in <https://sqlite.org/fileformat2.html#b_tree_pages>.

use std::ops::RangeInclusive;

use rusqlite::{CachedStatement, Connection, params};

use super::schema::PAGE_SIZE;
use crate::memory::Buffer;

/// Bytes of ciphertext in a chunk: bounds what SQLite copies at a time.
const CHUNK: usize = 256 * 1024;
/// Chunk numbers that a record may use.
const CHUNKS: i64 = 1024;
/// The longest ciphertext.
pub(super) const MAX_SEALED: usize = CHUNK * 1024;

/// The least that SQLite keeps of a spilling cell on the B-tree page, for a table's leaf.
const LOCAL: usize = (PAGE_SIZE - 12) * 32 / 255 - 23;
/// What an overflow page holds: all but the number of the next page.
const OVERFLOW: usize = PAGE_SIZE - 4;

/// The last row that a record may have: its chunks can be numbered.
pub(super) const LAST_ROW: i64 = i64::MAX / CHUNKS - 1;

/// A row beyond the last, as only damage makes one, has none but the last number of all, which is nobody's.
fn chunks_of(seq: i64) -> RangeInclusive<i64> {
    match seq.checked_mul(CHUNKS) {
        Some(first) if seq <= LAST_ROW => first..=first + CHUNKS - 1,
        _ => i64::MAX..=i64::MAX,
    }
}

/// The record that a chunk is of.
pub(super) fn seq_of(chunk: i64) -> i64 {
    chunk.div_euclid(CHUNKS)
}

/// Bytes of a blob's serial type, a varint.
const fn serial_type(length: usize) -> usize {
    match 2 * length + 12 {
        0..=0x7f => 1,
        0x80..=0x3fff => 2,
        0x4000..=0x1f_ffff => 3,
        _ => 4,
    }
}

/// Zeros to put before `sealed` bytes of ciphertext, so that the row (its header's size, a null for the key, the serial types of
/// both blobs, and the blobs) is exactly [`LOCAL`] bytes and whole overflow pages long, with all of the ciphertext on the latter.
fn padding(sealed: usize) -> usize {
    let pages = sealed.div_ceil(OVERFLOW).max(1);
    let fit = |pages: usize| {
        let zeros = LOCAL + pages * OVERFLOW - 2 - serial_type(sealed) - sealed;
        (1..=4).find(|varint| serial_type(zeros - varint) == *varint).map(|varint| zeros - varint)
    };
    // At a varint's boundary no number of zeros gives that length; with one page more one does.
    fit(pages).or_else(|| fit(pages + 1)).unwrap_or(LOCAL)
}

/// Writes the ciphertext of record `seq`.
pub(super) fn write(connection: &Connection, seq: i64, sealed: &[u8]) -> rusqlite::Result<()> {
    // A chunk that lies there already belongs to no record: one that damage has taken away.
    let mut statement = connection
        .prepare_cached("INSERT OR REPLACE INTO payload (chunk, padding, bytes) VALUES (?1, zeroblob(?2), ?3)")?;
    for (number, bytes) in chunks_of(seq).zip(sealed.chunks(CHUNK)) {
        statement.execute(params![number, padding(bytes.len()), bytes])?;
    }
    Ok(())
}

/// Reads the ciphertext of record `seq` into `sealed`, which has room for it. Not its whole length if chunks are missing.
pub(super) fn read(connection: &Connection, seq: i64, sealed: &mut Buffer) -> rusqlite::Result<()> {
    let mut statement: CachedStatement<'_> =
        connection.prepare_cached("SELECT bytes FROM payload WHERE chunk BETWEEN ?1 AND ?2 ORDER BY chunk")?;
    let mut rows = statement.query(params![chunks_of(seq).start(), chunks_of(seq).end()])?;
    while let Some(row) = rows.next()? {
        let bytes = row.get_ref(0)?.as_blob()?;
        sealed.append(bytes, None).map_err(|_| no_memory())?;
    }
    Ok(())
}

/// Bytes of ciphertext that there are of record `seq`.
pub(super) fn length(connection: &Connection, seq: i64) -> rusqlite::Result<usize> {
    connection
        .prepare_cached("SELECT coalesce(sum(length(bytes)), 0) FROM payload WHERE chunk BETWEEN ?1 AND ?2")?
        .query_row(params![chunks_of(seq).start(), chunks_of(seq).end()], |row| row.get(0))
}

/// The engine's own word for memory that could not be had.
pub(super) fn no_memory() -> rusqlite::Error {
    rusqlite::Error::SqliteFailure(rusqlite::ffi::Error::new(rusqlite::ffi::SQLITE_NOMEM), None)
}

/// Removes the ciphertext of record `seq`.
pub(super) fn remove(connection: &Connection, seq: i64) -> rusqlite::Result<()> {
    connection
        .prepare_cached("DELETE FROM payload WHERE chunk BETWEEN ?1 AND ?2")?
        .execute(params![chunks_of(seq).start(), chunks_of(seq).end()])?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The arithmetic above, against the file that SQLite really writes: B-tree pages of the payload table hold no
    /// byte of ciphertext, whatever its length.
    #[test]
    fn ciphertext_lies_on_overflow_pages_only() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("t.db");
        let connection = super::super::schema::open_writer(&path).unwrap();
        let boundaries = [8186, 8187, 8188, 8189, 1_000, 1_048_570, CHUNK - 1, CHUNK, CHUNK + 1, 3 * CHUNK + 17];
        let lengths: Vec<usize> = (1..=3 * OVERFLOW)
            .step_by(13)
            .chain(OVERFLOW - 20..OVERFLOW + 20)
            .chain(boundaries)
            .chain(8_000..8_400)
            .collect();
        for (seq, length) in (1..).zip(&lengths) {
            write(&connection, seq, &vec![0xa5; *length]).unwrap();
            let mut sealed = Buffer::default();
            read(&connection, seq, &mut sealed).unwrap();
            assert!(sealed.as_ref() == vec![0xa5; *length]);
        }
        connection.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(())).unwrap();
        drop(connection);
        let file = std::fs::read(&path).unwrap();
        let mut overflow_pages = 0;
        for page in file.chunks(PAGE_SIZE).skip(1) {
            if matches!(page[0], 0x0d | 0x05 | 0x0a | 0x02) {
                assert!(!page.windows(8).any(|bytes| bytes == [0xa5; 8]), "ciphertext on a B-tree page");
            } else if page.contains(&0xa5) {
                overflow_pages += 1;
            }
        }
        assert!(overflow_pages > lengths.len());
    }
}
