//! What a server says at its start of a file of keys that it can't take, or that others can read.

use crate::common::{self, Server, assert_fails, directory, ots, run};

fn start(arguments: &[&str]) -> std::process::Output {
    let data = directory();
    let mut command = ots();
    command.env("SECRET_KEY", common::SECRET_KEY).args(["serve", "--listen", "127.0.0.1:0", "--data-dir"]);
    command.arg(data.path()).args(arguments);
    run(command, b"")
}

#[test]
fn a_file_that_can_not_be_taken_is_told_with_its_line() {
    let place = directory();
    let file = place.path().join("keys");
    let path = file.to_str().unwrap();
    let hash = "5".repeat(64);
    for (text, says) in [
        (format!("ci {hash}\nci {}\n", "6".repeat(64)), "line 2: its name stands on line 1 already"),
        (format!("# who\n\nci {hash} ttl-max=never\n"), "line 3: ttl-max="),
        (format!("ci {hash} hunter2=1\n"), "line 1: there is an option that isn't known"),
        ("ci hunter2\n".to_owned(), "line 1: a key's hash is 64 hexadecimal digits"),
        (format!("ci ots_{}\n", "a".repeat(52)), "line 1: a key is in it"),
    ] {
        std::fs::write(&file, &text).unwrap();
        let output = start(&["--create-keys", path]);
        assert_fails(&output, 2, says);
        let said = common::text(&output.stderr);
        assert!(said.contains(path), "{said}");
        assert!(!said.contains("hunter2") && !said.contains("55555") && !said.contains("aaaaa"), "{said}");
    }
    assert_fails(&start(&["--create-keys", "/nonexistent/keys"]), 8, "can't read /nonexistent/keys");
    assert_fails(&start(&["--create-keys", place.path().to_str().unwrap()]), 8, "it isn't a regular file");
    std::fs::write(&file, "").unwrap();
    for arguments in [
        &["--create-keys", path, "--no-create"][..],
        &["--user-header", "Remote-User", "--trusted-proxy", "127.0.0.1", "--no-create"],
    ] {
        assert_fails(&start(arguments), 2, "--no-create takes no secrets from anybody");
    }
    assert_fails(&start(&["--user-header", "Remote-User"]), 2, "name that proxy with --trusted-proxy");
    assert_fails(
        &start(&["--user-header", "Cookie", "--trusted-proxy", "127.0.0.1"]),
        2,
        "write the name of the header",
    );
}

#[cfg(unix)]
#[test]
fn a_file_that_others_can_use_is_warned_of() {
    use std::os::unix::fs::PermissionsExt as _;

    let place = directory();
    let file = place.path().join("keys");
    std::fs::write(&file, format!("ci {}\n", "5".repeat(64))).unwrap();
    for (mode, says) in [
        (0o600, None),
        (0o640, None),
        (0o644, Some("everybody on this host can read")),
        (0o660, Some("others than its owner can write")),
    ] {
        std::fs::set_permissions(&file, std::fs::Permissions::from_mode(mode)).unwrap();
        let data = directory();
        let server = Server::start(data.path(), &["--create-keys", file.to_str().unwrap()]);
        let log = server.log();
        assert_eq!(log.contains("WARN"), says.is_some(), "{mode:o}: {log}");
        assert!(says.is_none_or(|says| log.contains(says)) && !log.contains("55555"), "{mode:o}: {log}");
    }
}
