//! How often an address may create and miss, which is counted by clients behind a proxy here: this machine itself isn't.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU32, AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use futures_util::future::join_all;
use reqwest::{Client, Method, RequestBuilder, Response, StatusCode};
use serde_json::{Value, json};

use crate::common::{Server, assert_fails, directory, heavy, http, run, text};

const PROXY: [&str; 2] = ["--trusted-proxy", "127.0.0.1"];

/// Asks as the client that the proxy names so.
async fn ask(server: &Server, client: &str, method: Method, path: &str, body: Option<Value>) -> Response {
    let request = server.request(method, path).header("x-forwarded-for", client);
    body.iter().fold(request, RequestBuilder::json).send().await.unwrap()
}

async fn create(server: &Server, client: &str) -> Response {
    ask(server, client, Method::POST, "/api/v1/secrets", Some(json!({"content": "c"}))).await
}

async fn miss(server: &Server, client: &str) -> StatusCode {
    ask(server, client, Method::GET, "/api/v1/secrets/aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", None).await.status()
}

/// What a limit refuses is named with the wait, and the wait is true; whoever shares the /64 shares the limit, nobody else does.
#[tokio::test]
async fn an_address_that_does_too_much_waits() {
    let data = directory();
    let server = Server::start(data.path(), &[&PROXY[..], &["--rate-limit", "creates=3/s,misses=3/h"]].concat());
    for client in ["2001:db8::1", "2001:db8::2", "[2001:db8::3]:80"] {
        assert_eq!(create(&server, client).await.status(), 201);
    }
    let mut refused = create(&server, "2001:db8::4").await;
    for _ in 0..20 {
        if refused.status() == 429 {
            break; // else the machine was slower than the limit
        }
        refused = create(&server, "2001:db8::4").await;
    }
    assert_eq!((refused.status().as_u16(), &refused.headers()["retry-after"]), (429, &"1".parse().unwrap()));
    assert_eq!(refused.headers()["ratelimit"], "\"creates\";r=0;t=1");
    assert_eq!(refused.headers()["ratelimit-policy"], "\"creates\";q=3;w=1");
    let problem: Value = refused.json().await.unwrap();
    assert_eq!((&problem["code"], &problem["retry_after"]), (&json!("rate_limited"), &json!(1)));
    tokio::time::sleep(Duration::from_secs(1)).await;
    assert_eq!(create(&server, "2001:db8::4").await.status(), 201);
    assert_eq!(create(&server, "2001:db8:0:1::1").await.status(), 201);

    // Every kind of miss counts, and nothing that isn't one.
    let token = server.create_with(json!({"content": "c", "passphrase": "right"})).await;
    let wrong = json!({"passphrase": "wrong"});
    let reveal = format!("/api/v1/secrets/{token}/reveal");
    for _ in 0..5 {
        assert_eq!(ask(&server, "192.0.2.1", Method::GET, &format!("/s/{token}"), None).await.status(), 200);
    }
    assert_eq!(ask(&server, "192.0.2.1", Method::POST, &reveal, Some(wrong.clone())).await.status(), 403);
    assert_eq!(miss(&server, "192.0.2.1").await, 404);
    assert_eq!(ask(&server, "192.0.2.1", Method::GET, "/s/aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", None).await.status(), 404);
    assert_eq!(miss(&server, "192.0.2.1").await, 429);
    // Refused before anything is looked at: no try is lost, nothing is destroyed.
    for _ in 0..12 {
        assert_eq!(ask(&server, "192.0.2.1", Method::POST, &reveal, Some(wrong.clone())).await.status(), 429);
        assert_eq!(ask(&server, "192.0.2.1", Method::DELETE, &reveal[..reveal.len() - 7], None).await.status(), 429);
    }
    let page = ask(&server, "192.0.2.1", Method::GET, &format!("/s/{token}"), None).await;
    assert_eq!(page.status(), 429);
    let right = ask(&server, "192.0.2.2", Method::POST, &reveal, Some(json!({"passphrase": "right"}))).await;
    assert_eq!(right.status(), 200);
    // Whatever such an address says of itself.
    let forged =
        server.request(Method::GET, "/api/v1/secrets/unknown").header("x-forwarded-for", "203.0.113.77, 192.0.2.1");
    assert_eq!(forged.send().await.unwrap().status(), 429);
    for _ in 0..5 {
        assert_eq!(server.get("unknown").await.status(), 404, "this machine's own programs aren't counted");
    }
}

