//! What the process may do, and what its service manager is told.

use std::{
    fs,
    os::unix::{
        fs::{MetadataExt as _, chown},
        net::UnixDatagram,
        process::CommandExt as _,
    },
    time::{Duration, Instant},
};

use super::{Authority, serving};
use crate::common::{OTS, SECRET_KEY, Server, directory, ots};

/// A test's own service manager.
struct Manager {
    socket: UnixDatagram,
    directory: tempfile::TempDir,
}

impl Manager {
    fn new() -> Self {
        let directory = directory();
        let socket = UnixDatagram::bind(directory.path().join("notify")).unwrap();
        socket.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
        Self { socket, directory }
    }

    fn told(&self) -> Option<String> {
        let mut message = [0; 4096];
        let length = self.socket.recv(&mut message).ok()?;
        Some(String::from_utf8(message[..length].to_vec()).unwrap())
    }

    /// The next message with such a line.
    fn hears(&self, line: &str) -> String {
        loop {
            let told = self.told().unwrap_or_else(|| panic!("nothing said {line}"));
            if told.lines().any(|said| said == line) {
                return told;
            }
        }
    }
}

/// From ready to stopping, with a reload between; and the watchdog only for as long as the database answers.
#[test]
fn a_service_manager_is_told() {
    let (data, authority, manager) = (directory(), Authority::new(), Manager::new());
    let mut command = serving(data.path(), &authority.install(&authority.issue_here()));
    command.env("NOTIFY_SOCKET", manager.directory.path().join("notify")).env("WATCHDOG_USEC", "400000");
    let server = Server::spawn(command).unwrap();
    let ready = manager.hears("READY=1");
    assert!(ready.contains(&format!("STATUS=listening on {}", server.url)), "{ready}");
    for _ in 0..3 {
        manager.hears("WATCHDOG=1");
    }
    server.signal("-HUP");
    let reloading = manager.hears("RELOADING=1");
    let since = reloading.lines().find_map(|line| line.strip_prefix("MONOTONIC_USEC=")).unwrap();
    assert!(since.parse::<u64>().unwrap() > 0);
    manager.hears("READY=1");
    // Said before the manager was told, but our thread that reads it may be behind.
    let end = Instant::now() + Duration::from_secs(10);
    while !server.log().contains("it is the one that is served") {
        assert!(Instant::now() < end, "{}", server.log());
        std::thread::sleep(Duration::from_millis(10));
    }
    server.signal("-TERM");
    manager.hears("STOPPING=1");
}

/// Without a manager, or with one that has gone, nothing goes wrong.
#[test]
fn nobody_is_told_where_nobody_asks() {
    let data = directory();
    let mut command = ots();
    command.env("SECRET_KEY", SECRET_KEY).env("WATCHDOG_USEC", "100000");
    command.args(["serve", "--listen", "127.0.0.1:0", "--data-dir"]).arg(data.path());
    let server = Server::spawn(command).unwrap();
    assert!(!server.log().contains("service manager"));
    assert!(server.stop().success());
    let mut command = ots();
    command.env("SECRET_KEY", SECRET_KEY).env("NOTIFY_SOCKET", "/nonexistent/notify");
    command.args(["serve", "--listen", "127.0.0.1:0", "--data-dir"]).arg(data.path());
    let server = Server::spawn(command).unwrap();
    assert!(server.stop().success(), "a manager that isn't there is no reason to stop");
}

/// No core dumps, no look into its memory for others who run as the same user, no new rights.
#[test]
fn the_process_has_as_little_as_it_needs() {
    const NOBODY: u32 = 65_534;
    let data = directory();
    let mut command = ots();
    let root = rustix::process::getuid().is_root();
    if root {
        // What is not dumpable belongs to root: it takes another user to see it.
        let program = data.path().join("ots");
        fs::copy(OTS, &program).unwrap();
        chown(data.path(), Some(NOBODY), Some(NOBODY)).unwrap();
        command = std::process::Command::new(program);
        command.env_clear().uid(NOBODY).gid(NOBODY);
    }
    command.env("SECRET_KEY", SECRET_KEY).env("HOME", "/nonexistent");
    command.args(["serve", "--listen", "127.0.0.1:0", "--data-dir"]).arg(data.path().join("data"));
    let server = Server::spawn(command).unwrap();
    let process = format!("/proc/{}", server.child.id());
    let status = fs::read_to_string(format!("{process}/status")).unwrap();
    assert!(status.contains("NoNewPrivs:\t1"), "{status}");
    let limits = fs::read_to_string(format!("{process}/limits")).unwrap();
    let core = limits.lines().find(|line| line.starts_with("Max core file size")).unwrap();
    assert_eq!(core.split_whitespace().rev().take(3).collect::<Vec<_>>(), ["bytes", "0", "0"], "{core}");
    assert_eq!(fs::metadata(format!("{process}/mem")).unwrap().uid(), 0, "it isn't dumpable");
    assert!(server.stop().success());
}
