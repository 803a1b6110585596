//! The worst body of each format, at the full size that is taken: what it costs is in proportion to its length.

use std::time::{Duration, Instant};

use data_encoding::BASE64;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

use super::{Others, grown};
use crate::common::{Server, directory, heavy, noise};

/// The largest content.
const CONTENT: usize = 1 << 20;
/// The largest bodies, as the server has it.
const JSON: usize = 6 * CONTENT;
const FORM: usize = 3 * CONTENT;

const TYPES: [&str; 3] = ["application/json", "application/octet-stream", "application/x-www-form-urlencoded"];

/// A body of at most so many bytes: this, repeated between the two.
fn body(length: usize, before: &str, repeated: &str, after: &str) -> Vec<u8> {
    let times = (length - before.len() - after.len()) / repeated.len();
    [before, &repeated.repeat(times), after].concat().into_bytes()
}

/// Each body by its name, its type's place in `TYPES` and its answer, at one in so many of the full size.
fn bodies(one_in: usize) -> Vec<(&'static str, usize, u16, Vec<u8>)> {
    let (content, json, form) = (CONTENT / one_in, JSON / one_in, FORM / one_in);
    let base64 = BASE64.encode(&noise(1, content));
    let mut bodies = vec![
        ("escapes of six bytes", 0, 201, body(json, "{\"content\":\"", "\\u0001", "\"}")),
        ("surrogates", 0, 201, body(content * 3, "{\"content\":\"", "\\ud83d\\udd11", "\"}")),
        ("base64", 0, 201, format!("{{\"encoding\":\"base64\",\"content\":\"{base64}\"}}").into_bytes()),
        ("unknown members", 0, 422, body(json, "{", "\"\":0,", "\"content\":\"x\"}")),
        ("the same member again", 0, 422, body(json, "{\"content\":\"x\"", ",\"content\":0", "}")),
        ("many numbers", 0, 422, body(json, "{\"content\":[0", ",0", "]}")),
        ("nothing but depth", 0, 400, body(json, "{\"content\":", "[", "")),
        ("one long name", 0, 422, body(json, "{\"", "contenu", "\":0}")),
        ("spaces", 0, 201, body(json, "{", " ", "\"content\":\"x\"}")),
        ("a number of many digits", 0, 422, body(json, "{\"content\":\"x\",\"ttl_hours\":1", "1", "}")),
        ("octets", 1, 201, noise(2, content)),
        ("percents", 2, 201, body(form, "content=", "%41", "")),
        ("line ends", 2, 201, body(form, "content=x", "%0D%0A", "")),
        ("fields without a value", 2, 422, body(form, "", "a&", "")),
        ("the same field again", 2, 201, body(form, "content=x", "&content=y", "")),
    ];
    // What is wrong only at its very end.
    bodies.push((
        "no UTF-8 at the end",
        0,
        400,
        [body(content, "{\"content\":\"", "é", ""), vec![0xff, b'"', b'}']].concat(),
    ));
    bodies
}

/// Sends a body, and gives the answer's status.
async fn post(server: &Server, kind: usize, body: &[u8]) -> u16 {
    let path = if TYPES[kind] == TYPES[2] { "/" } else { "/api/v1/secrets" };
    let mut stream = TcpStream::connect(server.address()).await.unwrap();
    let head = format!(
        "POST {path} HTTP/1.1\r\nhost: x\r\nconnection: close\r\ncontent-type: {}\r\ncontent-length: {}\r\n\r\n",
        TYPES[kind],
        body.len()
    );
    stream.write_all(head.as_bytes()).await.unwrap();
    stream.write_all(body).await.unwrap();
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).await.unwrap();
    std::str::from_utf8(&answer[9..12]).unwrap().parse().unwrap()
}

/// User and system time of a server so far (proc(5), stat, fields 14 and 15), at the usual 100 ticks a second.
fn cpu(server: &Server) -> Duration {
    let stat = std::fs::read_to_string(format!("/proc/{}/stat", server.child.id())).unwrap();
    let fields: Vec<&str> = stat.rsplit_once(')').unwrap().1.split_whitespace().collect();
    Duration::from_millis(10 * (fields[11].parse::<u64>().unwrap() + fields[12].parse::<u64>().unwrap()))
}

#[tokio::test(flavor = "multi_thread")]
async fn the_worst_body_of_each_format_costs_what_its_length_does() {
    let _alone = heavy();
    for ((what, kind, status, full), (_, _, _, quarter)) in bodies(1).into_iter().zip(bodies(4)) {
        let data = directory();
        let server = Server::start(data.path(), &[]);
        let cost = async |body: &[u8]| {
            let before = cpu(&server);
            for _ in 0..4 {
                assert_eq!(post(&server, kind, body).await, status, "{what}");
            }
            cpu(&server).saturating_sub(before) / 4
        };
        let of_quarter = cost(&quarter).await;
        let before = server.memory("VmHWM");
        let of_full = cost(&full).await;
        let grown = grown(&server, before);
        eprintln!("{what}: {} KiB cost {of_full:?} and {grown} KiB, a quarter {of_quarter:?}", full.len() / 1024);
        assert!(of_full < of_quarter * 8 + Duration::from_millis(100), "{what}: {of_full:?} and {of_quarter:?}");
        // A debug build: a microsecond for each of a few bytes.
        assert!(of_full < Duration::from_millis(1_500), "{what}: {of_full:?}");
        // What grows is moved to a larger place before its old one is wiped and freed.
        let most = 5 * u64::try_from(full.len()).unwrap() / 1024 + 8 * 1024;
        assert!(grown < most, "{what}: {grown} KiB");
    }
}

/// A hundred clients that each send one of them as fast as they can, from one address.
#[tokio::test(flavor = "multi_thread")]
async fn the_worst_bodies_of_many_leave_the_others_be() {
    let _alone = heavy();
    let data = directory();
    let server = std::sync::Arc::new(Server::start(data.path(), &[]));
    let before = server.memory("VmRSS");
    let bodies: std::sync::Arc<Vec<_>> = bodies(1).into();
    let others = Others::start_small(&server);
    let end = Instant::now() + Duration::from_secs(4);
    let senders: Vec<_> = (0..12)
        .map(|number: usize| {
            let (server, bodies) = (std::sync::Arc::clone(&server), std::sync::Arc::clone(&bodies));
            tokio::spawn(async move {
                let mut answers = Vec::new();
                for (_, kind, status, body) in bodies.iter().cycle().skip(number) {
                    if Instant::now() > end {
                        break;
                    }
                    let answer = post(&server, *kind, body).await;
                    assert!(answer == *status || answer == 503, "{answer}");
                    answers.push(answer);
                }
                answers
            })
        })
        .collect();
    let answers: Vec<u16> =
        futures_util::future::join_all(senders).await.into_iter().flat_map(Result::unwrap).collect();
    others.went_on("the worst bodies, as fast as twelve clients send them").await;
    let served = answers.iter().filter(|answer| **answer != 503).count();
    let grown = grown(&server, before);
    eprintln!("{served} of {} served; {grown} KiB more", answers.len());
    assert!(served > 0);
    assert!(grown < 100 * 1024, "{grown} KiB");
}
