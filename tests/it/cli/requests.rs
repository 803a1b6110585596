//! Requests on the command line: `request`, `put --to`, and `get`, `status` and `burn` of a request's file.

use std::{
    fs,
    path::Path,
    process::Stdio,
    sync::atomic::{AtomicUsize, Ordering},
    time::Duration,
};

use data_encoding::BASE64;
use ots::{
    crypto::{
        envelope::Label,
        sealed_box::{Invitation, Keys},
    },
    secret::{CollectingKey, RequestKey},
};
use serde_json::Value;

use super::{assert_fails, client, text};
use crate::common::{
    Server, directory,
    lying::{lying, send},
    noise, ots, run, wait_for_exit,
};

const GONE: &str = r#"{"type":"about:blank","title":"","status":404,"detail":"","code":"gone"}"#;

/// Asks, and gives the link; what collects is in `file`.
fn ask(server: &Server, file: &Path, arguments: &[&str]) -> String {
    let output = client(server, &[&["request", "-o", file.to_str().unwrap()], arguments].concat());
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
    let link = text(&output.stdout);
    assert!(link.starts_with(&format!("{}/r/", server.url)) && link.lines().count() == 1, "{link}");
    link.trim().to_owned()
}

/// The code that `status` or `burn` of a file ends with, and its words.
fn told(server: &Server, command: &str, file: &Path) -> (i32, String) {
    let output = client(server, &[command, file.to_str().unwrap()]);
    (output.status.code().unwrap(), text(&output.stdout) + &text(&output.stderr))
}

#[test]
fn what_was_asked_for_is_collected_byte_for_byte() {
    let (data, place) = (directory(), directory());
    let server = Server::start(data.path(), &["--max-size", "2MiB"]);
    let large = noise(7, 1 << 20);
    for (number, content) in [b"hunter2".as_slice(), &[0, 0xff, 0x1b, b'\n'], &large].into_iter().enumerate() {
        let file = place.path().join(format!("{number}.ots"));
        let name = file.to_str().unwrap();
        let link = ask(&server, &file, &["--label", "the password of the database", "--ttl", "1h"]);
        assert_eq!(told(&server, "status", &file).0, 15);
        assert_fails(&client(&server, &["get", name]), 15, "nobody has answered the request yet");

        let sent = run(server.client(&["put", "--to", &link]), content);
        assert_eq!(text(&sent.stderr), "asked for: the password of the database\n");
        assert!(sent.status.success() && sent.stdout.is_empty());
        assert_fails(&run(server.client(&["-q", "put", "--to", &link]), b"x"), 3, "the request is gone");
        let (code, words) = told(&server, "status", &file);
        assert!(code == 0 && words.starts_with("answered "), "{words}");

        let got = client(&server, &["get", name]);
        assert!(got.status.success() && got.stdout == content, "{number}: {}", text(&got.stderr));
        for command in ["get", "burn"] {
            let (code, words) = told(&server, command, &file);
            assert!(code == 3 && words.contains("the request is gone"), "{command}: {words}");
        }
        let (code, words) = told(&server, "status", &file);
        assert!(code == 0 && words.starts_with("collected "), "{words}");
    }
    let log = server.log();
    assert!(!log.contains("ERROR") && !log.contains("hunter2"), "{log}");
}

