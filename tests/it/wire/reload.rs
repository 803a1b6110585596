//! A certificate that is renewed while the server runs: no request notices, and a bad one changes nothing.

use std::{
    fs,
    os::unix::fs::symlink,
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    time::Duration,
};

use reqwest::{Client, tls::TlsInfo};

use super::{Authority, Pair, serving, start};
use crate::{
    common::{Server, directory, until},
    watch::Watched,
};

const AGAIN: &str = "read again: another is served";

/// The certificate that a new connection is shown.
async fn shown(authority: &Authority, server: &Server) -> Vec<u8> {
    let client = authority.client().tls_info(true).build().unwrap();
    let response = client.get(format!("{}/health", server.url)).send().await.unwrap();
    let info = response.extensions().get::<TlsInfo>().unwrap();
    info.peer_certificate().unwrap().to_vec()
}

fn der(pair: &Pair) -> Vec<u8> {
    let body: String = pair.certificate.lines().filter(|line| !line.starts_with('-')).collect();
    data_encoding::BASE64.decode(body.as_bytes()).unwrap()
}

/// Asks until it is told to stop; each request has to be answered.
async fn load(client: Client, url: String, stop: Arc<AtomicBool>, answered: Arc<AtomicUsize>) {
    while !stop.load(Ordering::SeqCst) {
        let response = client.get(format!("{url}/api/v1/info")).send().await.unwrap();
        assert_eq!(response.status(), 200);
        response.bytes().await.unwrap();
        answered.fetch_add(1, Ordering::SeqCst);
    }
}

/// Fifty new certificates, under load over both protocols, on connections that stay and on new ones.
#[tokio::test(flavor = "multi_thread")]
async fn no_request_notices_a_reload() {
    let (data, authority) = (directory(), Authority::new());
    let server = start(data.path(), &authority);
    let (stop, answered) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicUsize::new(0)));
    let clients = [
        authority.client().http1_only(),
        authority.client().http1_only().pool_max_idle_per_host(0),
        authority.client(),
        authority.client().pool_max_idle_per_host(0).tls_version_max(reqwest::tls::Version::TLS_1_2),
    ];
    let asking = clients.map(|client| {
        let (stop, answered) = (Arc::clone(&stop), Arc::clone(&answered));
        tokio::spawn(load(client.build().unwrap(), server.url.clone(), stop, answered))
    });
    let mut last = Vec::new();
    for times in 1..=50 {
        let pair = authority.issue_here();
        authority.install(&pair);
        server.signal("-HUP");
        until("it was read again", Duration::from_secs(20), || async { server.log().matches(AGAIN).count() == times })
            .await;
        last = der(&pair);
        if times.is_multiple_of(10) {
            assert_eq!(shown(&authority, &server).await, last);
        }
    }
    stop.store(true, Ordering::SeqCst);
    for asking in asking {
        asking.await.unwrap();
    }
    let answered = answered.load(Ordering::SeqCst);
    eprintln!("{answered} requests during 50 reloads");
    assert!(answered > 50, "{answered}");
    assert_eq!(shown(&authority, &server).await, last);
    assert!(server.stop().success());
}

/// Whoever watches for a certificate that ends soon sees the one that is served.
#[tokio::test]
async fn the_numbers_name_the_end_of_the_certificate_that_is_served() {
    let (data, authority) = (directory(), Authority::new());
    let mut command = serving(data.path(), &authority.install(&authority.issue(&["127.0.0.1"], 2997)));
    command.args(["--metrics-listen", "127.0.0.1:0"]);
    let watched = Watched::of(Server::spawn(command).unwrap());
    let ends = || async { watched.numbers().await["ots_certificate_expiry_timestamp_seconds"] };
    let first = ends().await;
    authority.install(&authority.issue(&["127.0.0.1"], 2998));
    watched.server.signal("-HUP");
    until("it was read again", Duration::from_secs(20), || async { watched.server.log().contains(AGAIN) }).await;
    let second = ends().await;
    // The last days of December in both years, which have 365 days.
    assert!((second - first - 365.0 * 86400.0).abs() < 1.0, "{first}, {second}");
    authority.install(&authority.issue(&["127.0.0.1"], 2021));
    watched.server.signal("-HUP");
    until("it is said", Duration::from_secs(20), || async { watched.server.log().contains("has expired") }).await;
    assert!((ends().await - second).abs() < 1.0, "a bad one is not served");
}

