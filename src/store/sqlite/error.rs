//! What SQLite's errors mean to a caller, and to the writer.

use crate::store::StoreError;

/// Says of an engine's error what a caller can act on. SQLite's messages hold no bound values.
pub(super) fn engine_error(error: &rusqlite::Error) -> StoreError {
    use rusqlite::{Error, ErrorCode, ffi};
    match (error, error.sqlite_error_code()) {
        (_, Some(ErrorCode::DiskFull)) => StoreError::Full,
        (_, Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked)) => StoreError::Busy,
        (_, Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase))
        | (
            Error::FromSqlConversionFailure(..) | Error::IntegralValueOutOfRange(..) | Error::InvalidColumnType(..),
            _,
        ) => StoreError::Damaged(error.to_string()),
        // A sector that can't be read is as good as a damaged one.
        (Error::SqliteFailure(code, _), _)
            if matches!(
                code.extended_code,
                ffi::SQLITE_IOERR_READ | ffi::SQLITE_IOERR_SHORT_READ | ffi::SQLITE_IOERR_CORRUPTFS
            ) =>
        {
            StoreError::Damaged(error.to_string())
        }
        _ => StoreError::Engine(error.to_string()),
    }
}

/// Whether it may be for want of space: a used-up quota, and a disk that is found to be full when it is synced, look like any failure to
/// write.
pub(super) fn may_lack_space(error: &rusqlite::Error) -> bool {
    use rusqlite::{Error, ErrorCode, ffi};
    let written = [
        ffi::SQLITE_IOERR_WRITE,
        ffi::SQLITE_IOERR_FSYNC,
        ffi::SQLITE_IOERR_TRUNCATE,
        ffi::SQLITE_IOERR_SHMOPEN,
        ffi::SQLITE_IOERR_SHMSIZE,
        ffi::SQLITE_IOERR_SHMMAP,
    ];
    error.sqlite_error_code() == Some(ErrorCode::DiskFull)
        || matches!(error, Error::SqliteFailure(code, _) if written.contains(&code.extended_code))
}
