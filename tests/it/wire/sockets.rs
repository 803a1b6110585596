//! Sockets of unix, several at once, and those that a service manager opens.

use std::{
    fs,
    os::unix::{
        fs::{FileTypeExt as _, PermissionsExt as _},
        net::UnixListener,
    },
    path::Path,
    process::Command,
    time::Duration,
};

use reqwest::Client;
use serde_json::Value;

use crate::common::{OTS, SECRET_KEY, Server, assert_fails, directory, http, ots, run, text, until};

fn serving(data: &Path, listen: &str) -> Command {
    let mut command = ots();
    command
        .env("SECRET_KEY", SECRET_KEY)
        .env("OTS_LISTEN", listen)
        .args(["serve", "--data-dir"])
        .arg(data.join("data"));
    command
}

fn over(socket: &Path) -> Client {
    let _ = rustls::crypto::ring::default_provider().install_default();
    Client::builder().no_proxy().tls_certs_only([]).unix_socket(socket).build().unwrap()
}

/// One server, three sockets, one store; the file of one has the rights that were asked for, and is gone at the end.
#[tokio::test]
async fn a_server_listens_in_several_places() {
    let data = directory();
    let socket = data.path().join("ots.sock");
    let mut command = serving(data.path(), &format!("127.0.0.1:0,unix:{},127.0.0.2:0", socket.display()));
    command.args(["--socket-mode", "0666"]);
    let server = Server::spawn(command).unwrap();
    let metadata = fs::metadata(&socket).unwrap();
    assert!(metadata.file_type().is_socket());
    assert_eq!(metadata.permissions().mode() & 0o777, 0o666);
    let token = server.create("over TCP").await;
    let client = over(&socket);
    let read: Value =
        client.get(format!("http://localhost/api/v1/secrets/{token}")).send().await.unwrap().json().await.unwrap();
    assert_eq!(read["content"], "over TCP");
    let other = || {
        let log = server.log();
        log.lines()
            .find_map(|line| line.split("listening on ").nth(1).filter(|url| url.contains("127.0.0.2")))
            .map(str::to_owned)
    };
    // It is said after the first, which is all that the start waits for.
    until("the second is told of", Duration::from_secs(10), || async { other().is_some() }).await;
    let url = other().unwrap();
    assert!(http().get(format!("{}/health", url.trim())).send().await.unwrap().status().is_success());
    assert!(server.stop().success());
    assert!(!socket.exists());
}

/// What lies at the path is replaced if a dead server left it, and else stays.
#[test]
fn only_a_dead_servers_socket_is_replaced() {
    let data = directory();
    let socket = data.path().join("ots.sock");
    let place = format!("unix:{}", socket.display());
    drop(UnixListener::bind(&socket).unwrap()); // the file stays
    let server = Server::spawn(serving(data.path(), &place)).unwrap();
    assert_eq!(fs::metadata(&socket).unwrap().permissions().mode() & 0o777, 0o660);
    let other = directory();
    assert_fails(&run(serving(other.path(), &place), b""), 1, "a server listens there");
    let healthy = |listen: &str| {
        let mut command = ots();
        command.arg("health").env("OTS_LISTEN", listen);
        run(command, b"")
    };
    let output = healthy(&place);
    assert!(output.status.success(), "{}", text(&output.stderr));
    server.kill();
    assert!(socket.exists(), "nobody could take it away");
    assert_fails(&healthy(&place), 1, "unhealthy");
    let server = Server::spawn(serving(data.path(), &place)).unwrap();
    assert!(server.stop().success());
    fs::write(&socket, "a file").unwrap();
    assert_fails(&run(serving(other.path(), &place), b""), 1, "stays as it is");
    assert_eq!(fs::read_to_string(&socket).unwrap(), "a file");
}

/// Started as systemd starts a service with a .socket unit.
#[tokio::test]
async fn a_service_managers_sockets_are_taken() {
    if Command::new("systemd-socket-activate").arg("--version").output().is_err() {
        assert!(std::env::var_os("CI").is_none(), "systemd-socket-activate is missing");
        return;
    }
    let data = directory();
    let socket = data.path().join("ots.sock");
    let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    for listen in ["fd:", "fd:web"] {
        let mut command = Command::new("systemd-socket-activate");
        command.args(["-l", &port.to_string(), "-l"]).arg(&socket).arg("--fdname=web:web");
        command
            .args(["-E", "SECRET_KEY", "-E", "OTS_LISTEN", OTS, "serve", "--data-dir"])
            .arg(data.path().join("data"));
        command.env("SECRET_KEY", SECRET_KEY).env("OTS_LISTEN", listen);
        // It starts the server for the first who comes.
        let first = std::thread::spawn(move || {
            loop {
                match std::net::TcpStream::connect(port) {
                    Ok(stream) => return stream,
                    Err(_) => std::thread::sleep(Duration::from_millis(20)),
                }
            }
        });
        let server = Server::spawn(command).unwrap();
        drop(first.join().unwrap());
        assert!(http().get(format!("http://{port}/health")).send().await.unwrap().status().is_success());
        assert!(over(&socket).get("http://localhost/health").send().await.unwrap().status().is_success());
        assert!(server.stop().success());
        let _ = fs::remove_file(&socket);
    }
    let mut command = serving(data.path(), "fd:");
    command.env_remove("LISTEN_FDS");
    assert_fails(&run(command, b""), 1, "LISTEN_FDS");
}
