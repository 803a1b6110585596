//! Receipts on the command line: `put --receipt`, `status RECEIPT`, `burn RECEIPT`.

use std::{
    process::Stdio,
    time::{Duration, Instant},
};

use serde_json::Value;

use super::{assert_fails, client, text};
use crate::common::{Server, directory, lying::lying, ots, run, wait_for_exit};

/// What `status` says of a receipt, and the code that it ends with.
fn told(server: &Server, receipt: &str) -> (String, i32) {
    let output = client(server, &["status", receipt]);
    assert!(output.stderr.is_empty(), "{output:?}");
    (text(&output.stdout), output.status.code().unwrap())
}

/// A secret and its receipt, as `put --json` gives them.
fn sent(server: &Server, arguments: &[&str]) -> (String, String) {
    let place = directory();
    let file = place.path().join("receipt");
    let arguments = [&["put", "--json", "--receipt", file.to_str().unwrap()], arguments].concat();
    let put: Value = serde_json::from_slice(&run(server.client(&arguments), b"hunter2").stdout).unwrap();
    assert_eq!(std::fs::read_to_string(file).unwrap(), format!("{}\n", put["receipt"].as_str().unwrap()));
    (put["link"].as_str().unwrap().to_owned(), put["receipt"].as_str().unwrap().to_owned())
}

#[test]
fn the_receipt_goes_to_a_file_of_its_own() {
    let data = directory();
    let server = Server::start(data.path(), &[]);
    let place = directory();
    let file = place.path().join("receipts");
    let output = run(server.client(&["put", "-n", "3", "--receipt", file.to_str().unwrap()]), b"x");
    let links = text(&output.stdout);
    assert_eq!(links.lines().count(), 3);
    let receipts = std::fs::read_to_string(&file).unwrap();
    let each: Vec<&str> =
        receipts.lines().filter_map(|line| line.strip_prefix(&format!("{}/t/r-", server.url))).collect();
    assert_eq!((each.len(), receipts.lines().count()), (3, 4));
    let together = receipts.lines().last().unwrap();
    assert_eq!(together, format!("{}/t/#r-{}", server.url, each.join(",r-")));
    for command in ["status", "burn", "get"] {
        assert_fails(&client(&server, &[command, together]), 2, "that link shows several receipts together");
    }
    for command in ["status", "burn", "get"] {
        assert_fails(&client(&server, &[command, file.to_str().unwrap()]), 2, "receipts holds more than one");
    }
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        assert_eq!(file.metadata().unwrap().permissions().mode() & 0o777, 0o600);
    }
    let [first, second, third, _] = receipts.lines().collect::<Vec<_>>()[..] else { panic!("{receipts}") };
    assert_eq!(client(&server, &["get", links.lines().nth(1).unwrap()]).stdout, b"x");
    assert!(told(&server, second).0.starts_with("delivered "), "each is its own copy's");
    for other in [first, third] {
        assert!(told(&server, other).0.starts_with("unread; expires "));
    }
    let again = run(server.client(&["put", "--receipt", file.to_str().unwrap()]), b"x");
    assert_fails(&again, 8, "exists: choose another name for the receipt; nothing was sent");
    assert_eq!(std::fs::read_to_string(&file).unwrap(), receipts);
    let nowhere = run(server.client(&["put", "--receipt", "/nonexistent/receipt"]), b"x");
    assert_fails(&nowhere, 8, "can't write to /nonexistent");
    assert!(nowhere.stdout.is_empty());
}

/// A page shows a hundred together; more take several links.
#[test]
fn many_receipts_are_shown_a_hundred_at_a_time() {
    let data = directory();
    let server = Server::start(data.path(), &["--rate-limit", "off"]);
    let output = run(server.client(&["put", "-n", "102", "--receipt", "-"]), b"x");
    let said = text(&output.stderr);
    let together: Vec<usize> = said
        .lines()
        .filter_map(|line| line.strip_prefix("receipts: "))
        .map(|link| link.matches("r-").count())
        .collect();
    assert_eq!((together, said.lines().count()), (vec![100, 2], 104), "{said}");
}

