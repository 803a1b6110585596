//! Uploads that stop just before their end.

use std::time::Duration;

use futures_util::{StreamExt, stream};
use tokio::{io::AsyncWriteExt, net::TcpStream};

use super::{Others, client, connect_from, grown};
use crate::common::{Server, directory, heavy};

const ALL_BUT_ONE: usize = (1 << 20) - 1;

/// Forty on one connection.
#[tokio::test(flavor = "multi_thread")]
async fn paused_uploads_on_one_connection_keep_nobody_out() {
    let _alone = heavy();
    let data = directory();
    let server = Server::start(data.path(), &[]);
    let before = server.memory("VmRSS");
    let sender = client().http2_prior_knowledge().build().unwrap();
    let uploads: Vec<_> = (0..40)
        .map(|_| {
            let parts = stream::iter([Ok::<_, std::io::Error>(vec![b'x'; ALL_BUT_ONE])]).chain(stream::pending());
            let request = sender.post(format!("{}/api/v1/secrets", server.url));
            let request = request.header("content-type", "application/octet-stream");
            let request = request.header("content-length", ALL_BUT_ONE + 1).body(reqwest::Body::wrap_stream(parts));
            tokio::spawn(request.send())
        })
        .collect();
    tokio::time::sleep(Duration::from_secs(1)).await;
    let others = Others::start(&server);
    tokio::time::sleep(Duration::from_secs(3)).await;
    others.went_on("forty paused uploads on one connection").await;
    let grown = grown(&server, before);
    let waiting = uploads.iter().filter(|upload| !upload.is_finished()).count();
    eprintln!("{grown} KiB more; {waiting} uploads wait");
    assert!(grown < 64 * 1024, "{grown} KiB");
    assert!((1..=8).contains(&waiting), "an eighth of 32 MiB: {waiting}");
    uploads.iter().for_each(tokio::task::JoinHandle::abort);
}

/// Forty from one address, then from so many that they hold all that there is for large bodies: the small have theirs.
#[tokio::test(flavor = "multi_thread")]
async fn paused_uploads_on_many_connections_keep_no_small_secret_out() {
    let _alone = heavy();
    let data = directory();
    let server = Server::start(data.path(), &[]);
    let before = server.memory("VmRSS");
    let mut uploads = Vec::new();
    for _ in 0..40 {
        uploads.push(paused(connect_from(&server, [0, 1]).await.unwrap(), ALL_BUT_ONE));
    }
    tokio::time::sleep(Duration::from_secs(1)).await;
    let others = Others::start(&server);
    tokio::time::sleep(Duration::from_secs(2)).await;
    others.went_on("forty paused uploads from one address").await;

    for address in 10..20 {
        for _ in 0..10 {
            uploads.push(paused(connect_from(&server, [0, address]).await.unwrap(), ALL_BUT_ONE));
        }
    }
    tokio::time::sleep(Duration::from_secs(1)).await;
    // What is left goes to those who only say that they will send much, to the last byte.
    for number in 0..160 {
        uploads.push(paused(connect_from(&server, [0, 30 + number / 8]).await.unwrap(), 1000));
    }
    tokio::time::sleep(Duration::from_secs(1)).await;
    let others = Others::start_small(&server);
    tokio::time::sleep(Duration::from_secs(2)).await;
    others.went_on("300 paused uploads from 31 addresses").await;
    let grown = grown(&server, before);
    eprintln!("{grown} KiB more");
    assert!(grown < 100 * 1024, "{grown} KiB");
}

/// An upload of 1 MiB of which so much comes.
fn paused(mut stream: TcpStream, length: usize) -> tokio::task::JoinHandle<TcpStream> {
    tokio::spawn(async move {
        let head = format!(
            "POST /api/v1/secrets HTTP/1.1\r\nhost: x\r\ncontent-type: application/octet-stream\r\ncontent-length: {}\r\n\r\n",
            ALL_BUT_ONE + 1
        );
        // It may be told to wait before all has been sent.
        let _ = stream.write_all(head.as_bytes()).await;
        let _ = stream.write_all(&vec![b'x'; length]).await;
        stream
    })
}
