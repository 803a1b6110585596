//! Readers that take their time.

use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};

use super::{Others, client, connect_from, grown, store};
use crate::common::{Server, directory, heavy, noise};

const LARGEST: usize = 64 << 20;

/// One who reads the largest content over a slow line is served, and everybody else as well, also those who read as much elsewhere.
#[tokio::test(flavor = "multi_thread")]
async fn a_slow_reader_of_the_largest_content_keeps_nobody_out() {
    let _alone = heavy();
    let data = directory();
    let server = Server::start(data.path(), &["--max-size", "64MiB"]);
    let content = noise(1, LARGEST);
    let token = store(&server, &content).await;
    let second = store(&server, &content).await;
    let before = server.memory("VmRSS");
    let mut reader = connect_from(&server, [0, 1]).await.unwrap();
    let request = format!(
        "GET /api/v1/secrets/{token} HTTP/1.1\r\nhost: x\r\naccept: application/octet-stream\r\nconnection: close\r\n\r\n"
    );
    reader.write_all(request.as_bytes()).await.unwrap();
    let mut answer = vec![0; 32 * 1024];
    reader.read_exact(&mut answer).await.unwrap();
    assert!(answer.starts_with(b"HTTP/1.1 200"), "{}", String::from_utf8_lossy(&answer[..100]));
    let others = Others::start(&server);
    for _ in 0..25 {
        tokio::time::sleep(Duration::from_millis(200)).await;
        let mut part = vec![0; 32 * 1024];
        reader.read_exact(&mut part).await.unwrap();
        answer.extend_from_slice(&part);
    }
    others.went_on("one content of 64 MiB read slowly").await;
    let second = format!("{}/api/v1/secrets/{second}", server.url);
    let elsewhere = client().local_address(Some([127, 0, 0, 3].into())).build().unwrap();
    let elsewhere = elsewhere.get(second).header("accept", "application/octet-stream").send().await.unwrap();
    assert_eq!(elsewhere.status(), 200);
    assert!(elsewhere.bytes().await.unwrap() == content);
    reader.read_to_end(&mut answer).await.unwrap();
    assert!(answer.ends_with(&content), "and it came whole");
    let grown = grown(&server, before);
    eprintln!("{grown} KiB more");
    assert!(grown < 180 * 1024, "{grown} KiB");
}