#[test]
fn a_receipt_on_stderr_stands_alone() {
    let data = directory();
    let server = Server::start(data.path(), &[]);
    let output = run(server.client(&["put", "--receipt", "-"]), b"x");
    let said = text(&output.stderr);
    let receipt = said.strip_prefix("receipt: ").unwrap().trim_end();
    assert_eq!(text(&output.stdout).lines().count(), 1);
    assert_eq!(told(&server, receipt).1, 10);
}

/// A receipt that nobody has is no receipt: the secret is burned, as where its link can't be printed.
#[cfg(target_os = "linux")]
#[test]
fn a_receipt_that_can_not_be_said_burns_its_secret() {
    let data = directory();
    let server = Server::start(data.path(), &[]);
    let mut put = server.client(&["put", "--receipt", "-"]);
    let full = std::fs::OpenOptions::new().write(true).open("/dev/full").unwrap();
    let output = put.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(full).arg("/etc/hostname").output().unwrap();
    assert_eq!((output.status.code(), output.stdout.len()), (Some(8), 0), "{output:?}");
    let stats = run(server.client(&["--json", "admin", "stats", "--data-dir", data.path().to_str().unwrap()]), b"");
    let stats: Value = serde_json::from_slice(&stats.stdout).unwrap();
    assert_eq!(stats["secrets"], 0);
}

/// Killed before there was a receipt, it leaves no file of its name: an empty one would be taken for a receipt's, and be in the way.
#[test]
fn a_put_that_is_killed_leaves_no_empty_receipt() {
    let (data, place) = (directory(), directory());
    let file = place.path().join("receipt");
    let (url, asked) = lying(|_, stream| std::io::copy(stream, &mut std::io::sink()).map(drop));
    let arguments = ["put", "--receipt", file.to_str().unwrap()];
    let mut put = ots();
    put.args(["--server", &url]).args(arguments).stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null());
    let mut put = put.spawn().unwrap();
    std::io::Write::write_all(&mut put.stdin.take().unwrap(), b"hunter2").unwrap();
    let end = Instant::now() + Duration::from_secs(30);
    while asked.lock().unwrap().is_empty() {
        assert!(Instant::now() < end, "it sends");
        std::thread::sleep(Duration::from_millis(20));
    }
    put.kill().unwrap();
    put.wait().unwrap();
    assert!(!file.exists());
    let server = Server::start(data.path(), &[]);
    assert!(run(server.client(&arguments), b"hunter2").status.success());
    assert_eq!(told(&server, std::fs::read_to_string(&file).unwrap().trim()).1, 10);
}

#[test]
fn what_was_not_stored_leaves_no_receipt() {
    let place = directory();
    let file = place.path().join("receipt");
    let mut put = ots();
    put.args(["--server", "http://127.0.0.1:1", "put", "--receipt", file.to_str().unwrap()]);
    assert_fails(&run(put, b"x"), 4, "can't reach");
    assert!(!file.exists());
}

#[test]
fn each_state_has_its_words_and_its_code() {
    let data = directory();
    let server = Server::start(data.path(), &["--claim-lease", "2s", "--rate-limit", "off"]);
    let (link, receipt) = sent(&server, &["-e"]);
    let (said, code) = told(&server, &receipt);
    assert!(said.starts_with("unread; expires ") && code == 10, "{said}");
    let bare = receipt.rsplit_once('/').unwrap().1;
    assert_eq!(told(&server, bare), (said, 10), "alone it is the configured server's");
    assert_eq!(client(&server, &["get", &link]).stdout, b"hunter2");
    let (said, code) = told(&server, &receipt);
    assert!(
        said.starts_with("delivered 20") && said.ends_with("its reader says that it has arrived\n") && code == 0,
        "{said}"
    );
    let json: Value = serde_json::from_slice(&client(&server, &["--json", "status", &receipt]).stdout).unwrap();
    assert_eq!((&json["state"], json["claimed_at"].is_string()), (&"delivered".into(), true));

    let (link, receipt) = sent(&server, &[]);
    let claimed = ureq(&server, &link);
    assert_eq!(claimed, 200);
    let (said, code) = told(&server, &receipt);
    assert!(said.starts_with("claimed 20") && said.contains("can say until 20") && code == 11, "{said}");
    let waited = client(&server, &["status", "--wait", &receipt]);
    assert!(text(&waited.stdout).starts_with("unconfirmed 20") && waited.status.code() == Some(12), "{waited:?}");

    let (link, receipt) = sent(&server, &[]);
    assert!(client(&server, &["burn", &link]).status.success());
    let (said, code) = told(&server, &receipt);
    assert!(said.contains(", unread, by whoever has the link") && code == 13, "{said}");
    assert_fails(&client(&server, &["burn", &receipt]), 3, "it is too late");

    let (link, receipt) = sent(&server, &[]);
    for _ in 0..2 {
        assert!(client(&server, &["burn", &receipt]).status.success());
    }
    assert_eq!(client(&server, &["get", &link]).status.code(), Some(3));
    let (said, code) = told(&server, &receipt);
    assert!(said.contains(", unread, by its receipt") && code == 13, "{said}");

    let (_, receipt) = sent(&server, &["--ttl", "1s"]);
    let waited = client(&server, &["status", "--wait", &receipt]);
    assert!(text(&waited.stdout).starts_with("expired 20") && waited.status.code() == Some(14), "{waited:?}");
    let unknown = client(&server, &["status", "r-aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"]);
    assert_fails(&unknown, 3, "no such receipt");
    assert_fails(&client(&server, &["burn", "r-aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"]), 3, "no such receipt");
}

