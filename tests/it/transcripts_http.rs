//! What HTTP answers when something is wrong, as it stands on the wire: every problem that a client can provoke, a snapshot a
//! code. Of the headers those are shown that differ from answer to answer. To renew them: `transcripts.rs`.

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

use crate::common::{Server, directory};

/// A body as a form sends it.
const FORM: &str = "content-type: application/x-www-form-urlencoded";
const JSON: &str = "content-type: application/json";
const OCTETS: &str = "content-type: application/octet-stream";

/// Requests and their answers, in turn.
struct Exchange<'a> {
    server: &'a Server,
    tokens: Vec<String>,
    text: String,
}

impl<'a> Exchange<'a> {
    fn new(server: &'a Server) -> Self {
        Self { server, tokens: Vec::new(), text: String::new() }
    }

    /// Stores a secret for what comes; its token is shown as `TOKEN`.
    async fn secret(&mut self, body: serde_json::Value) -> String {
        let token = self.server.create_with(body).await;
        self.tokens.push(token.clone());
        token
    }

    /// Sends a request and notes it with its answer. A long body is shown by its length.
    async fn asks(&mut self, first_line: &str, headers: &[&str], body: &str) {
        let headers = headers.iter().fold(String::new(), |all, header| all + header + "\n");
        let shown = if body.len() > 100 { format!("({} bytes)", body.len()) } else { body.to_owned() };
        let shown = if shown.is_empty() { shown } else { format!("\n{shown}\n") };
        self.text.push_str(&format!("{first_line}\n{headers}{shown}\n"));
        let length = if body.is_empty() { String::new() } else { format!("content-length: {}\r\n", body.len()) };
        let head = format!("{first_line} HTTP/1.1\r\nhost: ots.test\r\nconnection: close\r\n{length}{headers}");
        self.sends(&(head.replace('\n', "\r\n").replace("\r\r", "\r") + "\r\n" + body)).await;
    }

    /// Sends bytes as they are and notes the answer.
    async fn sends(&mut self, request: &str) {
        let mut stream = TcpStream::connect(self.server.address()).await.unwrap();
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await.unwrap();
        let (head, body) = answer.split_once("\r\n\r\n").unwrap();
        let mut lines = head.lines();
        self.text.push_str(&format!("{}\n", lines.next().unwrap()));
        let differ = ["content-type", "allow", "retry-after", "location", "cache-control", "ratelimit"];
        let mut headers: Vec<_> = lines.filter(|line| differ.iter().any(|name| line.starts_with(name))).collect();
        headers.sort_unstable();
        self.text.push_str(&format!("{}\n\n{body}\n\n\n", headers.join("\n")));
    }

    fn transcript(&self) -> String {
        let hidden = |text: String, token: &String| text.replace(token.as_str(), "TOKEN");
        self.tokens.iter().fold(self.text.clone(), hidden).trim_end().to_owned()
    }
}

#[tokio::test]
async fn bad_request() {
    let data = directory();
    let server = Server::start(data.path(), &[]);
    let mut exchange = Exchange::new(&server);
    exchange.asks("POST /api/v1/secrets", &[JSON], "{\"content\":").await;
    let token = exchange.secret(serde_json::json!({"content": "x"})).await;
    exchange.asks(&format!("POST /api/v1/secrets/{token}/reveal"), &[JSON], "nonsense").await;
    insta::assert_snapshot!(exchange.transcript());
}

#[tokio::test]
async fn browser_request() {
    let data = directory();
    let server = Server::start(data.path(), &[]);
    let mut exchange = Exchange::new(&server);
    let token = exchange.secret(serde_json::json!({"content": "x"})).await;
    exchange.asks(&format!("GET /api/v1/secrets/{token}"), &["sec-fetch-dest: document"], "").await;
    insta::assert_snapshot!(exchange.transcript());
}

#[tokio::test]
async fn foreign_origin() {
    let data = directory();
    let server = Server::start(data.path(), &[]);
    let mut exchange = Exchange::new(&server);
    let token = exchange.secret(serde_json::json!({"content": "x"})).await;
    let foreign = ["origin: https://evil.example", "sec-fetch-site: cross-site"];
    exchange.asks(&format!("POST /api/v1/secrets/{token}/reveal"), &foreign, "").await;
    assert_eq!(server.get(&token).await.status(), 200);
    insta::assert_snapshot!(exchange.transcript());
}

