//! Servers that share a PostgreSQL: each message is sent by one of them, and another goes on when that one is gone.

use std::{collections::HashMap, time::Duration};

use super::{Receiver, command};
use crate::common::{Server, directory, postgres::Cluster, until};

fn on(url: &str, webhooks: &str) -> Server {
    let data = directory();
    let mut command = command(data.path(), webhooks, &[]);
    command.env("OTS_DATABASE_URL", url);
    Server::spawn(command).unwrap()
}

/// How often each message came.
fn counts(receiver: &Receiver) -> HashMap<String, usize> {
    let mut counts = HashMap::new();
    for received in receiver.taken() {
        *counts.entry(received.id().to_owned()).or_default() += 1;
    }
    counts
}

#[tokio::test]
async fn one_of_them_sends_and_another_goes_on() {
    let Some(cluster) = Cluster::shared() else { return };
    let url = cluster.url(&cluster.new_database());
    let receiver = Receiver::new();
    let (first, second) = (on(&url, &receiver.url()), on(&url, &receiver.url()));
    for number in 0..30 {
        let server = if number % 2 == 0 { &first } else { &second };
        let token = server.create("x").await;
        let other = if number % 3 == 0 { &first } else { &second };
        assert_eq!(other.get(&token).await.status(), 200);
    }
    receiver.until_taken(60).await;
    let before = counts(&receiver);
    assert!(before.len() == 60 && before.values().all(|count| *count == 1), "{before:?}");
    // Whichever it was that sent: a killed one's place is taken once its lease is over, a stopped one's at once.
    first.kill();
    second.create("after one was killed").await;
    let taken = || async { receiver.taken().len() >= 61 };
    until("it is sent", Duration::from_secs(90), taken).await;
    let third = on(&url, &receiver.url());
    assert!(second.stop().success());
    third.create("after one was stopped").await;
    receiver.until_taken(62).await;
    let after = counts(&receiver);
    assert!(after.len() == 62 && after.values().all(|count| *count == 1), "{after:?}");
}
