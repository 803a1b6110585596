//! `/livez` and `/readyz`. (That a store which fails isn't ready, `disk::ended` shows.)

use std::time::Duration;

use reqwest::Method;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

use crate::common::{Server, directory, until, wait_for_exit};

#[tokio::test]
async fn a_server_that_runs_is_live_and_ready() {
    let data = directory();
    let server = Server::start(data.path(), &[]);
    for (path, says) in [("/livez", "ok\n"), ("/readyz", "ready\n")] {
        let answer = server.request(Method::GET, path).send().await.unwrap();
        assert_eq!(answer.status(), 200);
        assert_eq!(answer.headers()["cache-control"], "no-store");
        assert_eq!(answer.text().await.unwrap(), says);
        let head = server.request(Method::HEAD, path).send().await.unwrap();
        assert_eq!((head.status().as_u16(), head.text().await.unwrap().as_str()), (200, ""));
    }
}

/// Whoever still asks on an old connection is told to ask another server; the process runs until its end.
#[tokio::test]
async fn a_server_that_stops_is_not_ready() {
    for (path, status) in [("/readyz", "503"), ("/livez", "200")] {
        let data = directory();
        let mut server = Server::start(data.path(), &[]);
        let mut stream = TcpStream::connect(server.address()).await.unwrap();
        stream.write_all(format!("GET {path} HTTP/1.1\r\nhost: {}\r\n", server.address()).as_bytes()).await.unwrap();
        // Behind it in the queue of the connections that wait: once it is answered, the other one was taken too.
        assert!(server.healthy().await);
        server.signal("-TERM");
        until("it stops", Duration::from_secs(5), || async { server.log().contains("stopping: ") }).await;
        stream.write_all(b"\r\n").await.unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await.unwrap();
        assert!(answer.starts_with(&format!("HTTP/1.1 {status}")), "{path}: {answer}");
        assert_eq!(answer.contains("retry-after: 5") && answer.contains("The server is stopping"), status == "503");
        assert!(wait_for_exit(&mut server.child, Duration::from_secs(10)).success());
    }
}
