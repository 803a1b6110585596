//! Disk space: a full disk loses nothing and keeps nobody from reading or from starting again, and what isn't needed is given back.

use std::time::Duration;

use reqwest::Method;
use serde_json::Value;

use crate::common::{CLAIM, Server, directory, noise, small_disk::SmallDisk, until};

/// A full disk: creates get 503, what was acknowledged can still be read, and the server recovers by itself.
#[cfg(target_os = "linux")]
#[tokio::test(flavor = "multi_thread")]
async fn a_full_disk_loses_nothing() {
    let Some(disk) = SmallDisk::new(64) else { return };
    let data = disk.path.join("data");
    let server = Server::start(&data, &[]);
    let mut kept = Vec::new();
    let full = loop {
        let content = noise(kept.len() as u64, 700_000);
        let request =
            server.request(Method::POST, "/api/v1/secrets").header("content-type", "application/octet-stream");
        let response = request.body(content.clone()).send().await.unwrap();
        if response.status() != 201 {
            break response;
        }
        let created: Value = response.json().await.unwrap();
        kept.push((created["token"].as_str().unwrap().to_owned(), content));
        assert!(kept.len() < 100, "the disk never filled up");
    };
    assert_eq!(full.status(), 503);
    assert_eq!(full.headers()["retry-after"], "60");
    assert_eq!(full.json::<Value>().await.unwrap()["code"], "storage_full");
    assert!(kept.len() >= 5, "{}", kept.len());
    // Filled to the last byte by somebody else, too.
    disk.fill();
    let health: Value = server.request(Method::GET, "/health").send().await.unwrap().json().await.unwrap();
    assert_eq!((&health["status"], &health["problems"][0]["code"]), (&"degraded".into(), &"storage_full".into()));

    // Half of them now, by all the ways of reading; the other half after a crash on the full disk.
    let half = kept.len() / 2;
    for (number, (token, content)) in kept.iter().enumerate().take(half) {
        let claim = (number % 2 == 0).then_some(CLAIM);
        let request = server.request(Method::POST, &format!("/api/v1/secrets/{token}/reveal"));
        let request = claim.into_iter().fold(request, |request, claim| request.header("idempotency-key", claim));
        let response = request.header("accept", "application/octet-stream").send().await.unwrap();
        assert_eq!(response.status(), 200, "number {number} of {}: {}", kept.len(), server.log());
        assert!(response.bytes().await.unwrap() == content);
        if claim.is_some() {
            assert_eq!(server.delete(token, claim).await.status(), 204, "{}", server.log());
        }
        assert_eq!(server.get(token).await.status(), 404);
        // Whatever came free is taken again.
        disk.fill();
    }
    server.kill();
    let server = Server::start(&data, &[]);
    for (token, content) in kept.iter().skip(half) {
        let request = server.request(Method::GET, &format!("/api/v1/secrets/{token}"));
        let response = request.header("accept", "application/octet-stream").send().await.unwrap();
        assert_eq!(response.status(), 200, "{}", server.log());
        assert!(response.bytes().await.unwrap() == content);
    }
    for (token, _) in &kept {
        assert_eq!(server.get(token).await.status(), 404);
    }
    std::fs::remove_file(disk.filler()).unwrap();
    until("it has recovered", Duration::from_secs(20), || async {
        server.post_json(r#"{"content":"after"}"#).await.status() == 201
    })
    .await;
    until("it says so", Duration::from_secs(20), || async {
        let health: Value = server.request(Method::GET, "/health").send().await.unwrap().json().await.unwrap();
        health["status"] == "healthy"
    })
    .await;
}

/// Stores so many MiB, and gives their tokens.
async fn burst(server: &Server, mebibytes: u64) -> Vec<String> {
    let mut tokens = Vec::new();
    for seed in 0..mebibytes {
        let request =
            server.request(Method::POST, "/api/v1/secrets").header("content-type", "application/octet-stream");
        let created: Value = request.body(noise(seed, 1 << 20)).send().await.unwrap().json().await.unwrap();
        tokens.push(created["token"].as_str().unwrap().to_owned());
    }
    tokens
}

/// A burst leaves no large file behind.
#[tokio::test(flavor = "multi_thread")]
async fn space_is_given_back() {
    let data = directory();
    let server = Server::start(data.path(), &[]);
    let tokens = burst(&server, 40).await;
    let size = || {
        let length = |name| data.path().join(name).metadata().map_or(0, |metadata: std::fs::Metadata| metadata.len());
        length("ots.db") + length("ots.db-wal")
    };
    assert!(size() > 40 << 20);
    for token in &tokens {
        assert_eq!(server.delete(token, None).await.status(), 204);
    }
    until("the files are small again", Duration::from_secs(30), || async { size() < 8 << 20 }).await;
}

/// A disk that was filled while the server was away: it starts with what was kept back, and what was acknowledged can be read.
#[tokio::test(flavor = "multi_thread")]
async fn a_full_disk_keeps_nobody_from_starting() {
    let Some(disk) = SmallDisk::new(48) else { return };
    let data = disk.path.join("data");
    let server = Server::start(&data, &[]);
    let mut tokens = Vec::new();
    for number in 0..20 {
        tokens.push(server.create(&format!("number {number}").repeat(100)).await);
    }
    // Without -wal and -shm: they have to be made again.
    assert!(server.stop().success());
    disk.fill();
    for half in tokens.chunks(10) {
        let server = Server::start(&data, &[]);
        for (number, token) in half.iter().enumerate() {
            let answer = match number % 2 {
                0 => server.get(token).await,
                _ => server.reveal(token, Some(CLAIM), None).await,
            };
            assert_eq!(answer.status(), 200, "{}", server.log());
        }
        let health: Value = server.request(Method::GET, "/health").send().await.unwrap().json().await.unwrap();
        assert_eq!((&health["status"], &health["problems"][0]["code"]), (&"degraded".into(), &"storage_full".into()));
        assert!(server.stop().success());
        disk.fill();
    }
    std::fs::remove_file(disk.filler()).unwrap();
    let server = Server::start(&data, &[]);
    server.create("after").await;
    let whole = || async { data.join("ots.db-reserve").metadata().is_ok_and(|found| found.len() == 26 << 20) };
    until("the reserve is whole again", Duration::from_secs(10), whole).await;
}

/// A server that never rests gives back what a burst took.
#[tokio::test(flavor = "multi_thread")]
async fn space_is_given_back_under_steady_load_too() {
    let data = directory();
    let server = Server::start(data.path(), &[]);
    let tokens = burst(&server, 30).await;
    for token in &tokens {
        assert_eq!(server.delete(token, None).await.status(), 204);
    }
    let length = |name: &str| data.path().join(name).metadata().map_or(0, |found| found.len());
    assert!(length("ots.db") > 30 << 20);
    let load = async {
        // More often than the half second that the writer takes for rest.
        loop {
            server.create("steady").await;
            tokio::time::sleep(Duration::from_millis(200)).await;
        }
    };
    let small = until("the file is small again", Duration::from_secs(45), || async { length("ots.db") < 8 << 20 });
    tokio::select! {
        () = load => {}
        () = small => {}
    }
}
