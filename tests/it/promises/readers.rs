//! One reader, and the right one, in races and over connections that break.

use std::sync::atomic::Ordering;

use futures_util::future::join_all;

use crate::common::{
    CLAIM, Server, directory, http, noise,
    proxy::{Cut, Proxy},
    run,
};

/// Promise 1: 64 readers by `GET`, reveal with and without a claim, and `DELETE`, all at once on one secret: one gets it
/// (or burns it), and everybody else gets the same 404. 200 rounds.
#[tokio::test(flavor = "multi_thread")]
async fn one_reader_wins_every_race() {
    let data = directory();
    let server = Server::start(data.path(), &[]);
    let client = http();
    for round in 0..200 {
        let content = format!("secret of round {round}");
        let token = server.create(&content).await;
        let url = format!("{}/api/v1/secrets/{token}", server.url);
        let readers = (0..64).map(|reader| {
            let (client, url) = (client.clone(), url.clone());
            tokio::spawn(async move {
                let request = match reader % 4 {
                    0 => client.get(&url),
                    1 => client.post(format!("{url}/reveal")).header("idempotency-key", format!("{CLAIM}-{reader}")),
                    2 => client.post(format!("{url}/reveal")),
                    _ => client.delete(&url),
                };
                let response = request.send().await.unwrap();
                (response.status().as_u16(), response.text().await.unwrap())
            })
        });
        let answers: Vec<_> = join_all(readers).await.into_iter().map(Result::unwrap).collect();
        let winners = answers.iter().filter(|(status, _)| *status == 200 || *status == 204).count();
        let losers = answers.iter().filter(|(status, _)| *status == 404).count();
        assert_eq!((winners, losers), (1, 63), "round {round}");
        let told = answers.iter().filter(|(_, body)| body.contains(&content)).count();
        assert!(told <= 1, "round {round}: {told} readers");
    }
}

/// Promise 2, the reader's side: wherever the connection is cut, `ots get` gets the secret with its claim; from the moment
/// of that claim others try in every way and never do; and afterwards it is gone.
#[tokio::test(flavor = "multi_thread")]
async fn a_broken_connection_costs_nobody_a_secret() {
    let data = directory();
    let server = Server::start(data.path(), &[]);
    for (method, path, cut) in [
        ("POST", "/reveal", Cut::BeforeRequest),
        ("POST", "/reveal", Cut::BeforeAnswer),
        ("POST", "/reveal", Cut::InAnswer),
        ("DELETE", "/secrets/", Cut::BeforeRequest),
        ("DELETE", "/secrets/", Cut::BeforeAnswer),
    ] {
        for times in 1..=3 {
            let content = noise(times as u64, 3000);
            let link = server.put(&content);
            let token = link.rsplit('/').next().unwrap().to_owned();
            let proxy = Proxy::start(&server.address(), method, path, cut, times).await;
            let mut get = server.client(&["get", &format!("{}/s/{token}", proxy.url)]);
            get.stdin(std::process::Stdio::null());
            let reader = tokio::task::spawn_blocking(move || run(get, b""));
            let mut tries = 0;
            // Before the claim has arrived the secret is anybody's; after it the status says that it is gone.
            while server.status(&token).await.status() == 200 {
                assert!(!reader.is_finished(), "it ended without a claim");
            }
            while tries == 0 || !reader.is_finished() {
                let answer = match tries % 3 {
                    0 => server.get(&token).await,
                    1 => server.reveal(&token, Some("another-reader-0123456789"), None).await,
                    _ => server.delete(&token, None).await,
                };
                assert_eq!(answer.status(), 404, "{method} {cut:?} {times}: it is another's");
                tries += 1;
            }
            let output = reader.await.unwrap();
            assert!(output.status.success(), "{method} {cut:?} {times}: {output:?}");
            assert!(output.stdout == content, "{method} {cut:?} {times}");
            assert_eq!(proxy.cuts_left.load(Ordering::SeqCst), 0, "it was cut as often as asked");
            assert_eq!(server.get(&token).await.status(), 404);
        }
    }
}

/// A reader whose every answer is lost can still come back within the lease, and only that reader.
#[tokio::test(flavor = "multi_thread")]
async fn the_claim_outlives_the_process() {
    let data = directory();
    let server = Server::start(data.path(), &[]);
    let link = server.put(&noise(1, 3000));
    let token = link.rsplit('/').next().unwrap().to_owned();
    let proxy = Proxy::start(&server.address(), "POST", "/reveal", Cut::InAnswer, 1000).await;
    let mut get = server.client(&["get", &format!("{}/s/{token}", proxy.url)]);
    get.env("OTS_CLAIM", CLAIM);
    let output = tokio::task::spawn_blocking(move || run(get, b"")).await.unwrap();
    assert_eq!(output.status.code(), Some(6), "{output:?}");
    assert!(output.stdout.is_empty());
    assert_eq!(server.get(&token).await.status(), 404, "nobody else");
    let mut again = server.client(&["get", &link]);
    again.env("OTS_CLAIM", CLAIM);
    let output = tokio::task::spawn_blocking(move || run(again, b"")).await.unwrap();
    assert!(output.stdout == noise(1, 3000), "{output:?}");
}
