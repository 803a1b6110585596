//! `ots put` with a key: where it comes from, to whom it goes, and what is said without one.

use std::{
    io::{Read as _, Write as _},
    net::TcpListener,
    path::Path,
    process::Output,
};

use serde_json::Value;

use super::{key, server};
use crate::common::{assert_fails, directory, ots, run, text};

/// Stores something at a server, with these variables and arguments.
fn put(url: &str, variables: &[(&str, &str)], arguments: &[&str]) -> Output {
    let mut command = ots();
    command.env("OTS_SERVER", url).envs(variables.iter().copied()).arg("put").args(arguments);
    run(command, b"hunter2")
}

fn path(path: &Path) -> &str {
    path.to_str().unwrap()
}

#[test]
fn a_key_comes_from_a_file_or_the_environment() {
    let (data, place) = (directory(), directory());
    let file = place.path().join("keys");
    let key = key(&file, "ci", &[]);
    let other = super::key(&place.path().join("others"), "ci", &[]);
    let server = server(data.path(), &file);
    let of = |name: &str, text: &str| {
        let file = place.path().join(name);
        std::fs::write(&file, text).unwrap();
        file
    };
    let (good, bad) = (of("good", &format!("{key}\n")), of("bad", &other));
    let config = of("config.toml", &format!("api_key_file = {:?}\n", path(&bad)));
    let url = server.url.as_str();
    for (variables, arguments) in [
        (&[("OTS_API_KEY", key.as_str())][..], &[][..]),
        (&[("OTS_API_KEY_FILE", path(&good))], &[]),
        (&[], &["--api-key-file", path(&good)]),
        // Flags beat the environment, which beats the configuration.
        (&[("OTS_API_KEY", other.as_str())], &["--api-key-file", path(&good)]),
        (&[("OTS_API_KEY", key.as_str()), ("OTS_CONFIG", path(&config))], &[]),
    ] {
        let output = put(url, variables, arguments);
        assert!(output.status.success(), "{arguments:?}: {}", text(&output.stderr));
        // Reading needs none.
        let mut get = ots();
        get.args(["get", text(&output.stdout).trim()]);
        assert_eq!(run(get, b"").stdout, b"hunter2");
    }
    assert_fails(&put(url, &[], &[]), 5, "for those who have a key");
    assert_fails(&put(url, &[("OTS_API_KEY", &other)], &[]), 5, "doesn't take this API key");
    assert_fails(&put(url, &[("OTS_CONFIG", path(&config))], &[]), 5, "doesn't take this API key");
    // One that stands beside a server is that server's.
    for (beside, is_shown) in
        [(format!("server = {:?}\n", server.url), true), ("server = \"http://127.0.0.1:1\"\n".into(), false)]
    {
        let config = of("beside.toml", &format!("{beside}api_key_file = {:?}\n", path(&good)));
        let output = put(url, &[("OTS_CONFIG", path(&config))], &["--server", url]);
        assert_eq!(output.status.code(), Some(if is_shown { 0 } else { 5 }), "{}", text(&output.stderr));
        assert!(is_shown || text(&output.stderr).contains("for those who have a key"));
    }
    let refused = put(url, &[], &["--json"]);
    let error: Value = serde_json::from_slice(&refused.stderr).unwrap();
    assert_eq!((error["error"]["exit_code"].as_u64(), refused.stdout.len()), (Some(5), 0));

    let empty = of("empty", "");
    let inside = of("inside.toml", &format!("api_key = {key:?}\n"));
    for (variables, arguments, code, says) in [
        (&[("OTS_API_KEY", "hunter3")][..], &[][..], 2, "OTS_API_KEY holds no API key"),
        (&[], &["--api-key-file", path(&empty)], 8, "holds no API key"),
        (&[], &["--api-key-file", key.as_str()], 8, "there is no file of that name"),
        (&[("OTS_CONFIG", path(&inside))], &[], 2, "name that with api_key_file"),
    ] {
        let output = put(url, variables, arguments);
        assert_fails(&output, code, says);
        let said = text(&output.stderr);
        assert!(!said.contains(&key[4..]) && !said.contains("hunter3"), "{said}");
    }
}

/// What a listener that answers every request was asked.
fn asked(answers: &'static str, ask: impl FnOnce(&str)) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let answering = std::thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        let mut heard = Vec::new();
        let mut part = [0; 4096];
        while !heard.ends_with(b"hunter2") {
            let length = stream.read(&mut part).unwrap();
            assert!(length > 0, "{}", text(&heard));
            heard.extend_from_slice(&part[..length]);
        }
        stream.write_all(answers.as_bytes()).unwrap();
        text(&heard)
    });
    ask(&format!("http://{address}"));
    answering.join().unwrap()
}

#[test]
fn a_key_goes_to_the_configured_server_only() {
    let place = directory();
    let key = key(&place.path().join("keys"), "ci", &[]);
    let other = TcpListener::bind("127.0.0.1:0").unwrap();
    other.set_nonblocking(true).unwrap();
    let to = other.local_addr().unwrap().port();
    let redirect: &'static str = Box::leak(
        format!("HTTP/1.1 307 Temporary Redirect\r\nLocation: http://localhost:{to}/api/v1/secrets\r\nContent-Length: 0\r\n\r\n")
            .into_boxed_str(),
    );
    let heard = asked(redirect, |url| {
        let output = put(url, &[("OTS_API_KEY", &key)], &[]);
        assert!(!output.status.success() && !text(&output.stderr).contains(&key));
    });
    assert_eq!(heard.matches(&format!("authorization: Bearer {key}\r\n")).count(), 1, "{heard}");
    assert!(other.accept().is_err(), "the redirect was followed");

    // Nor over a network that anybody on the way can read: nothing is sent at all.
    let output = put("http://192.0.2.1", &[("OTS_API_KEY", &key)], &["--timeout", "1s"]);
    assert_fails(&output, 1, "plain http");
}