#[tokio::test]
async fn misdirected() {
    let data = directory();
    let server = Server::start(data.path(), &["--public-url", "https://ots.example.org"]);
    let mut exchange = Exchange::new(&server);
    let head = "GET /api/v1/info HTTP/1.1\r\nhost: elsewhere.example\r\nconnection: close\r\n\r\n";
    exchange.text.push_str(&head.replace('\r', ""));
    exchange.sends(head).await;
    insta::assert_snapshot!(exchange.transcript());
}

#[tokio::test]
async fn rate_limited() {
    let data = directory();
    let limits = ["--trusted-proxy", "127.0.0.1", "--rate-limit", "creates=1/m,misses=1/m"];
    let server = Server::start(data.path(), &limits);
    let mut exchange = Exchange::new(&server);
    let token = exchange.secret(serde_json::json!({"content": "x"})).await;
    let of = "x-forwarded-for: 192.0.2.1";
    let create = server.request(reqwest::Method::POST, "/api/v1/secrets").header("x-forwarded-for", "192.0.2.1");
    assert_eq!(create.json(&serde_json::json!({"content": "y"})).send().await.unwrap().status(), 201);
    exchange.asks("POST /api/v1/secrets", &[JSON, of], "{\"content\":\"z\"}").await;
    let missed = server.request(reqwest::Method::GET, "/api/v1/secrets/unknown").header("x-forwarded-for", "192.0.2.1");
    assert_eq!(missed.send().await.unwrap().status(), 404);
    exchange.asks(&format!("GET /api/v1/secrets/{token}"), &[of], "").await;
    assert_eq!(server.get(&token).await.status(), 200);
    // Where the machine is busy a second has passed.
    let said = (50..60).fold(exchange.transcript(), |said, seconds| said.replace(&seconds.to_string(), "60"));
    insta::assert_snapshot!(said);
}

#[tokio::test]
async fn passphrases() {
    let data = directory();
    let server = Server::start(data.path(), &[]);
    let mut exchange = Exchange::new(&server);
    let token = exchange.secret(serde_json::json!({"content": "x", "passphrase": "sesame"})).await;
    exchange.asks(&format!("GET /api/v1/secrets/{token}"), &[], "").await;
    let reveal = format!("POST /api/v1/secrets/{token}/reveal");
    exchange.asks(&reveal, &[JSON], "{\"passphrase\":\"wrong\"}").await;
    for _ in 2..10 {
        assert_eq!(server.reveal(&token, None, Some("wrong")).await.status(), 403);
    }
    exchange.text.push_str("(eight more)\n\n\n");
    exchange.asks(&reveal, &[JSON], "{\"passphrase\":\"wrong\"}").await;
    exchange.asks(&reveal, &[JSON], "{\"passphrase\":\"sesame\"}").await;
    insta::assert_snapshot!(exchange.transcript());
}

#[tokio::test]
async fn gone() {
    let data = directory();
    let server = Server::start(data.path(), &[]);
    let mut exchange = Exchange::new(&server);
    let token = exchange.secret(serde_json::json!({"content": "x"})).await;
    assert_eq!(server.get(&token).await.status(), 200);
    let secret = format!("/api/v1/secrets/{token}");
    for request in ["GET ", "HEAD ", "DELETE "].map(|method| format!("{method}{secret}")) {
        exchange.asks(&request, &[], "").await;
    }
    exchange.asks(&format!("GET {secret}/status"), &[], "").await;
    exchange.asks(&format!("POST {secret}/reveal"), &[], "").await;
    exchange.asks("GET /api/v1/secrets/what-can't-be-a-token", &[], "").await;
    insta::assert_snapshot!(exchange.transcript());
}

#[tokio::test]
async fn not_found() {
    let data = directory();
    let server = Server::start(data.path(), &["--no-create-page"]);
    let mut exchange = Exchange::new(&server);
    exchange.asks("GET /nowhere", &[], "").await;
    exchange.asks("GET /", &[], "").await;
    insta::assert_snapshot!(exchange.transcript());
}

#[tokio::test]
async fn method_not_allowed() {
    let data = directory();
    let server = Server::start(data.path(), &[]);
    let mut exchange = Exchange::new(&server);
    exchange.asks("GET /api/v1/secrets", &[], "").await;
    exchange.asks("PUT /api/v1/secrets/aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", &[], "").await;
    exchange.asks("OPTIONS /api/v1/secrets", &[], "").await;
    insta::assert_snapshot!(exchange.transcript());
}

