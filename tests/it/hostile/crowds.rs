//! Many clients, and bad ones: what they cost the others, and how much memory they take.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use futures_util::future::join_all;
use serde_json::{Value, json};

use crate::common::{Server, directory, heavy, until};

/// A client may vanish at any stage; 10,000 of them take their share of the machine and cost the others nothing else.
#[tokio::test(flavor = "multi_thread")]
async fn vanishing_clients_change_nothing_for_the_others() {
    use tokio::{io::AsyncWriteExt, net::TcpStream};
    const VANISHING: usize = 10_000;
    const UNDISTURBED: u32 = 200;
    let _alone = heavy();
    let data = directory();
    let server = Server::start(data.path(), &[]);
    let kept: Vec<String> =
        join_all((0..50).map(|number| server.create_with(json!({"content": format!("kept {number}")})))).await;
    let body = json!({ "content": "x".repeat(2000) }).to_string();
    let create = format!(
        "POST /api/v1/secrets HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n{body}",
        body.len()
    );
    let read = format!("GET /api/v1/secrets/{} HTTP/1.1\r\nhost: x\r\n\r\n", "a".repeat(32));
    let undisturbed = Instant::now();
    for _ in 0..UNDISTURBED {
        pair(&server).await;
    }
    let undisturbed = undisturbed.elapsed() / UNDISTURBED;
    let started = Instant::now();
    let address = server.address();
    let next = Arc::new(AtomicUsize::new(0));
    let workers = (0..32).map(|_| {
        let (address, create, read, next) = (address.clone(), create.clone(), read.clone(), next.clone());
        tokio::spawn(async move {
            loop {
                let number = next.fetch_add(1, Ordering::SeqCst);
                if number >= VANISHING {
                    return;
                }
                let Ok(mut stream) = TcpStream::connect(&address).await else { continue };
                let request = if number % 2 == 0 { &create } else { &read };
                // From nothing sent at all to everything sent and no answer awaited.
                let sent = request.len() * (number % 11) / 10;
                let _ = stream.write_all(&request.as_bytes()[..sent]).await;
                if number % 3 == 0 {
                    stream.set_zero_linger().unwrap(); // goes with a reset
                }
            }
        })
    });
    let others = async {
        let (mut pairs, mut slowest) = (0, Duration::ZERO);
        while next.load(Ordering::SeqCst) < VANISHING {
            let asked = Instant::now();
            pair(&server).await;
            slowest = slowest.max(asked.elapsed());
            pairs += 1;
        }
        (pairs, slowest)
    };
    let (_, (pairs, slowest)) = tokio::join!(join_all(workers), others);
    let took = started.elapsed();
    eprintln!(
        "10,000 clients vanished in {took:?}; {pairs} pairs of others in between, the slowest in {slowest:?}; {undisturbed:?} each before"
    );
    // 33 clients at once: each has its share, and none waits for what others left behind (timeouts are 30 s).
    assert!(took / pairs < undisturbed * 33, "{pairs} pairs in {took:?}, and {undisturbed:?} each before");
    assert!(slowest < Duration::from_secs(5), "{slowest:?}");
    until("it is healthy", Duration::from_secs(5), || server.healthy()).await;
    for (number, token) in kept.iter().enumerate() {
        assert_eq!(server.get(token).await.json::<Value>().await.unwrap()["content"], format!("kept {number}"));
    }
}

/// What another client does meanwhile.
async fn pair(server: &Server) {
    let token = server.create("in between").await;
    assert_eq!(server.get(&token).await.status(), 200);
}

/// A thousand connections that each send a large body are told to wait, and the server stays small and answers.
#[tokio::test(flavor = "multi_thread")]
async fn memory_is_bounded() {
    use tokio::{io::AsyncReadExt, io::AsyncWriteExt, net::TcpStream};
    let _alone = heavy();
    let data = directory();
    let server = Server::start(data.path(), &["--max-connections", "2000"]);
    let address = server.address();
    let content = Arc::new(vec![b'x'; 1 << 20]);
    let clients = (0..1000).map(|_| {
        let (address, content) = (address.clone(), content.clone());
        tokio::spawn(async move {
            let mut stream = TcpStream::connect(&address).await.ok()?;
            let head = format!(
                "POST /api/v1/secrets?ttl_seconds=60 HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\
                 content-type: application/octet-stream\r\ncontent-length: {}\r\n\r\n",
                content.len()
            );
            stream.write_all(head.as_bytes()).await.ok()?;
            // All but the end first, so that a thousand bodies are under way at once.
            let (most, last) = content.split_at(content.len() - 1);
            stream.write_all(most).await.ok()?;
            tokio::time::sleep(Duration::from_millis(500)).await;
            stream.write_all(last).await.ok()?;
            let mut answer = String::new();
            stream.read_to_string(&mut answer).await.ok()?;
            answer.split(' ').nth(1)?.parse::<u16>().ok()
        })
    });
    let clients = join_all(clients);
    let stop = AtomicBool::new(false);
    let watch = async {
        let mut checks = 0;
        while !stop.load(Ordering::SeqCst) {
            assert!(server.healthy().await);
            checks += 1;
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        checks
    };
    let clients = async {
        let answers = clients.await;
        stop.store(true, Ordering::SeqCst);
        answers
    };
    let (answers, checks) = tokio::join!(clients, watch);
    let answers: Vec<Option<u16>> = answers.into_iter().map(Result::unwrap).collect();
    let count = |status| answers.iter().filter(|answer| **answer == Some(status)).count();
    let peak = server.memory("VmHWM");
    eprintln!(
        "201: {}, 503: {}, cut: {}; {checks} health checks; peak {} MiB",
        count(201),
        count(503),
        answers.iter().filter(|a| a.is_none()).count(),
        peak / 1024
    );
    assert!(count(201) > 0);
    assert!(count(201) + count(503) >= 900, "few are cut without an answer");
    assert!(answers.iter().all(|answer| matches!(answer, None | Some(201 | 503))), "{answers:?}");
    assert!(checks > 5);
    assert!(peak < 200 * 1024, "{peak} KiB");
}