/// A header that a proxy doesn't write, and passes on, makes nobody more than one client: they share one limit.
#[tokio::test]
async fn who_contradicts_the_proxy_gains_nothing() {
    let data = directory();
    let server = Server::start(data.path(), &[&PROXY[..], &["--rate-limit", "creates=5/h"]].concat());
    let mut created = 0;
    for number in 0..20 {
        let request = server.request(Method::POST, "/api/v1/secrets").json(&json!({"content": "c"}));
        let request =
            request.header("x-forwarded-for", "192.0.2.1").header("forwarded", format!("for=203.0.113.{number}"));
        created += usize::from(request.send().await.unwrap().status() == 201);
    }
    assert_eq!(created, 5);
    // Nor does a header from nowhere.
    let data = directory();
    let server = Server::start(data.path(), &["--trusted-proxy", "192.0.2.99", "--rate-limit", "misses=1/h"]);
    for number in 0..5 {
        assert_eq!(miss(&server, &format!("203.0.113.{number}")).await, 404, "its peer is this machine");
    }
    assert!(!server.log().contains("203.0.113."));
}

/// Whoever tries keys runs out of tries, on the page too; whoever has one goes on.
#[tokio::test]
async fn wrong_keys_count_as_misses() {
    let (data, place) = (directory(), directory());
    let file = place.path().join("keys");
    let key = crate::creation::key(&file, "ci", &[]);
    let options = ["--create-keys", file.to_str().unwrap(), "--rate-limit", "creates=off,misses=2/h"];
    let server = Server::start(data.path(), &[&PROXY[..], &options].concat());
    let with = |client: &str, key: &str| {
        let request = server.request(Method::POST, "/api/v1/secrets").json(&json!({"content": "c"}));
        request.header("x-forwarded-for", client.to_owned()).bearer_auth(key).send()
    };
    assert_eq!(with("192.0.2.1", "ots_wrong").await.unwrap().status(), 401);
    assert_eq!(miss(&server, "192.0.2.1").await, 404, "it has one left");
    assert_eq!(miss(&server, "192.0.2.1").await, 429);
    let form = server.request(Method::POST, "/").header("content-type", "application/x-www-form-urlencoded");
    let page = form.header("x-forwarded-for", "192.0.2.2").body("content=c&create_key=wrong").send().await.unwrap();
    assert_eq!(page.status(), 401);
    assert_eq!(with("192.0.2.2", "ots_wrong").await.unwrap().status(), 401);
    assert_eq!(miss(&server, "192.0.2.2").await, 429);
    for _ in 0..5 {
        assert_eq!(with("192.0.2.1", &key).await.unwrap().status(), 201);
    }
}

#[test]
fn off_is_off_and_nonsense_is_refused() {
    let mut command = crate::common::ots();
    command.args(["serve", "--rate-limit", "creates=lots"]);
    crate::common::assert_refuses(&run(command, b""), 2, "creates=60/m,misses=60/m");
}

/// `ots` waits when it is asked to wait a moment, and says how long when that is more.
#[tokio::test(flavor = "multi_thread")]
async fn the_command_line_waits_a_moment() {
    let data = directory();
    // Whatever comes to this server is for one client.
    let server = Server::start(data.path(), &[&PROXY[..], &["--rate-limit", "creates=off,misses=1/s"]].concat());
    let proxy = crate::common::proxy::naming(server.address(), "192.0.2.1").await;
    let link = server.put(b"worth a wait");
    let token = link.rsplit('/').next().unwrap();
    let get = || {
        let mut command = crate::common::ots();
        command.args(["-s", &proxy, "get", token]);
        run(command, b"")
    };
    let begun = Instant::now();
    assert_eq!(miss(&server, "192.0.2.1").await, 404);
    let got = get();
    assert_eq!(text(&got.stdout), "worth a wait", "{}", text(&got.stderr));
    eprintln!("waited {:?}", begun.elapsed());

    let data = directory();
    let server = Server::start(data.path(), &[&PROXY[..], &["--rate-limit", "creates=1/h,misses=1/h"]].concat());
    let proxy = crate::common::proxy::naming(server.address(), "192.0.2.1").await;
    let link = server.put(b"worth no hour");
    assert_eq!(miss(&server, "192.0.2.1").await, 404);
    let mut command = crate::common::ots();
    command.args(["-s", &proxy, "get", link.rsplit('/').next().unwrap()]);
    let begun = Instant::now();
    let refused = run(command, b"");
    assert!(begun.elapsed() < Duration::from_secs(3), "at once");
    assert_fails(&refused, 7, "Try again in 3");
    let put = || {
        let mut command = crate::common::ots();
        command.args(["-s", &proxy, "put"]);
        run(command, b"x")
    };
    assert!(put().status.success());
    assert_fails(&put(), 7, "Too many secrets were stored from your address");
    assert_eq!(server.get(link.rsplit('/').next().unwrap()).await.status(), 200, "nobody has read it");
}

