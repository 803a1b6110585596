//! Where the server's socket should be: nothing, something stale, something hostile, something else.

use std::{
    io::{BufRead as _, BufReader, Read, Write},
    os::unix::{
        fs::PermissionsExt,
        net::{UnixListener, UnixStream},
    },
    path::Path,
    time::{Duration, Instant},
};

use super::{admin, object};
use crate::common::{Server, assert_fails, directory, text};

/// What whoever listens there answers.
pub fn ask(path: &Path, question: &str) -> String {
    let mut stream = UnixStream::connect(path).unwrap();
    stream.write_all(question.as_bytes()).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    answer
}

/// Its owner's alone, one for each database, and gone with the server; what a crash left is replaced.
#[tokio::test]
async fn the_socket_is_its_owners_and_outlives_no_server() {
    let data = directory();
    let path = data.path().join("ots.db-admin.sock");
    let server = Server::start(data.path(), &[]);
    assert_eq!(path.metadata().unwrap().permissions().mode() & 0o777, 0o600);
    assert!(Server::try_start(data.path(), &[]).is_err(), "a second server");
    assert!(object(&admin(data.path(), &["stats", "--json"])).get("quotas").is_some(), "the first still answers");
    server.kill();
    assert!(path.exists(), "left behind");
    let output = admin(data.path(), &["stats", "--json"]);
    assert!(object(&output).get("quotas").is_none() && output.stderr.is_empty());
    let server = Server::start(data.path(), &[]);
    assert!(object(&admin(data.path(), &["stats", "--json"])).get("quotas").is_some());
    // Whoever connects and says nothing, or nonsense, keeps nobody else from it.
    let _silent = UnixStream::connect(&path).unwrap();
    let mut mad = UnixStream::connect(&path).unwrap();
    mad.write_all(&[b'x'; 100]).unwrap();
    assert!(object(&admin(data.path(), &["stats", "--json"])).get("quotas").is_some());
    assert!(server.stop().success());
    assert!(!path.exists());
}

/// Somebody else listens there: what it says isn't taken for an answer, and doesn't drive the terminal.
#[test]
fn whoever_else_listens_is_not_believed() {
    let data = directory();
    assert!(Server::start(data.path(), &[]).stop().success());
    let path = data.path().join("ots.db-admin.sock");
    for (says, often, told) in [
        ("\x1b[2J not json\n", 1, "what it says is no answer"),
        ("{\"stats\":{}}\n", 1, "what it says is no answer"),
        ("xxxxxxxxxxxxxxxx", 1_000_000, "what it says is no answer"),
        ("{\"swept\":{\"removed\":1,\"clean\":true}}\n", 1, ""),
    ] {
        let listener = UnixListener::bind(&path).unwrap();
        std::thread::spawn(move || {
            let Ok((mut stream, _)) = listener.accept() else { return };
            let _ = BufReader::new(&stream).read_line(&mut String::new()); // what is asked
            for _ in 0..often {
                if stream.write_all(says.as_bytes()).is_err() {
                    return;
                }
            }
        });
        let start = Instant::now();
        let output = admin(data.path(), &["stats"]);
        assert!(output.status.success() && start.elapsed() < Duration::from_secs(15), "{output:?}");
        let said = text(&output.stderr);
        assert!(said.contains(told) && !said.contains('\x1b'), "{said}");
        assert!(text(&output.stdout).starts_with("secrets"), "{output:?}");
        std::fs::remove_file(&path).unwrap();
    }
    let listener = UnixListener::bind(&path).unwrap();
    std::thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        let _ = BufReader::new(&stream).read_line(&mut String::new());
        stream.write_all(b"{\"failed\":\"\\u001b[2Jno\\n\"}").unwrap();
    });
    assert_fails(&admin(data.path(), &["stats"]), 1, "the server said no: \\x1b[2Jno\\x0a");
}

/// No socket has a path of more than 107 bytes: the server runs without it, and says so.
#[tokio::test]
async fn a_path_that_is_too_long_costs_the_socket_only() {
    let data = directory();
    let deep = data.path().join("d".repeat(60)).join("e".repeat(60));
    let server = Server::start(&deep, &[]);
    assert!(server.log().contains("no socket for ots admin at"), "{}", server.log());
    server.create("hunter2").await;
    let output = admin(&deep, &["stats", "--json"]);
    assert_eq!(object(&output)["secrets"], 1);
    assert_fails(&admin(&deep, &["sweep"]), 1, "a server runs on this database and can't be asked");
    assert!(server.stop().success());
    assert_eq!(text(&admin(&deep, &["sweep"]).stdout), "nothing had expired\n");
}

#[test]
fn what_else_lies_there_is_left_alone() {
    let data = directory();
    let path = data.path().join("ots.db-admin.sock");
    std::fs::create_dir_all(data.path()).unwrap();
    std::fs::write(&path, "mine").unwrap();
    let server = Server::start(data.path(), &[]);
    assert!(server.log().contains("something else lies there, and is left alone"), "{}", server.log());
    assert!(object(&admin(data.path(), &["stats", "--json"])).get("quotas").is_none());
    assert!(server.stop().success());
    assert_eq!(std::fs::read_to_string(&path).unwrap(), "mine");
}
