//! SIGHUP asks a server to read its files again: it never ends it, and no connection notices. Only when it comes because the terminal is
//! gone does the server stop.

use std::{
    io::{Read as _, Write as _},
    net::TcpStream,
    time::Duration,
};

use super::signals::wait_until;
use crate::common::{self, OTS, SECRET_KEY, Server, directory};

#[test]
fn a_server_with_nothing_to_reload_says_so_and_serves_on() {
    let data = directory();
    let server = Server::start(data.path(), &[]);
    let mut stream = TcpStream::connect(server.address()).unwrap();
    let mut ask = || {
        stream.write_all(b"GET /api/v1/info HTTP/1.1\r\nHost: localhost\r\n\r\n").unwrap();
        let answer = common::json_answer(&mut stream);
        assert!(answer.starts_with(b"HTTP/1.1 200 "));
    };
    ask();
    for times in 1..=2 {
        server.signal("-HUP");
        wait_until("it says so", || server.log().matches("nothing to reload").count() == times);
        ask();
    }
    assert!(server.stop().success());
}

#[test]
fn a_server_whose_terminal_is_gone_stops() {
    let data = directory();
    let (pty, pts) = pty_process::blocking::open().unwrap();
    let command = pty_process::blocking::Command::new(OTS).args(["serve", "--listen", "127.0.0.1:0", "--data-dir"]);
    let mut child = command.arg(data.path()).env("SECRET_KEY", SECRET_KEY).spawn(pts).unwrap();
    let mut seen = Vec::new();
    let mut wait_for = |what: &str| {
        while !common::contains(&seen, what.as_bytes()) {
            let mut part = [0; 4096];
            match (&pty).read(&mut part) {
                Ok(length @ 1..) => seen.extend_from_slice(&part[..length]),
                ended => panic!("{ended:?} and no {what:?} in: {}", String::from_utf8_lossy(&seen)),
            }
        }
    };
    wait_for("keeping secrets in");
    super::pty::send(child.id(), "-HUP");
    wait_for("nothing to reload");
    drop(pty);
    assert!(common::wait_for_exit(&mut child, Duration::from_secs(10)).success());
}