/// What can't be served isn't, whatever is wrong with it; and it is said why.
#[tokio::test]
async fn a_bad_pair_is_kept_out() {
    let (data, authority) = (directory(), Authority::new());
    let server = start(data.path(), &authority);
    let first = shown(&authority, &server).await;
    let (good, other, expired) =
        (authority.issue_here(), authority.issue_here(), authority.issue(&["127.0.0.1"], 2021));
    let key_of_another = Pair { certificate: good.certificate.clone(), key: other.key };
    let torn = Pair { certificate: good.certificate[..200].to_owned(), key: good.key.clone() };
    let empty = Pair { certificate: String::new(), key: good.key.clone() };
    for (pair, says) in [
        (&key_of_another, "has to come first"),
        (&torn, "is damaged"),
        (&empty, "no certificate"),
        (&expired, "the new certificate has expired"),
    ] {
        authority.install(pair);
        server.signal("-HUP");
        until("it is said", Duration::from_secs(20), || async { server.log().contains(says) }).await;
        assert_eq!(shown(&authority, &server).await, first, "{says}");
    }
    assert!(server.log().contains("the old one is served on"));
    let key = authority.directory.path().join("key.pem");
    fs::remove_file(&key).unwrap();
    server.signal("-HUP");
    until("it is said", Duration::from_secs(20), || async { server.log().contains("can't read") }).await;
    // Nothing that lies there makes it wait, or has no end.
    rustix::fs::mknodat(rustix::fs::CWD, &key, rustix::fs::FileType::Fifo, 0o600.into(), 0).unwrap();
    server.signal("-HUP");
    until("it is said", Duration::from_secs(20), || async { server.log().contains("isn't a regular file") }).await;
    fs::remove_file(&key).unwrap();
    symlink("/dev/zero", &key).unwrap();
    server.signal("-HUP");
    let refused = || server.log().matches("isn't a regular file").count() > 1;
    until("it is said", Duration::from_secs(20), || async { refused() }).await;
    fs::remove_file(&key).unwrap();
    authority.install(&good);
    server.signal("-HUP");
    until("the good one", Duration::from_secs(20), || async { server.log().contains(AGAIN) }).await;
    assert_eq!(shown(&authority, &server).await, der(&good));
}

/// Nobody has to send a signal: files that were replaced are seen, and a link that was turned, as Kubernetes does it.
#[tokio::test]
async fn files_that_change_are_read_again() {
    let (data, authority) = (directory(), Authority::new());
    let place = authority.directory.path();
    let put = |version: &str| {
        let pair = authority.issue_here();
        fs::create_dir(place.join(version)).unwrap();
        fs::write(place.join(version).join("tls.crt"), &pair.certificate).unwrap();
        fs::write(place.join(version).join("tls.key"), &pair.key).unwrap();
        pair
    };
    let turn = |to: &str| {
        symlink(to, place.join("..data_tmp")).unwrap();
        fs::rename(place.join("..data_tmp"), place.join("..data")).unwrap();
    };
    put("..1");
    turn("..1");
    for name in ["tls.crt", "tls.key"] {
        symlink(Path::new("..data").join(name), place.join(name)).unwrap();
    }
    let files = (place.join("tls.crt"), place.join("tls.key"));
    let server = Server::spawn(serving(data.path(), &files)).unwrap();
    let second = put("..2");
    turn("..2");
    until("the link was followed", Duration::from_secs(60), || async {
        shown(&authority, &server).await == der(&second)
    })
    .await;
    // One file after the other, each by a new one that takes its name; in between they don't belong together.
    let third = authority.issue_here();
    for (name, text) in [("tls.crt", &third.certificate), ("tls.key", &third.key)] {
        authority.keep("new", text);
        fs::rename(place.join("new"), place.join("..2").join(name)).unwrap();
    }
    until("the new files were read", Duration::from_secs(60), || async {
        shown(&authority, &server).await == der(&third)
    })
    .await;
    assert_eq!(server.log().matches(AGAIN).count(), 2, "{}", server.log());
}