#[test]
fn it_is_kept_in_a_new_file_of_its_owners_alone() {
    let (data, place) = (directory(), directory());
    let server = Server::start(data.path(), &[]);
    let file = place.path().join("kept.ots");
    let link = ask(&server, &file, &[]);
    let kept = fs::read_to_string(&file).unwrap();
    let collecting = CollectingKey::from_file(&kept).unwrap();
    assert_eq!(collecting.link.to_text().as_str(), link);
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        assert_eq!(file.metadata().unwrap().permissions().mode() & 0o777, 0o600);
    }
    let again = client(&server, &["request", "-o", file.to_str().unwrap()]);
    assert_fails(&again, 8, "exists: choose another name with -o");
    assert_eq!(fs::read_to_string(&file).unwrap(), kept);
    assert_fails(&client(&server, &["request", "-o", "/nonexistent/x"]), 8, "can't write to /nonexistent");
    assert_fails(&client(&server, &["request", "--label", "a\nb"]), 2, "the label has a line break");

    let mut here = server.client(&["request", "--json"]);
    here.current_dir(place.path());
    let answer: Value = serde_json::from_slice(&run(here, b"").stdout).unwrap();
    let name = answer["file"].as_str().unwrap();
    assert!(name.starts_with("request-") && Path::new(name).extension().is_some_and(|kind| kind == "ots"), "{name}");
    assert!(answer["receipt"].as_str().unwrap().starts_with("r-"));
    let to_stdout = text(&client(&server, &["request", "-o", "-"]).stdout);
    let (link, rest) = to_stdout.split_once('\n').unwrap();
    let collecting = CollectingKey::from_file(rest).unwrap();
    assert_eq!(collecting.link.to_text().as_str(), link);
    // By the link to bookmark too, and by the file on standard input.
    assert!(run(server.client(&["put", "--to", link]), b"hunter2").status.success());
    assert_eq!(run(server.client(&["status", "-"]), rest.as_bytes()).status.code(), Some(0));
    assert_eq!(run(server.client(&["get", "-"]), collecting.to_link().as_bytes()).stdout, b"hunter2");
}

/// Nobody can answer what nobody was told of.
#[cfg(target_os = "linux")]
#[test]
fn a_request_whose_link_cant_be_printed_is_taken_back() {
    let (data, place) = (directory(), directory());
    let audit = data.path().join("audit.jsonl");
    let server = Server::start(data.path(), &["--audit", audit.to_str().unwrap()]);
    let file = place.path().join("kept.ots");
    let mut command = server.client(&["request", "-o", file.to_str().unwrap()]);
    let full = fs::OpenOptions::new().write(true).open("/dev/full").unwrap();
    let child = command.stdin(Stdio::null()).stdout(full).stderr(Stdio::piped()).spawn().unwrap();
    let output = child.wait_with_output().unwrap();
    assert_fails(&output, 8, "the link wasn't printed, so the request has been taken back");
    assert!(!file.exists() && fs::read_dir(place.path()).unwrap().count() == 0);
    assert!(server.stop().success());
    assert!(fs::read_to_string(&audit).unwrap().contains("\"withdrawn\""));
}

#[test]
fn a_wrong_passphrase_is_found_out_here() {
    let (data, place) = (directory(), directory());
    let server = Server::start(data.path(), &[]);
    let file = place.path().join("kept.ots");
    let name = file.to_str().unwrap();
    let mut asks = server.client(&["request", "-o", name]);
    asks.env("OTS_PASSPHRASE", "sesame");
    let link = text(&run(asks, b"").stdout);
    assert!(run(server.client(&["put", "--to", link.trim()]), b"hunter2").status.success());
    let get = |passphrase: Option<&str>| {
        let mut command = server.client(&["get", name]);
        if let Some(word) = passphrase {
            command.env("OTS_PASSPHRASE", word);
        }
        run(command, b"")
    };
    assert_fails(&get(None), 5, "this secret has a passphrase");
    let tried = || server.log().contains("reveal");
    assert_fails(&get(Some("sesam")), 5, "the passphrase is wrong; nothing was sent");
    assert!(!tried(), "it was sent: {}", server.log());
    assert_eq!(get(Some("sesame")).stdout, b"hunter2");
    assert!(tried(), "{}", server.log());
}

