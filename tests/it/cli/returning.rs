//! A requester that comes back: after the server's restart, on another machine, and when it is too late. What it is told, and the exit codes.

use std::{
    fs,
    path::Path,
    process::{Command, Stdio},
    time::Duration,
};

use serde_json::Value;

use super::{assert_fails, client, text};
use crate::common::{Server, directory, ots, run, until, wait_for_exit};

/// The same server at the same address once more.
fn again(data: &Path, address: &str) -> Server {
    let mut command = ots();
    command.env("SECRET_KEY", crate::common::SECRET_KEY);
    command.args(["-v", "serve", "--listen", address, "--data-dir"]).arg(data);
    Server::spawn(command).unwrap_or_else(|log| panic!("{log}"))
}

/// `ots` on another machine: with another home, somewhere else, and no server configured.
fn elsewhere(home: &Path, at: &Path, arguments: &[&str]) -> Command {
    let mut command = ots();
    command.env("HOME", home).env("XDG_CONFIG_HOME", home).current_dir(at).args(arguments);
    command
}

/// Asks; the link, and the receipt.
fn ask(server: &Server, file: &Path, arguments: &[&str]) -> (String, String) {
    let output = client(server, &[&["--json", "request", "-o", file.to_str().unwrap()], arguments].concat());
    let asked: Value = serde_json::from_slice(&output.stdout).unwrap_or_else(|_| panic!("{output:?}"));
    (asked["link"].as_str().unwrap().to_owned(), asked["receipt"].as_str().unwrap().to_owned())
}

/// Waits through a restart; then the file alone collects, whoever has it, wherever it lies.
#[tokio::test(flavor = "multi_thread")]
async fn its_file_collects_after_a_restart_and_on_another_machine() {
    let (data, place, home) = (directory(), directory(), directory());
    let server = Server::start(data.path(), &[]);
    let address = server.address();
    let file = place.path().join("kept.ots");
    let (link, receipt) = ask(&server, &file, &["--label", "the key"]);
    let waiting = |arguments: &[&str]| {
        let mut command = server.client(arguments);
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
    };
    let looked = || server.log().matches("route=\"request\"").count();
    let mut status = waiting(&["status", "--wait", file.to_str().unwrap()]);
    until("it has looked", Duration::from_secs(20), || async { looked() > 0 }).await;
    assert!(server.stop().success());
    for command in ["get", "status", "burn"] {
        let alone = run(elsewhere(home.path(), place.path(), &[command, "kept.ots"]), b"");
        assert_fails(&alone, 4, "can't reach");
    }
    tokio::time::sleep(Duration::from_millis(1500)).await; // it asks in vain meanwhile
    assert!(status.try_wait().unwrap().is_none(), "what passes is waited out");
    let server = again(data.path(), &address);
    assert!(run(elsewhere(home.path(), home.path(), &["-q", "put", "--to", &link]), b"hunter2").status.success());
    assert!(wait_for_exit(&mut status, Duration::from_secs(60)).success());
    assert!(text(&status.wait_with_output().unwrap().stdout).starts_with("answered "));

    // By a relative name, below, and by the bytes alone.
    let there = home.path().join("below");
    fs::create_dir(&there).unwrap();
    fs::copy(&file, there.join("kept.ots")).unwrap();
    let told = run(elsewhere(home.path(), &there, &["status", "./kept.ots"]), b"");
    assert!(told.status.success() && text(&told.stdout).starts_with("answered "), "{told:?}");
    let told = run(elsewhere(home.path(), home.path(), &["status", "-"]), &fs::read(&file).unwrap());
    assert!(told.status.success(), "{told:?}");
    let missing = run(elsewhere(home.path(), place.path(), &["get", "below/kept.ots"]), b"");
    assert_eq!(missing.status.code(), Some(2), "there it isn't: {missing:?}");
    let got = run(elsewhere(home.path(), home.path(), &["get", "below/kept.ots"]), b"");
    assert!(got.status.success() && got.stdout == b"hunter2", "{got:?}");
    let told = client(&server, &["status", &receipt]);
    assert!(told.status.success() && text(&told.stdout).starts_with("delivered "), "{told:?}");
}

/// Answered or not, when its time is over it is gone, and its receipt says how.
#[tokio::test]
async fn what_comes_too_late_is_told_so() {
    let (data, place) = (directory(), directory());
    let server = Server::start(data.path(), &[]);
    let [brief, answered, back] = ["brief", "answered", "back"].map(|name| place.path().join(name));
    let (link, receipt) = ask(&server, &brief, &["--ttl", "1s"]);
    let (to, of_answer) = ask(&server, &answered, &["--ttl", "8s"]);
    assert!(run(server.client(&["-q", "put", "--to", &to]), b"hunter2").status.success());
    let (taken, of_taken) = ask(&server, &back, &[]);
    assert!(client(&server, &["burn", back.to_str().unwrap()]).status.success());
    for (receipt, code, says) in
        [(&receipt, 14, "expired "), (&of_answer, 14, "expired "), (&of_taken, 16, "withdrawn ")]
    {
        let told = || client(&server, &["status", receipt]);
        until("it is over", Duration::from_secs(40), || async { told().status.code() == Some(code) }).await;
        assert!(text(&told().stdout).starts_with(says), "{:?}", told());
        let waited = client(&server, &["status", "--wait", receipt]);
        assert_eq!(waited.status.code(), Some(code), "{waited:?}");
    }
    let gone = "the request is gone: its answer was collected or burned, or it was taken back, or has expired";
    for (file, code, says) in [(&brief, 14, "expired "), (&answered, 14, "expired "), (&back, 16, "withdrawn ")] {
        let name = file.to_str().unwrap();
        for command in [&["get", name][..], &["get", "--wait", name], &["burn", name]] {
            assert_fails(&client(&server, command), 3, gone);
        }
        let told = client(&server, &["status", name]);
        assert_eq!(told.status.code(), Some(code), "{told:?}");
        assert!(text(&told.stdout).starts_with(says), "{told:?}");
    }
    let too_late = "the request is gone: answered, taken back or expired; ask whoever gave you its link for another";
    for link in [&link, &to, &taken] {
        assert_fails(&run(server.client(&["-q", "put", "--to", link]), b"x"), 3, too_late);
    }
    assert!(!server.log().contains("ERROR"), "{}", server.log());
}
