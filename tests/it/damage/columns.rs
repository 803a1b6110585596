//! Damage to columns: each with values that no server would have written.

use std::path::Path;

use super::{Left, Touched, run};
use crate::common::heavy;

/// Whatever column of a record is damaged, only that record notices.
#[tokio::test(flavor = "multi_thread")]
async fn a_damaged_column_harms_no_other() {
    const NUMBERS: [&str; 3] = ["-1", "9223372036854775807", "-9223372036854775808"];
    const BYTES: [&str; 3] = ["x''", "x'00'", "randomblob(32)"];
    let _alone = heavy();
    let left = Left::new(12).await;
    let mut cases = Vec::new();
    for (table, row, columns, values) in [
        (
            "record",
            "seq = 2",
            &["created_at", "expires_at", "deadline", "kind", "size", "attempts", "sealed_len"][..],
            &NUMBERS[..],
        ),
        ("record", "seq = 2", &["id", "key_id", "verifier", "claim"], &BYTES),
        ("record", "seq = 1", &["verifier"], &BYTES),
        ("record", "seq = 2", &["claimed_at"], &NUMBERS),
        ("record", "seq = 2", &["receipt", "notify"], &BYTES),
        ("record", "seq = 2", &["seq"], &["-5", "0", "9007199254740991", "9223372036854775807"]),
        ("payload", "chunk / 1024 = 2", &["chunk"], &["-5", "0", "9223372036854775807"]),
        ("payload", "chunk / 1024 = 2", &["padding"], &["x''", "randomblob(5000)"]),
        (
            "payload",
            "chunk / 1024 = 2",
            &["bytes"],
            &["x''", "x'00'", "randomblob(5000)", "CAST(bytes || x'00' AS BLOB)", "zeroblob(length(bytes))"],
        ),
        ("held", "true", &["records", "bytes"], &NUMBERS),
        ("held", "true", &["key_id"], &BYTES),
    ] {
        for column in columns {
            cases.extend(values.iter().map(|value| format!("UPDATE {table} SET {column} = {value} WHERE {row}")));
        }
    }
    let damage = |sql: &String, data: &Path| {
        rusqlite::Connection::open(data.join("ots.db")).unwrap().execute_batch(sql).unwrap();
        Touched { secrets: usize::from(!sql.contains("held")), erased: 1 }
    };
    run(&left, cases, damage, String::clone).await;
}