#[test]
fn waiting_ends_with_the_answer_and_burning_takes_back_or_burns() {
    let (data, place) = (directory(), directory());
    let server = Server::start(data.path(), &[]);
    let [first, second] = ["first", "second"].map(|name| place.path().join(name));
    let link = ask(&server, &first, &[]);
    let mut waits = server.client(&["get", "--wait", first.to_str().unwrap()]);
    let mut waits = waits.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let mut looks = server.client(&["status", "--wait", first.to_str().unwrap()]);
    let mut looks = looks.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    std::thread::sleep(Duration::from_millis(300));
    assert!(waits.try_wait().unwrap().is_none() && looks.try_wait().unwrap().is_none());
    let generated = client(&server, &["put", "--to", &link, "--generate=password:30"]);
    let password = text(&generated.stdout).trim().to_owned();
    assert_eq!(password.len(), 30);
    assert!(wait_for_exit(&mut waits, Duration::from_secs(60)).success());
    assert_eq!(text(&waits.wait_with_output().unwrap().stdout), password);
    // It may have looked only when the answer was being collected.
    assert!([Some(0), Some(11)].contains(&wait_for_exit(&mut looks, Duration::from_secs(60)).code()));

    let link = ask(&server, &second, &[]);
    assert_eq!(told(&server, "burn", &second), (0, String::new()));
    assert_fails(&run(server.client(&["put", "--to", &link]), b"x"), 3, "the request is gone");
    let (code, words) = told(&server, "status", &second);
    assert!(code == 16 && words.starts_with("withdrawn "), "{words}");
    let third = place.path().join("third");
    let link = ask(&server, &third, &[]);
    assert!(run(server.client(&["put", "--to", &link]), b"x").status.success());
    let burned = client(&server, &["--json", "burn", third.to_str().unwrap()]);
    assert_eq!(text(&burned.stdout), "{\"state\":\"burned\"}\n");
    let (code, words) = told(&server, "status", &third);
    assert!(code == 13 && words.contains("by whoever has this request's file"), "{words}");

    // A key that was changed is refused as one that doesn't fit, and costs nothing.
    let fourth = place.path().join("fourth");
    let link = ask(&server, &fourth, &[]);
    assert!(run(server.client(&["put", "--to", &link]), b"x").status.success());
    let kept = fs::read_to_string(&fourth).unwrap();
    let other = RequestKey::generate().unwrap();
    let changed: Vec<String> =
        kept.lines()
            .map(|line| {
                if line.starts_with("key = ") {
                    format!("key = {:?}", other.expose().as_str())
                } else {
                    line.to_owned()
                }
            })
            .collect();
    fs::write(&fourth, changed.join("\n") + "\n").unwrap();
    assert_fails(&client(&server, &["get", fourth.to_str().unwrap()]), 5, "the request's key was changed");
    fs::write(&fourth, kept).unwrap();
    assert_eq!(client(&server, &["get", fourth.to_str().unwrap()]).stdout, b"x");
}

#[test]
fn each_link_is_taken_where_it_belongs_and_refused_elsewhere_in_words() {
    let (data, place) = (directory(), directory());
    let server = Server::start(data.path(), &[]);
    let file = place.path().join("kept.ots");
    let link = ask(&server, &file, &["--max-size", "3000"]);
    let collecting = CollectingKey::from_file(&fs::read_to_string(&file).unwrap()).unwrap().to_link();
    let secret = server.put(b"x");
    for command in ["get", "status", "burn"] {
        assert_fails(&client(&server, &[command, &link]), 2, "`ots put --to` and the link answers it");
    }
    assert_fails(&client(&server, &["get", "--wait", &secret]), 2, "only the answer to a request is waited for");
    for (to, says) in [
        (collecting.as_str(), "that link collects an answer"),
        (&secret, "that is a secret's link"),
        (link.split('#').next().unwrap(), "what follows # is missing"),
    ] {
        assert_fails(&run(server.client(&["put", "--to", to]), b"hunter2"), 2, says);
    }
    assert_fails(&run(server.client(&["put", "--to", &link]), &[7; 4000]), 7, "takes at most 3000");
    fs::write(place.path().join("changed"), fs::read_to_string(&file).unwrap().replace("version = 1", "version = 2"))
        .unwrap();
    let later = client(&server, &["get", place.path().join("changed").to_str().unwrap()]);
    assert_fails(&later, 8, "a later version of ots wrote that");
    assert_eq!(told(&server, "status", &file).0, 15, "and it is open still");
}