#[tokio::test]
async fn timeout() {
    let data = directory();
    let server = Server::start(data.path(), &["--client-timeout", "1s"]);
    let mut exchange = Exchange::new(&server);
    let head = format!("POST /api/v1/secrets HTTP/1.1\r\nhost: x\r\n{JSON}\r\ncontent-length: 100\r\n\r\n{{");
    exchange.text.push_str(&format!("{}\n(and no more)\n\n", head.replace('\r', "")));
    exchange.sends(&head).await;
    insta::assert_snapshot!(exchange.transcript());
}

#[tokio::test]
async fn too_large() {
    let data = directory();
    let server = Server::start(data.path(), &["--max-size", "1KiB"]);
    let mut exchange = Exchange::new(&server);
    exchange.asks("POST /api/v1/secrets", &[OCTETS], &"x".repeat(1025)).await;
    exchange.asks("POST /api/v1/secrets", &[JSON], &format!("{{\"content\":\"{}\"}}", "x".repeat(1025))).await;
    exchange.asks("POST /api/v1/secrets", &[JSON], &"x".repeat(100_000)).await;
    insta::assert_snapshot!(exchange.transcript());
}

#[tokio::test]
async fn unsupported_media_type() {
    let data = directory();
    let server = Server::start(data.path(), &[]);
    let mut exchange = Exchange::new(&server);
    exchange.asks("POST /api/v1/secrets", &[FORM], "content=x").await;
    exchange.asks("POST /api/v1/secrets", &[JSON, "content-encoding: gzip"], "x").await;
    let token = exchange.secret(serde_json::json!({"content": "x"})).await;
    exchange.asks(&format!("POST /api/v1/secrets/{token}/reveal"), &[FORM], "passphrase=x").await;
    exchange.asks("POST /", &[JSON], "{\"content\":\"x\"}").await;
    insta::assert_snapshot!(exchange.transcript());
}

/// What can't be taken, in JSON: one thing, several things, a misspelt name.
#[tokio::test]
async fn validation() {
    let data = directory();
    let server = Server::start(data.path(), &[]);
    let mut exchange = Exchange::new(&server);
    for body in [
        "[]",
        "{}",
        "{\"content\":\"\"}",
        "{\"content\":\"not base64\",\"encoding\":\"base64\"}",
        "{\"content\":\"x\",\"encoding\":\"rot13\"}",
        "{\"content\":\"x\",\"ttl_hour\":1}",
        "{\"content\":\"x\",\"ttl_hours\":721}",
        "{\"content\":\"x\",\"ttl_hours\":1,\"ttl_seconds\":60}",
        "{\"content\":\"x\",\"ttl_seconds\":1.5}",
        "{\"content\":\"x\",\"passphrase\":\"\"}",
        "{\"content\":\"x\",\"passphrase_required\":true}",
        "{\"content\":1,\"ttl_hours\":\"1\",\"encrypted\":\"no\"}",
    ] {
        exchange.asks("POST /api/v1/secrets", &[JSON], body).await;
    }
    insta::assert_snapshot!(exchange.transcript());
}

/// The same in queries and headers.
#[tokio::test]
async fn validation_of_parameters() {
    let data = directory();
    let server = Server::start(data.path(), &[]);
    let mut exchange = Exchange::new(&server);
    exchange.asks("POST /api/v1/secrets", &[OCTETS], "").await;
    for query in ["ttl_seconds=0", "ttl_seconds=soon", "ttl_second=60", "encrypted=maybe", "passphrase_required=true"] {
        exchange.asks(&format!("POST /api/v1/secrets?{query}"), &[OCTETS], "x").await;
    }
    exchange.asks("POST /api/v1/secrets", &[OCTETS, "ots-passphrase: not base64url!"], "x").await;
    let token = exchange.secret(serde_json::json!({"content": "x"})).await;
    exchange.asks(&format!("POST /api/v1/secrets/{token}/reveal"), &["idempotency-key: short"], "").await;
    insta::assert_snapshot!(exchange.transcript());
}

#[tokio::test]
async fn busy() {
    let data = directory();
    let server = Server::start(data.path(), &["--max-connections", "1"]);
    let mut exchange = Exchange::new(&server);
    let mut held = TcpStream::connect(server.address()).await.unwrap();
    let head = "POST /api/v1/secrets HTTP/1.1\r\nhost: x\r\nexpect: 100-continue\r\n\
                content-type: application/json\r\ncontent-length: 1\r\n\r\n";
    held.write_all(head.as_bytes()).await.unwrap();
    // It is asked for its body: the request is under way.
    held.read_exact(&mut [0; 1]).await.unwrap();
    exchange.asks("GET /health", &[], "").await;
    insta::assert_snapshot!(exchange.transcript());
}
