//! A server isn't trusted with the terminal, nor with what stands in a pipe: its words are one short tame line, and of its links only what
//! it was told to call itself counts.

use serde_json::{Value, json};

use super::{assert_fails, text};
use crate::common::{
    lying::{lying, send},
    ots, run,
};

const TOKEN: &str = "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa";
/// A clipboard, a title, a colour, another line, a C1 sequence, a reversed text; and long.
const WILD: &str =
    "\u{1b}]52;c;aHVudGVyMg==\u{7}\u{1b}]0;title\u{7}\u{1b}[31mred\r\nots: forged\u{9b}2J\u{202e}\u{7f}\u{85}\u{2066}";

/// As much as five of them leave an answer short enough to be read.
fn wild() -> String {
    WILD.repeat(60)
}

/// Nothing of what drives a terminal, in lines of ours that a person reads at once.
fn assert_tame(what: &str, bytes: &[u8], is_json: bool) {
    let said = text(bytes);
    let drives = |character: char| {
        (character.is_control() && character != '\n')
            || matches!(character, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
    };
    assert!(!said.chars().any(drives), "{what}: {said:?}");
    assert!(!said.lines().any(|line| line.starts_with("ots: forged")), "{what}: {said:?}");
    if !is_json {
        assert!(said.lines().all(|line| line.chars().count() < 4096), "{what}: {} bytes", said.len());
    }
}

fn problem(status: u16, code: &str) -> String {
    let left = (code == "wrong_passphrase").then_some(3);
    json!({"type": wild(), "title": wild(), "status": status, "detail": wild(), "code": code, "attempts_left": left,
        "errors": [{"pointer": wild(), "detail": wild()}]})
    .to_string()
}

/// What is answered to the first line of a request: status and body.
type Answer = Box<dyn Fn(&str) -> (&'static str, String) + Send>;

/// Every text of every answer, in every command, with causes, as lines and as JSON.
#[test]
fn no_words_of_a_server_drive_the_terminal() {
    let created = |token: &str, url: &str| {
        json!({"token": token, "expires_at": "2126-01-01T00:00:00.000Z", "message": wild(), "url": url}).to_string()
    };
    let status = json!({"created_at": "2026-01-01T00:00:00.000Z", "expires_at": "2126-01-01T00:00:00.000Z", "size": 5,
        "encrypted": false, "passphrase_required": false, "more": wild()})
    .to_string();
    let info = json!({"max_size": 1 << 20, "default_ttl_seconds": 1, "max_ttl_seconds": 1, "claim_lease_seconds": 45,
        "version": wild(), "public_url": wild()})
    .to_string();
    let health = |status: &str| {
        json!({"status": status, "database": wild(), "version": wild(), "problems": [{"code": wild(), "detail": wild()}]})
            .to_string()
    };
    let answers: Vec<(&str, Answer)> = vec![
        ("problems", Box::new(|_| ("422 Unprocessable Content", problem(422, "validation")))),
        ("unknown problems", Box::new(|_| ("500 Internal Server Error", problem(599, &wild())))),
        ("wrong", Box::new(|_| ("403 Forbidden", problem(403, "wrong_passphrase")))),
        ("no JSON", Box::new(|_| ("200 OK", wild()))),
        ("links", {
            let (created, info, health) = (created(TOKEN, &wild()), info.clone(), health(&wild()));
            Box::new(move |first| match first {
                first if first.starts_with("POST /api/v1/secrets?") => ("201 Created", created.clone()),
                first if first.contains("/info") => ("200 OK", info.clone()),
                first if first.contains("/health") => ("200 OK", health.clone()),
                _ => ("200 OK", status.clone()),
            })
        }),
        ("tokens", {
            let (created, health) = (created(&wild(), &format!("http://host/s/{}", wild())), health("unhealthy"));
            Box::new(move |first| match first {
                first if first.starts_with("POST") => ("201 Created", created.clone()),
                first if first.contains("/health") => ("503 Service Unavailable", health.clone()),
                _ => ("404 Not Found", problem(404, "gone")),
            })
        }),
    ];
    for (name, answer) in answers {
        let (url, _) = lying(move |first, stream| {
            let (status, body) = answer(first);
            send(stream, status, &body)
        });
        for command in [
            &["put"][..],
            &["put", "--token"],
            &["put", "--encrypt"],
            &["status", TOKEN],
            &["burn", TOKEN],
            &["health"],
        ] {
            for options in [&["-v"][..], &["--json"]] {
                let mut ots = ots();
                ots.env("OTS_SERVER", &url).args(options).args(command);
                let output = run(ots, b"x");
                let what = format!("{name}: {options:?} {command:?}");
                let is_json = options.contains(&"--json");
                assert_tame(&what, &output.stderr, is_json);
                if name == "problems" && command != ["health"] {
                    assert!(text(&output.stderr).contains("ots: forged"), "{what}: the words are told, tame");
                }
                assert_tame(&what, &output.stdout, is_json);
                let printed = text(&output.stdout);
                if command[0] == "put" && !is_json && !printed.is_empty() {
                    let end = format!("{TOKEN}\n");
                    let is_link =
                        printed.lines().count() == 1 && (printed.ends_with(&end) || command.contains(&"--encrypt"));
                    assert!(
                        is_link && printed.starts_with(if command.contains(&"--token") { TOKEN } else { &url }),
                        "{what}: {printed:?}"
                    );
                }
            }
        }
    }
}

/// A wrong host that is fine with whatever it is asked, as a parked domain is: nothing has been destroyed there.
#[test]
fn what_isnt_an_ots_server_destroys_nothing() {
    for answer in ["200 OK", "202 Accepted", "204 No Content"] {
        let (url, _) =
            lying(move |_, stream| send(stream, answer, if answer.starts_with("204") { "" } else { "hello" }));
        let mut ots = ots();
        ots.env("OTS_SERVER", &url).args(["burn", TOKEN]);
        let output = run(ots, b"");
        assert_fails(&output, 1, "doesn't answer as an ots server does");
        assert_eq!(text(&output.stdout), "", "{answer}");
    }
}

/// A proxy whose server restarts: that passes, so scripts that try again on 4 are right to.
#[test]
fn a_proxy_without_its_server_is_tried_again() {
    for answer in ["502 Bad Gateway", "503 Service Unavailable", "504 Gateway Timeout"] {
        let (url, _) = lying(move |_, stream| send(stream, answer, "<html>nginx</html>"));
        for command in [&["put"][..], &["get", TOKEN], &["status", TOKEN], &["burn", TOKEN]] {
            let mut ots = ots();
            ots.env("OTS_SERVER", &url).args(command);
            assert_fails(&run(ots, b"x"), 4, "can't be reached through the proxy in front of it");
        }
    }
}

/// A server's `url` is a guess from the request, and a proxy may have changed that: it counts when the server was told its name.
#[test]
fn only_a_configured_name_is_believed() {
    for (public_url, url, printed) in [
        // nginx without Host: the backend's own address.
        (None, "http://127.0.0.1:8471/s/", None),
        (None, "https://evil.example.org/s/", None),
        (Some("https://ots.example.org/"), "https://ots.example.org/s/", Some("https://ots.example.org/s/")),
        (
            Some("https://ots.example.org/under"),
            "https://ots.example.org/under/s/",
            Some("https://ots.example.org/under/s/"),
        ),
        (Some("https://ots.example.org/"), "https://evil.example.org/s/", None),
        (Some("https://ots.example.org/"), "https://ots.example.org.evil.org/s/", None),
        (Some("ftp://ots.example.org/"), "ftp://ots.example.org/s/", None),
        (Some("nonsense"), "nonsense", None),
    ] {
        let (root, asked) = lying(move |first, stream| {
            let body = if first.contains("/info") {
                let mut info = json!({"max_size": 1, "default_ttl_seconds": 1, "max_ttl_seconds": 1,
                    "claim_lease_seconds": 45, "version": "0"});
                if let Some(public_url) = public_url {
                    info["public_url"] = public_url.into();
                }
                info
            } else {
                json!({"token": TOKEN, "expires_at": "2126-01-01T00:00:00.000Z", "message": "", "url": format!("{url}{TOKEN}")})
            };
            send(stream, "200 OK", &body.to_string())
        });
        for options in [&["put"][..], &["put", "--json"], &["put", "--encrypt"]] {
            let mut ots = ots();
            ots.env("OTS_SERVER", &root).args(options);
            let output = run(ots, b"x");
            let said = text(&output.stdout);
            let link = match serde_json::from_str::<Value>(&said) {
                Ok(object) => object["link"].as_str().unwrap().to_owned(),
                Err(_) => said.trim().to_owned(),
            };
            let expected = printed.map_or_else(|| format!("{root}/s/{TOKEN}"), |printed| format!("{printed}{TOKEN}"));
            assert_eq!(link.split('#').next().unwrap(), expected, "{public_url:?} {url}: {}", text(&output.stderr));
        }
        assert!(asked.lock().unwrap().iter().any(|first| first.contains("/info")));
    }
}

/// A time that a fault made is shown to nobody; one that has passed by the clock here isn't called a while to come.
#[test]
fn times_that_can_not_be_are_not_shown() {
    let status = |expires_at: &str| {
        let body =
            json!({"created_at": "2020-01-01T00:00:00.000Z", "expires_at": expires_at, "size": 5, "encrypted": false,
            "passphrase_required": false})
            .to_string();
        let (url, _) = lying(move |_, stream| send(stream, "200 OK", &body));
        let mut ots = ots();
        ots.env("OTS_SERVER", url).args(["status", TOKEN]);
        run(ots, b"")
    };
    for time in ["1969-12-31T23:59:59.999Z", "-000001-01-01T00:00:00.000Z"] {
        let output = status(time);
        assert_fails(&output, 1, "doesn't answer as an ots server does");
        assert!(!text(&output.stderr).contains("1969"));
    }
    assert_eq!(text(&status("2020-01-02T00:00:00.000Z").stdout), "unread; 5 bytes; expires 2020-01-02T00:00:00Z\n");
}

/// The wrong one of http and https is told in words.
#[test]
fn http_and_https_are_told_apart() {
    let (url, _) = lying(|_, stream| send(stream, "200 OK", "{}"));
    let mut to_plain = ots();
    to_plain.args(["status", "--server", &url.replace("http:", "https:"), TOKEN]);
    assert_fails(&run(to_plain, b""), 4, "the server answers in plain http: write http:// in its address");
    // What a server of TLS answers to what isn't: an alert.
    let (url, _) = lying(|_, stream| std::io::Write::write_all(stream, &[0x15, 3, 3, 0, 2, 2, 50]));
    let mut to_tls = ots();
    to_tls.args(["status", "--server", &url, TOKEN]);
    assert_fails(&run(to_tls, b""), 4, "what answers there isn't plain http: try https://");
}

/// Only a server that says so is healthy.
#[test]
fn health_is_what_a_server_says_of_itself() {
    let body = |status: &str| json!({"status": status, "database": "x", "version": "1"}).to_string();
    for (line, status, code) in [
        ("200 OK", "healthy", 0),
        ("200 OK", "degraded", 0),
        ("200 OK", "down", 1),
        ("200 OK", "unhealthy", 1),
        ("503 Service Unavailable", "unhealthy", 1),
        ("503 Service Unavailable", "starting", 1),
        ("503 Service Unavailable", "healthy", 1),
        ("500 Internal Server Error", "ok", 1),
    ] {
        let said = body(status);
        let (url, _) = lying(move |_, stream| send(stream, line, &said));
        let mut health = ots();
        health.args(["health", "-s", &url]);
        let output = run(health, b"");
        assert_eq!(output.status.code(), Some(code), "{line} {status}: {}", text(&output.stderr));
    }
}

/// A part of a content, or something that was made of it, isn't the content, whatever its length.
#[test]
fn a_part_is_not_a_whole() {
    let status = json!({"created_at": "2026-01-01T00:00:00.000Z", "expires_at": "2126-01-01T00:00:00.000Z", "size": 5,
        "encrypted": false, "passphrase_required": false})
    .to_string();
    for head in ["206 Partial Content\r\ncontent-range: bytes 0-4/9", "200 OK\r\ncontent-encoding: gzip"] {
        let status = status.clone();
        let (url, asked) = lying(move |first, stream| {
            if first.starts_with("GET") {
                return send(stream, "200 OK", &status);
            }
            std::io::Write::write_all(
                stream,
                format!("HTTP/1.1 {head}\r\ncontent-length: 5\r\nconnection: close\r\n\r\nthree").as_bytes(),
            )
        });
        let mut get = ots();
        get.args(["get", "-s", &url, TOKEN]);
        assert_fails(&run(get, b""), 1, "OTS_CLAIM=");
        assert!(!asked.lock().unwrap().iter().any(|first| first.starts_with("DELETE")), "{head}");
    }
}