/// A server that puts another's public key in place of the true one, or its own answer, is found out.
#[test]
fn a_server_that_swaps_keys_or_answers_is_found_out() {
    let place = directory();
    let (asked, other) = (RequestKey::generate().unwrap(), RequestKey::generate().unwrap());
    let (keys, others) = (Keys::derive(&asked, None).unwrap(), Keys::derive(&other, None).unwrap());
    let invitation = BASE64.encode(&others.invite(None).unwrap());
    let theirs = Invitation::open(&others.invite(None).unwrap(), others.fingerprint()).unwrap();
    let answer = theirs.answer(b"not what was asked", &Label::default()).unwrap();
    let looks = AtomicUsize::new(0);
    let (url, lines) = lying(move |first, stream| {
        use std::io::Write as _;
        if first.contains("/api/v1/requests/") && looks.fetch_add(1, Ordering::Relaxed) == 0 {
            let at = "2026-01-01T00:00:00.000Z";
            let body = serde_json::json!({
                "invitation": invitation, "max_size": 1 << 20, "created_at": at, "expires_at": at,
            });
            return send(stream, "200 OK", &body.to_string());
        }
        if first.contains("/status") {
            let status = crate::house::status(u64::try_from(answer.len()).unwrap())
                .replace("\"encrypted\":false", "\"encrypted\":true");
            return send(stream, "200 OK", &status);
        }
        if first.contains("/reveal") {
            let length = answer.len();
            let head = "HTTP/1.1 200 OK\r\ncontent-type: application/octet-stream\r\nconnection: close";
            write!(stream, "{head}\r\ncontent-length: {length}\r\n\r\n")?;
            return stream.write_all(&answer);
        }
        send(stream, "404 Not Found", GONE)
    });
    let token = "abcdefghijklmnopqrstuvwxyz234567";
    let link = format!("{url}/r/{token}#{}", keys.fingerprint().expose().as_str());
    let mut put = ots();
    put.args(["put", "--to", &link]);
    let output = run(put, b"hunter2");
    assert_eq!(output.status.code(), Some(6), "{}", text(&output.stderr));
    assert!(text(&output.stderr).contains("nothing was sent"), "{}", text(&output.stderr));
    assert_eq!(lines.lock().unwrap().len(), 1, "it was asked, and told nothing");

    let file = place.path().join("kept.ots");
    let collecting = CollectingKey {
        link: link.parse().unwrap(),
        token: token.parse().unwrap(),
        key: asked,
        passphrase: false,
        label: None,
    };
    fs::write(&file, collecting.to_file().as_bytes()).unwrap();
    let mut get = ots();
    get.args(["get", file.to_str().unwrap()]);
    let output = run(get, b"");
    assert_eq!(output.status.code(), Some(6), "{}", text(&output.stderr));
    assert!(text(&output.stderr).contains("isn't the answer to this request"), "{}", text(&output.stderr));
    assert!(output.stdout.is_empty());
    assert!(!lines.lock().unwrap().iter().any(|line| line.starts_with("DELETE")), "it isn't acknowledged");
}