/// Twenty thousand misses from one address: the others, from theirs, don't notice. And 120,000 addresses: the server's memory stays small.
#[tokio::test(flavor = "multi_thread")]
async fn floods_cost_the_others_nothing() {
    let _alone = heavy();
    let data = directory();
    let server = Arc::new(Server::start(data.path(), &PROXY));
    let flood = |name: &'static str, count: u32, address: fn(u32) -> String| {
        let server = Arc::clone(&server);
        async move {
            let (next, refused) = (Arc::new(AtomicU32::new(0)), Arc::new(AtomicUsize::new(0)));
            let begun = Instant::now();
            let workers = (0..12).map(|_| {
                let (url, next, refused) = (server.url.clone(), Arc::clone(&next), Arc::clone(&refused));
                tokio::spawn(async move {
                    let client = http();
                    loop {
                        let number = next.fetch_add(1, Ordering::SeqCst);
                        if number >= count {
                            return;
                        }
                        let miss = client.get(format!("{url}/api/v1/secrets/aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"));
                        let status = miss.header("x-forwarded-for", address(number)).send().await.unwrap().status();
                        assert!(status == 404 || status == 429, "{status}");
                        refused.fetch_add(usize::from(status == 429), Ordering::SeqCst);
                    }
                })
            });
            for worker in join_all(workers).await {
                worker.unwrap();
            }
            let refused = refused.load(Ordering::SeqCst);
            eprintln!("{name}: {count} misses in {:?}, {refused} of them refused", begun.elapsed());
            refused
        }
    };
    let before = server.memory("VmRSS");
    let stop = Arc::new(AtomicU32::new(0));
    let honest = tokio::spawn(go_on(Arc::clone(&server), Arc::clone(&stop)));
    let refused = flood("one address", 20_000, |_| "203.0.113.1".to_owned()).await;
    stop.store(1, Ordering::SeqCst);
    let (count, p99) = honest.await.unwrap();
    eprintln!("others: {count} creates and reads, p99 of both together {p99:?}");
    assert!(refused > 15_000, "{refused}");
    assert!(p99 < Duration::from_millis(500), "{p99:?}"); // these are debug builds, and the flood runs here too
    let after_one = server.memory("VmRSS");
    flood("120,000 addresses", 120_000, |number| std::net::Ipv4Addr::from_bits(0x0a00_0000 + number).to_string()).await;
    let grown = server.memory("VmRSS").saturating_sub(after_one);
    eprintln!("RSS: {before} KiB before, {after_one} after one address, {grown} KiB more after 120,000");
    assert!(grown < 24 * 1024, "{grown} KiB");
}

/// Honest clients, until they are told to stop: how many times they created and read, and what 99 of a hundred took at most.
async fn go_on(server: Arc<Server>, stop: Arc<AtomicU32>) -> (usize, Duration) {
    let client = http();
    let mut took = Vec::new();
    while stop.load(Ordering::SeqCst) == 0 {
        let of = format!("198.51.100.{}", took.len() % 200);
        took.push(create_and_read(&client, &server.url, &of).await);
    }
    took.sort_unstable();
    (took.len(), took[took.len() * 99 / 100])
}

/// How long an honest client's two requests take.
async fn create_and_read(client: &Client, url: &str, of: &str) -> Duration {
    let begun = Instant::now();
    let create = client.post(format!("{url}/api/v1/secrets")).header("x-forwarded-for", of);
    let created = create.json(&json!({"content": "honest"})).send().await.unwrap();
    assert_eq!(created.status(), 201);
    let created: Value = created.json().await.unwrap();
    let read = client.get(format!("{url}/api/v1/secrets/{}", created["token"].as_str().unwrap()));
    assert_eq!(read.header("x-forwarded-for", of).send().await.unwrap().status(), 200);
    begun.elapsed()
}
