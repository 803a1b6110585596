//! SIGHUP: a key that was taken out is refused from then on, on connections that are open too; and a bad file changes nothing.

use std::{io::Write as _, net::TcpStream};

use super::{key, server};
use crate::{
    cli::signals::wait_until,
    common::{Server, directory, json_answer},
};

/// Stores something over an open connection, and gives the status.
fn create(stream: &mut TcpStream, key: &str) -> String {
    let request = format!(
        "POST /api/v1/secrets HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {key}\r\nContent-Type: application/json\r\n\
         Content-Length: 15\r\n\r\n{{\"content\":\"x\"}}"
    );
    stream.write_all(request.as_bytes()).unwrap();
    let answer = json_answer(stream);
    String::from_utf8(answer).unwrap()[9..12].to_owned()
}

/// Asks to read the file again, and waits until the log says it so often.
fn reload(server: &Server, says: &str, times: usize) {
    server.signal("-HUP");
    wait_until(says, || server.log().matches(says).count() == times);
}

#[test]
fn a_key_that_is_taken_out_is_refused_at_once_and_others_are_not() {
    let (data, place) = (directory(), directory());
    let file = place.path().join("keys");
    let (ci, bob) = (key(&file, "ci", &[]), key(&file, "bob", &[]));
    let server = server(data.path(), &file);
    let mut connections = [(); 2].map(|()| TcpStream::connect(server.address()).unwrap());
    let mut both = |ci_is: &str, bob_is: &str| {
        let [first, second] = &mut connections;
        assert_eq!((create(first, &ci).as_str(), create(second, &bob).as_str()), (ci_is, bob_is));
    };
    both("201", "201");
    let text = std::fs::read_to_string(&file).unwrap();
    std::fs::write(&file, text.split_inclusive('\n').skip(1).collect::<String>()).unwrap();
    both("201", "201"); // as long as nobody says so
    reload(&server, " 1 create key(s)", 1);
    both("401", "201");

    std::fs::write(&file, format!("# ci is back\nci {}\nbob\n", "0".repeat(64))).unwrap();
    reload(&server, "line 3: the key's hash is missing", 1);
    both("401", "201");
    std::fs::remove_file(&file).unwrap();
    reload(&server, "the keys stay as they were", 2);
    both("401", "201");
    std::fs::write(&file, &text).unwrap();
    reload(&server, " 2 create key(s)", 2);
    both("201", "201");
    std::fs::write(&file, "").unwrap();
    reload(&server, "nobody can store anything", 1);
    both("401", "401");
    let log = server.log();
    assert!(!log.contains(&"0".repeat(64)) && !log.contains(&ci) && !log.contains(&bob), "{log}");
}

/// A file that can't be taken leaves a key good that was taken out: health says so, until it is mended. Nothing that lies there makes the
/// server wait, and it stops when it is told to.
#[tokio::test]
async fn a_reload_that_failed_is_seen_and_never_waited_for() {
    let (data, place) = (directory(), directory());
    let file = place.path().join("keys");
    key(&file, "ci", &[]);
    let text = std::fs::read_to_string(&file).unwrap();
    let server = server(data.path(), &file);
    let health = async || server.request(reqwest::Method::GET, "/health").send().await.unwrap().text().await.unwrap();
    assert!(!health().await.contains("reload_failed"));
    for times in 1..=2 {
        std::fs::remove_file(&file).unwrap();
        rustix::fs::mknodat(rustix::fs::CWD, &file, rustix::fs::FileType::Fifo, 0o600.into(), 0).unwrap();
        reload(&server, "it isn't a regular file; the keys stay as they were", times);
        let said = health().await;
        assert!(said.contains("\"degraded\"") && said.contains("reload_failed"), "{said}");
        std::fs::remove_file(&file).unwrap();
        std::fs::write(&file, &text).unwrap();
        reload(&server, " 1 create key(s)", times + 1);
        assert!(!health().await.contains("reload_failed"));
    }
    assert!(server.stop().success());
}