/// Whoever answers is told that the answer may be there when nobody says so; and what was made for it is seen in any case.
#[test]
fn an_answer_that_may_have_arrived_is_told_so() {
    let keys = Keys::derive(&RequestKey::generate().unwrap(), None).unwrap();
    for (afterwards, says) in [
        (Some("404 Not Found"), "the request is closed, so the answer seems to have arrived"),
        (Some("200 OK"), ""),
        (None, "the answer may have arrived"),
    ] {
        let at = "2026-01-01T00:00:00.000Z";
        let invitation = BASE64.encode(&keys.invite(None).unwrap());
        let open = serde_json::json!({
            "invitation": invitation, "max_size": 1 << 20, "created_at": at, "expires_at": at,
        });
        let (looks, open) = (AtomicUsize::new(0), open.to_string());
        let (url, _) =
            lying(move |first, stream| match (first.starts_with("GET"), looks.fetch_add(1, Ordering::Relaxed)) {
                (true, 0) => send(stream, "200 OK", &open),
                (true, _) if afterwards == Some("200 OK") => send(stream, "200 OK", &open),
                (true, _) if afterwards.is_some() => send(stream, "404 Not Found", GONE),
                _ => Ok(()), // it closes
            });
        let link = format!("{url}/r/abcdefghijklmnopqrstuvwxyz234567#{}", keys.fingerprint().expose().as_str());
        let mut put = ots();
        put.args(["put", "--to", &link, "--generate=password:30"]);
        let output = run(put, b"");
        let words = text(&output.stderr);
        assert_eq!(output.status.code(), Some(4), "{words}");
        assert!(words.contains(says) && (!says.is_empty() || !words.contains("arrived")), "{words}");
        assert_eq!(text(&output.stdout).trim().len(), 30, "{words}");
    }
}

/// What can't be taken isn't read to its end, and what nobody could see isn't sent.
#[test]
fn an_answer_is_bounded_and_printed_before_it_is_sent() {
    let (data, place) = (directory(), directory());
    let server = Server::start(data.path(), &[]);
    let file = place.path().join("kept.ots");
    let link = ask(&server, &file, &["--max-size", "8KiB"]);
    let mut put = server.client(&["put", "--to", &link]);
    let mut put = put.stdin(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let mut input = put.stdin.take().unwrap();
    // An endless one.
    let written = std::thread::spawn(move || {
        use std::io::Write as _;
        let mut written = 0;
        while input.write_all(&[7; 16 * 1024]).is_ok() {
            written += 16;
        }
        written
    });
    assert_eq!(wait_for_exit(&mut put, Duration::from_secs(60)).code(), Some(7));
    assert!(written.join().unwrap() <= 1024, "KiB");
    assert!(text(&put.wait_with_output().unwrap().stderr).contains("the request takes at most 8192"));
    #[cfg(target_os = "linux")]
    {
        let full = fs::OpenOptions::new().write(true).open("/dev/full").unwrap();
        let mut put = server.client(&["put", "--to", &link, "--generate"]);
        let output = put.stdin(Stdio::null()).stdout(full).output().unwrap();
        assert_eq!(output.status.code(), Some(8), "{}", text(&output.stderr));
        assert_eq!(told(&server, "status", &file).0, 15, "it is open still");
    }
}

/// After a restart, and with a key where creating wants one.
#[test]
fn it_outlives_a_restart_and_asks_with_a_key() {
    let (data, place) = (directory(), directory());
    let keys = place.path().join("keys");
    let key = crate::creation::key(&keys, "desk", &[]);
    let server = Server::start(data.path(), &["--create-keys", keys.to_str().unwrap()]);
    let file = place.path().join("kept.ots");
    let asks = || server.client(&["request", "-o", file.to_str().unwrap()]);
    assert_fails(&run(asks(), b""), 5, "takes requests of those who have a key");
    let mut with_key = asks();
    with_key.env("OTS_API_KEY", &key);
    let link = text(&run(with_key, b"").stdout).trim().to_owned();
    let url = server.url.clone();
    assert!(server.stop().success());
    let server = Server::start(data.path(), &["--create-keys", keys.to_str().unwrap()]);
    let link = link.replace(&url, &server.url);
    fs::write(&file, fs::read_to_string(&file).unwrap().replace(&url, &server.url)).unwrap();
    let sent = run(server.client(&["put", "--to", &link]), b"hunter2");
    assert!(sent.status.success(), "a request is its own permission: {}", text(&sent.stderr));
    assert_eq!(client(&server, &["get", file.to_str().unwrap()]).stdout, b"hunter2");
}
