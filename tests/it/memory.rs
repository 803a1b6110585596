//! Promise 5 in the server's memory: a content is there while it is in flight, and no longer. The memory is gdb's `gcore`; that needs root
//! or ptrace, and CI has it.

use std::time::Duration;

use reqwest::{Client, Method, RequestBuilder};
use serde_json::{Value, json};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpSocket,
};

use crate::common::{CLAIM, SECRET_KEY, Server, contains, directory, heavy, http, until};

const PASSPHRASE: &str = "canary-passphrase-0b6e2f91";
const OCTETS: &str = "application/octet-stream";
const FORM: &str = "application/x-www-form-urlencoded";

/// What is in the server's memory now. None where nobody may look.
pub fn core_of(server: &Server) -> Option<Vec<u8>> {
    let directory = directory();
    let id = server.child.id().to_string();
    let path = directory.path().join("core");
    let gcore = std::process::Command::new("gcore").arg("-o").arg(&path).arg(&id).output();
    let core = std::fs::read(directory.path().join(format!("core.{id}"))).ok();
    if let Some(core) = &core {
        // It holds what a server does have: so it would show the rest.
        assert!(contains(core, SECRET_KEY.as_bytes()));
    } else {
        assert!(std::env::var_os("CI").is_none(), "CI has to have gcore: {gcore:?}");
        eprintln!("the server's memory isn't looked at: that needs gdb's gcore, and root; CI has both");
    }
    core
}

const CREATES: [Create; 3] = [Create::Json, Create::Octets, Create::Form];
/// Contents on both sides of what lies in one buffer, with passphrases and without.
const LENGTHS: [(usize, Option<&str>); 4] =
    [(200, None), (200, Some(PASSPHRASE)), (5000, None), (300_000, Some(PASSPHRASE))];

/// A way to create a secret.
#[derive(Debug, Clone, Copy)]
enum Create {
    Json,
    Octets,
    Form,
}

/// A way to read one.
#[derive(Debug, Clone, Copy)]
enum Read {
    Json,
    Octets,
    Claim,
    Form,
}

/// A content that can be told from every other by each of its pieces, which none of the formats writes otherwise.
fn content(mark: &str, length: usize) -> String {
    let mut content = String::new();
    for number in 0.. {
        if content.len() >= length {
            break;
        }
        content.push_str(&format!("{mark}-{number:05}."));
    }
    content
}

impl Create {
    /// Stores `content`; its token.
    async fn run(self, client: &Client, server: &Server, content: &str, passphrase: Option<&str>) -> String {
        let request = |path: &str| client.post(format!("{}{path}", server.url));
        let request = match self {
            Self::Json => {
                let mut body = json!({ "content": content });
                body.as_object_mut().unwrap().extend(passphrase.map(|words| ("passphrase".to_owned(), json!(words))));
                request("/api/v1/secrets").json(&body)
            }
            Self::Octets => {
                let request = request("/api/v1/secrets").header("content-type", OCTETS).body(content.to_owned());
                let encode = |words: &str| data_encoding::BASE64URL_NOPAD.encode(words.as_bytes());
                passphrase.into_iter().fold(request, |request, words| request.header("ots-passphrase", encode(words)))
            }
            Self::Form => {
                let passphrase = passphrase.unwrap_or_default();
                let body = format!("content={content}&ttl=3600&passphrase={passphrase}");
                request("/").header("content-type", FORM).body(body)
            }
        };
        let response = request.send().await.unwrap();
        assert_eq!(response.status(), 201, "{self:?}");
        let body = response.text().await.unwrap();
        match self {
            Self::Form => body.split("/s/").nth(1).unwrap()[..32].to_owned(),
            _ => serde_json::from_str::<Value>(&body).unwrap()["token"].as_str().unwrap().to_owned(),
        }
    }
}

impl Read {
    fn request(self, client: &Client, server: &Server, token: &str, passphrase: Option<&str>) -> RequestBuilder {
        let url = format!("{}/api/v1/secrets/{token}", server.url);
        let reveal = client.post(format!("{url}/reveal"));
        let body = || json!({ "passphrase": passphrase.unwrap() });
        match (self, passphrase) {
            (Self::Json, None) => client.get(url),
            (Self::Json, Some(_)) => reveal.json(&body()),
            (Self::Octets, None) => client.get(url).header("accept", OCTETS),
            (Self::Octets, Some(_)) => reveal.header("accept", OCTETS).json(&body()),
            (Self::Claim, None) => reveal.header("idempotency-key", CLAIM),
            (Self::Claim, Some(_)) => reveal.header("idempotency-key", CLAIM).json(&body()),
            (Self::Form, _) => {
                let body = format!("claim={CLAIM}&passphrase={}", passphrase.unwrap_or_default());
                client.post(format!("{}/s/{token}", server.url)).header("content-type", FORM).body(body)
            }
        }
    }

