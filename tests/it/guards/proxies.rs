//! Whose word on the client counts: in the log, in links, and in the shares of what the server has.

use std::time::Duration;

use reqwest::{Method, RequestBuilder};
use serde_json::{Value, json};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

use crate::common::{Server, assert_refuses, directory, ots, run, until};

fn create(server: &Server) -> RequestBuilder {
    server.request(Method::POST, "/api/v1/secrets").json(&json!({"content": "c"}))
}

/// Headers that anybody can write change nothing, unless a trusted proxy sent them.
#[tokio::test]
async fn only_a_trusted_proxy_is_believed() {
    let said = |server: &Server| create(server).header("x-forwarded-for", "192.0.2.1, ::ffff:127.0.0.1");
    let data = directory();
    let server = Server::start(data.path(), &[]);
    for _ in 0..3 {
        let asked = said(&server).header("x-forwarded-proto", "https").header("forwarded", "host=forged.example");
        let created: Value = asked.send().await.unwrap().json().await.unwrap();
        assert!(created["url"].as_str().unwrap().starts_with(&server.url), "{created}");
    }
    until("it is logged", Duration::from_secs(5), || async { server.log().matches("client=127.0.0.1").count() == 3 })
        .await;
    assert!(!server.log().contains("192.0.2.1"));
    assert_eq!(server.log().matches("start with --trusted-proxy 127.0.0.1").count(), 1, "{}", server.log());
    drop(server);

    let data = directory();
    let server = Server::start(data.path(), &["--trusted-proxy", "10.0.0.0/8,127.0.0.1"]);
    let asked = said(&server).header("x-forwarded-proto", "https").header("x-forwarded-host", "ots.example.org");
    let created: Value = asked.send().await.unwrap().json().await.unwrap();
    assert!(created["url"].as_str().unwrap().starts_with("https://ots.example.org/s/"), "{created}");
    let asked = said(&server).header("x-forwarded-host", "no host/at all").header("x-forwarded-proto", "gopher");
    let created: Value = asked.send().await.unwrap().json().await.unwrap();
    assert!(created["url"].as_str().unwrap().starts_with(&server.url), "{created}");
    let log = || server.log();
    until("it is logged", Duration::from_secs(5), || async {
        log().matches("client=192.0.2.1 through_proxy=true").count() == 2
    })
    .await;
    assert!(!log().contains("name different clients"));
    // A client that sends the header that its proxy doesn't write.
    let asked = said(&server).header("forwarded", "for=203.0.113.9");
    assert_eq!(asked.send().await.unwrap().status(), 201);
    until("it is logged", Duration::from_secs(5), || async { log().contains("client=127.0.0.1 through_proxy=true") })
        .await;
    assert_eq!(log().matches("name different clients").count(), 1);
}

/// A request that holds what it holds until its body has come.
async fn begin(server: &Server, client: &str) -> TcpStream {
    let mut stream = TcpStream::connect(server.address()).await.unwrap();
    let head = format!(
        "POST /api/v1/secrets HTTP/1.1\r\nhost: localhost\r\nx-forwarded-for: {client}\r\ncontent-type: application/octet-stream\r\n\
         content-length: 1\r\n\r\n"
    );
    stream.write_all(head.as_bytes()).await.unwrap();
    stream
}

async fn status(stream: &mut TcpStream) -> String {
    let mut answer = [0; 12];
    stream.read_exact(&mut answer).await.unwrap();
    String::from_utf8_lossy(&answer[9..]).into_owned()
}

/// A proxy isn't held to one address's quarter, but each of its clients is.
#[tokio::test]
async fn behind_a_proxy_each_client_has_its_share() {
    let data = directory();
    let server = Server::start(data.path(), &["--trusted-proxy", "127.0.0.1", "--max-connections", "64"]);
    let mut one = Vec::new();
    for _ in 0..17 {
        one.push(begin(&server, "203.0.113.9, 192.0.2.1").await);
    }
    // The last to be looked at is refused, whichever that is.
    let refused = async {
        let (first, _, _) =
            futures_util::future::select_all(one.iter_mut().map(|stream| Box::pin(status(stream)))).await;
        first
    };
    assert_eq!(tokio::time::timeout(Duration::from_secs(10), refused).await.unwrap(), "503");
    let mut others = Vec::new();
    for number in 0..20 {
        others.push(begin(&server, &format!("192.0.2.{}", 2 + number % 2)).await);
    }
    for other in &mut others {
        other.write_all(b"x").await.unwrap();
        assert_eq!(status(other).await, "201");
    }
    // All of its requests have been answered or have gone: it has its share again.
    drop((one, others));
    until("its places are free", Duration::from_secs(10), || async {
        create(&server).header("x-forwarded-for", "192.0.2.1").send().await.unwrap().status() == 201
    })
    .await;
}

#[test]
fn everybody_is_no_proxy() {
    for (named, says) in [("0.0.0.0/0", "each client says itself"), ("proxy.example", "as 10.0.0.0/8")] {
        let mut command = ots();
        command.args(["serve", "--trusted-proxy", named]);
        assert_refuses(&run(command, b""), 2, says);
    }
}
