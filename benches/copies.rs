//! How often a content is copied on its way in and out: bytes that `memcpy` and its like move in the server, for a pair of a create and a
//! read of 1,000,000 bytes, divided by the content's length. valgrind's dhat counts them (`--mode=copy`), so it has to be installed.
//!
//! ```sh
//! cargo bench --bench copies                        # this build
//! cargo bench --bench copies -- /path/to/other/ots  # and another one's, in the same run
//! ```
//!
//! The kernel's copies aren't counted. What a start and an end copy is taken off: one pair is compared with eleven.
#![allow(missing_docs)]
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::print_stdout,
    clippy::cast_precision_loss
)]

use std::{
    io::Read as _,
    process::{Child, Command, Stdio},
    time::Duration,
};

use reqwest::{Client, Method, RequestBuilder};

const LENGTH: usize = 1_000_000;
const OCTETS: &str = "application/octet-stream";

#[tokio::main]
async fn main() {
    let _ = rustls::crypto::ring::default_provider().install_default();
    let others = std::env::args().skip(1).filter(|argument| !argument.starts_with("--"));
    for binary in std::iter::once(env!("CARGO_BIN_EXE_ots").to_owned()).chain(others) {
        for octets in [true, false] {
            let (one, eleven) = (moved(&binary, 1, octets).await, moved(&binary, 11, octets).await);
            let copies = (eleven - one) as f64 / 10.0 / LENGTH as f64;
            println!("{binary}: {copies:.1} copies a pair as {}", if octets { "octets" } else { "JSON" });
        }
    }
}

/// Bytes that a server moved in all, for so many pairs.
async fn moved(binary: &str, pairs: usize, octets: bool) -> u64 {
    let data = tempfile::tempdir().unwrap();
    let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let url = format!("http://127.0.0.1:{port}");
    let mut valgrind = Command::new("valgrind");
    valgrind.args(["--tool=dhat", "--mode=copy"]).arg(format!("--dhat-out-file={}", data.path().join("out").display()));
    valgrind.arg(binary).args(["serve", "--listen", &format!("127.0.0.1:{port}"), "--data-dir"]).arg(data.path());
    valgrind.env("SECRET_KEY", "a key for the benchmark only").stderr(Stdio::piped());
    let mut server = valgrind.spawn().expect("valgrind is installed");
    let client = Client::builder().no_proxy().tls_certs_only([]).timeout(Duration::from_secs(120)).build().unwrap();
    while client.get(format!("{url}/health")).send().await.is_err() {
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    for _ in 0..pairs {
        pair(&client, &format!("{url}/api/v1/secrets"), octets).await;
    }
    stop(&mut server)
}

async fn pair(client: &Client, url: &str, octets: bool) {
    let content = "s".repeat(LENGTH);
    let typed = |request: RequestBuilder| if octets { request.header("content-type", OCTETS) } else { request };
    let create = typed(client.request(Method::POST, url));
    let create = if octets { create.body(content) } else { create.json(&serde_json::json!({ "content": content })) };
    let created: serde_json::Value = create.send().await.unwrap().json().await.unwrap();
    let read = client.get(format!("{url}/{}", created["token"].as_str().unwrap()));
    let read = if octets { read.header("accept", OCTETS) } else { read };
    assert!(read.send().await.unwrap().bytes().await.unwrap().len() >= LENGTH);
}

/// Ends the server, and reads dhat's total.
fn stop(server: &mut Child) -> u64 {
    assert!(Command::new("kill").args(["-INT", &server.id().to_string()]).status().unwrap().success());
    let mut said = String::new();
    server.stderr.take().unwrap().read_to_string(&mut said).unwrap();
    server.wait().unwrap();
    let total = said.lines().find_map(|line| line.split_once("Total:")).expect("dhat tells a total").1;
    total.split_whitespace().next().unwrap().replace(',', "").parse().unwrap()
}