    /// Reads, and acknowledges where that is the way.
    async fn run(self, client: &Client, server: &Server, token: &str, content: &str, passphrase: Option<&str>) {
        let response = self.request(client, server, token, passphrase).send().await.unwrap();
        assert_eq!(response.status(), 200, "{self:?}");
        assert!(response.text().await.unwrap().contains(content), "{self:?}");
        if matches!(self, Self::Claim | Self::Form) {
            let url = format!("{}/api/v1/secrets/{token}", server.url);
            // By another connection: the reader's last request is the read.
            let request = http().request(Method::DELETE, url).header("idempotency-key", CLAIM);
            assert_eq!(request.send().await.unwrap().status(), 204);
        }
    }
}

/// Connections that the server has open.
fn connections(server: &Server) -> usize {
    let port = server.address().rsplit(':').next().unwrap().parse::<u16>().unwrap();
    let all = std::fs::read_to_string("/proc/net/tcp").unwrap();
    // Clients' alone, and not those to a database: at the server's port, and established or not yet closed by it.
    let open = |line: &&str| {
        let mut fields = line.split_whitespace().skip(1);
        let (local, state) = (fields.next().unwrap(), fields.nth(1).unwrap());
        local.ends_with(&format!(":{port:04X}")) && ["01", "08"].contains(&state)
    };
    all.lines().skip(1).filter(open).count()
}

/// What of all this is found in the server's memory, in words.
fn found(core: &[u8], contents: &[(String, String)], others: &[&str]) -> Vec<String> {
    let count = |needle: &str| memchr::memmem::find_iter(core, needle).count();
    let mut found = Vec::new();
    for (mark, content) in contents {
        let (whole, pieces) = (count(content), count(&format!("{mark}-")));
        if pieces > 0 {
            found.push(format!("{mark} of {} B: {whole} whole copies, {pieces} pieces", content.len()));
        }
    }
    found.extend(others.iter().filter(|other| contains(core, other.as_bytes())).map(|other| format!("{other} itself")));
    found
}

/// Created and read in every way: no content is left, not even while its reader is still connected; and once that has gone, no
/// passphrase either.
#[tokio::test(flavor = "multi_thread")]
async fn nothing_stays_of_what_was_answered() {
    let _alone = heavy();
    let data = directory();
    let server = Server::start(data.path(), &[]);
    let before = connections(&server);
    let (mut readers, mut contents) = (Vec::new(), Vec::new());
    for create in CREATES {
        for read in [Read::Json, Read::Octets, Read::Claim, Read::Form] {
            for (length, passphrase) in LENGTHS {
                let mark = format!("canary{}-{create:?}-{read:?}", contents.len());
                let content = content(&mark, length);
                let token = create.run(&http(), &server, &content, passphrase).await;
                let reader = http();
                read.run(&reader, &server, &token, &content, passphrase).await;
                readers.push(reader);
                contents.push((mark, content));
            }
        }
    }
    // And some that nobody has read.
    for create in CREATES {
        let mark = format!("canary-unread-{create:?}");
        let content = content(&mark, 5000);
        create.run(&http(), &server, &content, Some(PASSPHRASE)).await;
        contents.push((mark, content));
    }
    let open = async |count| {
        until("only so many are connected", Duration::from_secs(10), || async { connections(&server) == count }).await;
    };
    open(before + readers.len()).await;
    if let Some(core) = core_of(&server) {
        assert_eq!(found(&core, &contents, &[]), [""; 0]);
    }
    // What hyper has read last stays in a connection's buffer until it is overwritten, or the connection ends.
    drop(readers);
    open(before).await;
    if let Some(core) = core_of(&server) {
        assert_eq!(found(&core, &contents, &[PASSPHRASE]), [""; 0]);
    }
}

/// The control: while an answer waits for its reader, the content is found; once that has gone, it isn't.
#[tokio::test(flavor = "multi_thread")]
async fn what_is_in_flight_is_seen() {
    let _alone = heavy();
    let data = directory();
    // More than the kernel takes off the server's hands.
    let server = Server::start(data.path(), &["--max-size", "16MiB"]);
    let before = connections(&server);
    let content = content("canary-in-flight", 12 << 20);
    let token = Create::Octets.run(&http(), &server, &content, None).await;
    let socket = TcpSocket::new_v4().unwrap();
    socket.set_recv_buffer_size(4096).unwrap();
    let mut reader = socket.connect(server.address().parse().unwrap()).await.unwrap();
    let reveal = format!(
        "POST /api/v1/secrets/{token}/reveal HTTP/1.1\r\nhost: x\r\nidempotency-key: {CLAIM}\r\naccept: {OCTETS}\r\n\
         content-length: 0\r\n\r\n"
    );
    reader.write_all(reveal.as_bytes()).await.unwrap();
    reader.read_exact(&mut [0; 100]).await.unwrap();
    let contents = [("canary-in-flight".to_owned(), content)];
    if let Some(core) = core_of(&server) {
        assert!(!found(&core, &contents, &[]).is_empty(), "a content in flight is in the server's memory");
    }
    drop(reader);
    until("the connection is closed", Duration::from_secs(10), || async { connections(&server) == before }).await;
    if let Some(core) = core_of(&server) {
        assert_eq!(found(&core, &contents, &[]), [""; 0]);
    }
}
