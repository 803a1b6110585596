//! Floods of frames that cost a client next to nothing.

use std::time::Duration;

use super::{
    Others,
    frames::{
        CONTINUATION, DATA, END_HEADERS, END_STREAM, HEADERS, PING, PRIORITY, RST_STREAM, Raw, SETTINGS, frame, request,
    },
    grown, store,
};
use crate::common::{Server, directory, heavy};

/// How many times a flood is repeated unless it is ended.
const FLOOD: u32 = 100_000;

/// The frames of each turn.
type Next = Box<dyn Fn(u32) -> Vec<u8> + Send + Sync>;

/// A stream is asked for and reset, again and again; and each frame that only costs.
#[tokio::test(flavor = "multi_thread")]
async fn a_flood_ends_its_connection() {
    let _alone = heavy();
    let data = directory();
    let server = Server::start(data.path(), &[]);
    let token = store(&server, &vec![b'x'; 1 << 20]).await;
    let reveal = format!("/api/v1/secrets/{token}/reveal");
    let claim = [("idempotency-key", crate::common::CLAIM)];
    let open = request(1, END_HEADERS, "POST", "/api/v1/secrets", &[("content-type", "application/octet-stream")]);
    let begun = frame(HEADERS, 0, 1, &[]);
    let floods: [(&str, Vec<u8>, Next); 9] = [
        ("rapid reset", Vec::new(), {
            let reset = |stream| frame(RST_STREAM, 0, stream, &8_u32.to_be_bytes());
            Box::new(move |number| {
                let stream = 2 * number + 1;
                [request(stream, END_HEADERS | END_STREAM, "GET", "/health", &[]), reset(stream)].concat()
            })
        }),
        ("rapid reset of what is large", Vec::new(), {
            let reset = |stream| frame(RST_STREAM, 0, stream, &8_u32.to_be_bytes());
            Box::new(move |number| {
                let stream = 2 * number + 1;
                [request(stream, END_HEADERS | END_STREAM, "POST", &reveal, &claim), reset(stream)].concat()
            })
        }),
        ("settings", Vec::new(), Box::new(|_| frame(SETTINGS, 0, 0, &[]))),
        ("pings", Vec::new(), Box::new(|_| frame(PING, 0, 0, &[0; 8]))),
        ("priorities", Vec::new(), Box::new(|number| frame(PRIORITY, 0, 2 * number + 1, &[0, 0, 0, 0, 1]))),
        ("empty data", open, Box::new(|_| frame(DATA, 0, 1, &[]))),
        ("continuations", begun.clone(), Box::new(|_| frame(CONTINUATION, 0, 1, &[]))),
        ("continuations with a header each", begun, Box::new(|_| frame(CONTINUATION, 0, 1, &[0, 1, b'x', 1, b'y']))),
        ("frames of no known kind", Vec::new(), Box::new(|_| frame(0xfa, 0, 0, &[0; 8]))),
    ];
    for (what, start, next) in floods {
        let before = server.memory("VmRSS");
        let others = Others::start(&server);
        let connection = Raw::connect(&server, 65_535).await;
        let (mut reading, mut writing) = connection.stream.into_split();
        let took_all = tokio::spawn(async move { tokio::io::copy(&mut reading, &mut tokio::io::sink()).await });
        let mut sent = 0;
        let flood = async {
            use tokio::io::AsyncWriteExt;
            writing.write_all(&start).await?;
            while sent < FLOOD {
                let part: Vec<u8> = (sent..sent + 50).flat_map(&next).collect();
                writing.write_all(&part).await?;
                sent += 50;
            }
            std::io::Result::Ok(())
        };
        let flooded = tokio::time::timeout(Duration::from_secs(30), flood).await.expect("it isn't held up");
        // What was written before the end was noticed lies in the kernel's buffers.
        eprintln!("{what}: ended after fewer than {sent}");
        assert!(flooded.is_err(), "{what}: {FLOOD} were borne");
        let _ = took_all.await;
        others.went_on(what).await;
        let grown = grown(&server, before);
        assert!(grown < 48 * 1024, "{what}: {grown} KiB");
    }
    assert!(server.healthy().await);
}

/// Each stream is served before it is reset, so that it isn't one of those that wait to be.
#[tokio::test(flavor = "multi_thread")]
async fn resets_of_what_was_served_are_counted_too() {
    let _alone = heavy();
    let data = directory();
    let server = Server::start(data.path(), &[]);
    let mut connection = Raw::connect(&server, 0).await;
    let mut served = 0;
    for number in 0..5_000 {
        let stream = 2 * number + 1;
        let ask = connection.send(&request(stream, END_HEADERS | END_STREAM, "GET", "/docs", &[])).await;
        if ask.is_err() || connection.try_answers(1).await.is_none() {
            break;
        }
        served += 1;
        let _ = connection.send(&frame(RST_STREAM, 0, stream, &8_u32.to_be_bytes())).await;
    }
    eprintln!("{served} were served");
    assert!((512..4_000).contains(&served), "{served}");
    assert!(server.healthy().await);
}

/// An honest client that resets, pings and gives room as clients do isn't taken for a flood.
#[tokio::test(flavor = "multi_thread")]
async fn an_honest_client_is_no_flood() {
    let data = directory();
    let server = Server::start(data.path(), &[]);
    // All bodies together fit into its window.
    let mut connection = Raw::connect(&server, 65_535).await;
    for number in 0..500 {
        let stream = 2 * number + 1;
        let mut sent = request(stream, END_HEADERS | END_STREAM, "GET", "/livez", &[]);
        if number % 3 == 0 {
            sent.extend(frame(PING, 0, 0, &[0; 8]));
        }
        connection.send(&sent).await.unwrap();
        assert_eq!(connection.answers(1).await, 1);
    }
    let mut connection = Raw::connect(&server, 65_535).await;
    for number in 0..200 {
        let stream = 2 * number + 1;
        let reset = frame(RST_STREAM, 0, stream, &8_u32.to_be_bytes());
        connection.send(&request(stream, END_HEADERS | END_STREAM, "GET", "/livez", &[])).await.unwrap();
        assert_eq!(connection.answers(1).await, 1);
        connection.send(&reset).await.unwrap();
    }
}