/// A reader that claims, and never says that it has arrived.
fn ureq(server: &Server, link: &str) -> u16 {
    let token = link.rsplit_once('/').unwrap().1.to_owned();
    tokio::runtime::Runtime::new()
        .unwrap()
        .block_on(async { server.reveal(&token, Some(crate::common::CLAIM), None).await.status().as_u16() })
}

#[test]
fn it_is_waited_for_what_was_asked_for() {
    let data = directory();
    let server = Server::start(data.path(), &[]);
    let (link, receipt) = sent(&server, &[]);
    let wait = |state: &str| {
        let mut command = server.client(&["status", state, &receipt]);
        command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap()
    };
    let mut waiting = ["--wait=claimed", "--wait", "--wait=delivered"].map(wait);
    assert_eq!(ureq(&server, &link), 200);
    let claimed = wait_for_exit(&mut waiting[0], Duration::from_secs(20));
    assert_eq!(claimed.code(), Some(0), "it has come to that");
    assert!(waiting[1].try_wait().unwrap().is_none());
    let token = link.rsplit_once('/').unwrap().1;
    let acknowledged = tokio::runtime::Runtime::new()
        .unwrap()
        .block_on(async { server.delete(token, Some(crate::common::CLAIM)).await.status() });
    assert_eq!(acknowledged, 204);
    for waiting in &mut waiting[1..] {
        assert_eq!(wait_for_exit(waiting, Duration::from_secs(20)).code(), Some(0), "delivered");
    }
    let (link, _) = sent(&server, &[]);
    assert_fails(&client(&server, &["status", "--wait=claimed", &link]), 2, "only a receipt tells that: give it");
}

#[test]
fn a_receipts_file_is_as_good_as_the_receipt() {
    let data = directory();
    let server = Server::start(data.path(), &[]);
    let place = directory();
    let file = place.path().join("receipt");
    let name = file.to_str().unwrap();
    let link = text(&run(server.client(&["put", "--receipt", name]), b"hunter2").stdout);
    assert_eq!(told(&server, name).1, 10);
    assert_fails(&client(&server, &["get", name]), 2, "that link is a receipt");
    assert!(client(&server, &["burn", name]).status.success());
    let (words, code) = told(&server, name);
    assert!(code == 13 && words.contains("by its receipt"), "{words}");
    assert_fails(&client(&server, &["get", link.trim()]), 3, "");
}

#[test]
fn get_takes_no_receipt_and_destroys_nothing() {
    let data = directory();
    let server = Server::start(data.path(), &[]);
    let (link, receipt) = sent(&server, &[]);
    for given in [receipt.as_str(), receipt.rsplit_once('/').unwrap().1] {
        assert_fails(&client(&server, &["get", given]), 2, "that link is a receipt");
    }
    assert_eq!(client(&server, &["get", &link]).stdout, b"hunter2");
}
