//! Servers that lie, or whose clock is another: what the command line then doesn't send, and doesn't say.

use std::{
    io::Write as _,
    sync::atomic::{AtomicBool, Ordering},
};

use crate::{
    common::{
        assert_fails, directory,
        lying::{lying, send},
        text,
    },
    house::{TOKEN, run_with, status},
};

const GONE: &str = r#"{"type":"about:blank","title":"","status":404,"detail":"","code":"gone"}"#;

/// Expiry goes by the server's clock: this machine's may be years away from it.
#[test]
fn waiting_goes_by_the_servers_clock() {
    // What it says while it is there, and when it is gone; this machine's clock is between the two ends.
    for (expires, seen, gone, code, says) in [
        (
            "2126-01-01T00:00:00.000Z",
            "Mon, 31 Dec 2125 23:59:58 GMT",
            "Tue, 01 Jan 2126 00:00:00 GMT",
            3,
            "expired unread",
        ),
        (
            "2126-01-01T00:00:00.000Z",
            "Mon, 31 Dec 2125 11:00:00 GMT",
            "Tue, 01 Jan 2126 00:00:00 GMT",
            3,
            "isn't known",
        ),
        ("2000-01-01T00:00:00.000Z", "Fri, 31 Dec 1999 12:00:00 GMT", "Fri, 31 Dec 1999 12:00:01 GMT", 0, "taken"),
    ] {
        let asked = AtomicBool::new(false);
        let there = status(7).replace("2126-01-01T00:00:00.000Z", expires);
        let (url, _) = lying(move |_, stream| {
            let gone_now = asked.swap(true, Ordering::Relaxed);
            let (line, date, body) =
                if gone_now { ("404 Not Found", gone, GONE) } else { ("200 OK", seen, there.as_str()) };
            let length = body.len();
            write!(
                stream,
                "HTTP/1.1 {line}\r\ndate: {date}\r\ncontent-length: {length}\r\nconnection: close\r\n\r\n{body}"
            )
        });
        let output = run_with(&[], &["status", "--wait", &format!("{url}/s/{TOKEN}")]);
        assert_eq!(output.status.code(), Some(code), "{}", text(&output.stderr));
        assert!((text(&output.stdout) + &text(&output.stderr)).contains(says), "{says}: {}", text(&output.stderr));
    }
}

/// A link whose key travels apart says what the secret is; a server that says otherwise gets nothing, least of all a passphrase as it
/// was typed.
#[test]
fn a_marked_link_is_never_read_as_a_plain_one() {
    let key = directory();
    let key_file = key.path().join("key");
    std::fs::write(&key_file, "A".repeat(43)).unwrap();
    let with_key = ["--key-file", key_file.to_str().unwrap()];
    for (encrypted, options, says) in [
        (false, &[][..], "don't trust it"),
        (false, &with_key[..], "don't trust it"),
        (false, &["--no-input"][..], "don't trust it"),
        (true, &[][..], "give it with --key-file"),
    ] {
        for passphrase_required in [true, false] {
            let said = status(7).replace(r#""encrypted":false"#, &format!(r#""encrypted":{encrypted}"#));
            let wanted = format!(r#""passphrase_required":{passphrase_required}"#);
            let said = said.replace(r#""passphrase_required":false"#, &wanted);
            let (url, asked) = lying(move |_, stream| send(stream, "200 OK", &said));
            for link in [format!("{url}/s/{TOKEN}#"), format!("{TOKEN}#")] {
                let arguments = [&["-s", &url, "get", &link], options].concat();
                assert_fails(&run_with(&[("OTS_PASSPHRASE", "hunter2")], &arguments), 5, says);
            }
            let asked = asked.lock().unwrap();
            assert!(asked.iter().all(|first| first.starts_with("GET ") && first.contains("/status")), "{asked:?}");
        }
    }
}
