//! A disk that can't be written to any more: the server ends by itself, with words and a code of its own, and answers nobody what a crash
//! could make untrue.

use std::time::Duration;

use super::{
    check,
    plan::{client, stop},
    secrets::{Api, Call, content},
    shim::{Disk, EIO, FOR_GOOD, Kind, Plan},
};
use crate::common::{Server, until, wait_for_exit};

#[tokio::test(flavor = "multi_thread")]
async fn a_writer_that_can_not_go_on_ends_the_server() {
    let (disk, client) = (Disk::new(), client());
    let mut server = disk.serve(&[], false).unwrap();
    let api = Api::new(&client, &server.url);
    let mut secrets = Vec::new();
    for number in 0..2 {
        secrets.push(api.create(&content(number, 1000), false, 600).await.1.unwrap());
    }
    disk.arm(Plan { kind: Kind::Sync, nth: 1, times: FOR_GOOD, error: EIO, crash: false });
    let probe = async |path: &str| client.get(format!("{}{path}", server.url)).send().await.unwrap().status().as_u16();
    let probes = async {
        let failed = || async { server.log().contains("a commit failed") };
        until("it has failed", Duration::from_secs(5), failed).await;
        (probe("/livez").await, probe("/readyz").await)
    };
    let (answer, (live, ready)) = tokio::join!(api.call(Call::Read, &secrets[0]), probes);
    assert_eq!(answer.status, 0, "it isn't answered: whether it was read nobody knows");
    assert_eq!((live, ready), (200, 503), "the process runs, and can't do its work");
    let status = wait_for_exit(&mut server.child, Duration::from_secs(20));
    disk.disarm();
    assert_eq!(status.code(), Some(9), "{}", server.log());
    let log = server.log();
    assert!(log.contains("a commit failed: nothing is answered until something could be written after it"), "{log}");
    assert!(
        log.contains("ots: the thread that writes to the database has ended: a commit failed, and nothing"),
        "{log}"
    );
    let server = Server::start(&disk.data, &[]);
    let api = Api::new(&client, &server.url);
    assert_eq!(api.call(Call::Read, &secrets[1]).await.status, 200);
    stop(server).await;
    check::database(&disk.data.join("ots.db")).unwrap();
}
