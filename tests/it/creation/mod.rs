//! Who may create: keys, their limits and their end, and servers that take nothing. Reading stays open to whoever has the link.

mod client;
#[cfg(unix)]
mod keygen;
mod limits;
#[cfg(unix)]
mod reload;
mod start;
mod users;

use std::{
    io::{Read as _, Write as _},
    net::TcpStream,
    path::Path,
    time::Duration,
};

use reqwest::{Method, Response, header};
use serde_json::{Value, json};

use crate::common::{Server, directory, ots, run, text, until};

/// Makes a key, and adds its line to a file.
pub fn key(file: &Path, name: &str, options: &[&str]) -> String {
    let mut command = ots();
    command.args(["keygen", name, "--file"]).arg(file).args(options);
    let output = run(command, b"");
    assert!(output.status.success(), "{}", text(&output.stderr));
    text(&output.stdout).trim().to_owned()
}

/// A server that takes the keys in a file.
pub fn server(data: &Path, file: &Path) -> Server {
    Server::start(data, &["--create-keys", file.to_str().unwrap()])
}

/// Asks to store something, with these Authorization headers.
async fn create(server: &Server, authorization: &[&str]) -> Response {
    let request = server.request(Method::POST, "/api/v1/secrets").json(&json!({ "content": "hunter2" }));
    let request = authorization.iter().fold(request, |request, value| request.header(header::AUTHORIZATION, *value));
    request.send().await.unwrap()
}

/// What an answer says, but for when and to which request.
async fn said(answer: Response) -> (u16, Vec<(String, String)>, String) {
    let own = |name: &str| name == "date" || name == "x-request-id";
    let headers = answer.headers().iter().filter(|(name, _)| !own(name.as_str()));
    let mut headers: Vec<_> =
        headers.map(|(name, value)| (name.to_string(), value.to_str().unwrap().to_owned())).collect();
    headers.sort();
    (answer.status().as_u16(), headers, answer.text().await.unwrap())
}

#[tokio::test]
async fn only_a_key_that_is_listed_creates_and_everybody_reads() {
    let (data, place) = (directory(), directory());
    let file = place.path().join("keys");
    let first = key(&file, "ci", &[]);
    let second = key(&file, "bob", &[]);
    std::fs::write(place.path().join("other"), "").unwrap();
    let other = key(&place.path().join("other"), "ci", &[]);
    // A key whose time is over: `keygen` makes none.
    let over = key(&place.path().join("other"), "over", &[]);
    let lines = std::fs::read_to_string(place.path().join("other")).unwrap();
    let line = lines.lines().nth(1).unwrap();
    std::fs::write(&file, format!("{}{line} expires=2020-01-01T00:00:00Z\n", std::fs::read_to_string(&file).unwrap()))
        .unwrap();
    let server = server(data.path(), &file);

    let refused = said(create(&server, &[]).await).await;
    let (status, headers, body) = &refused;
    let problem: Value = serde_json::from_str(body).unwrap();
    assert_eq!((*status, &problem["code"], &problem["status"]), (401, &json!("key_required"), &json!(401)));
    assert!(headers.contains(&("www-authenticate".to_owned(), "Bearer".to_owned())), "{headers:?}");
    let good = format!("Bearer {first}");
    for authorization in [
        vec![format!("Bearer {other}")],
        vec![format!("Bearer {over}")],
        vec![format!("Bearer {}", first.to_uppercase())],
        vec![format!("Bearer {}", &first[..55])],
        vec![format!("Bearer {first}x")],
        vec![format!("Basic {first}")],
        vec![format!("Token {first}")],
        vec![format!("Bearer{first}")],
        vec![format!("Bearer\t{first}")],
        vec![format!("Bearer {first},")],
        vec![format!("Bearer {first} {second}")],
        vec![first.clone()],
        vec!["Bearer".to_owned()],
        vec![String::new()],
        vec![good.clone(), good.clone()],
        vec![good.clone(), format!("Bearer {other}")],
    ] {
        let authorization: Vec<&str> = authorization.iter().map(String::as_str).collect();
        assert_eq!(said(create(&server, &authorization).await).await, refused, "{authorization:?}");
    }
    // Nor by another way.
    let path = format!("/api/v1/secrets?key={first}&access_token={first}");
    let answer = server.request(Method::POST, &path).json(&json!({ "content": "x" })).send().await.unwrap();
    assert_eq!(said(answer).await, refused);

    for authorization in [&good, &format!("bearer {second}"), &format!("BEARER  {second} ")] {
        let answer = create(&server, &[authorization]).await;
        assert_eq!(answer.status(), 201, "{authorization}");
        let created: Value = answer.json().await.unwrap();
        let token = created["token"].as_str().unwrap();
        assert_eq!(server.status(token).await.status(), 200);
        assert!(server.get(token).await.text().await.unwrap().contains("hunter2"));
    }
    let info: Value = server.request(Method::GET, "/api/v1/info").send().await.unwrap().json().await.unwrap();
    assert_eq!((&info["key_required"], &info["creation_closed"]), (&json!(true), &json!(false)));
    let info = server.request(Method::GET, "/api/v1/info").header(header::AUTHORIZATION, &good).send().await.unwrap();
    assert_eq!(info.json::<Value>().await.unwrap()["key_required"], json!(false));

    until("the log names each", Duration::from_secs(5), || async { server.log().contains("key bob") }).await;
    let log = server.log();
    assert!(log.contains("3 create key(s)") && log.contains("key ci") && log.contains("key bob"), "{log}");
    let hashes = std::fs::read_to_string(&file).unwrap();
    for secret in [&first, &second, &other, &over].into_iter().map(String::as_str).chain(hashes.split_whitespace()) {
        assert!(secret.len() < 40 || !log.contains(secret), "{secret} is in the log");
    }
}

/// Nothing of a body is read for whoever may not create: the answer comes before it does.
#[test]
fn a_key_is_looked_at_before_the_body() {
    let (data, place) = (directory(), directory());
    let file = place.path().join("keys");
    let key = key(&file, "ci", &[]);
    let server = server(data.path(), &file);
    for (authorization, status) in [(String::new(), "401"), (format!("Authorization: Bearer {key}\r\n"), "413")] {
        let mut stream = TcpStream::connect(server.address()).unwrap();
        let head = format!(
            "POST /api/v1/secrets HTTP/1.1\r\nHost: localhost\r\n{authorization}Content-Type: application/octet-stream\r\n\
             Expect: 100-continue\r\nContent-Length: 1000000000\r\n\r\n"
        );
        stream.write_all(head.as_bytes()).unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        assert!(answer.starts_with(&format!("HTTP/1.1 {status} ")), "{answer}");
    }
    // And one that is being sent all the same is read to an end, so that the answer arrives.
    let mut stream = TcpStream::connect(server.address()).unwrap();
    let body = vec![b'x'; 4 << 20];
    let head = format!(
        "POST /api/v1/secrets HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/octet-stream\r\nContent-Length: {}\r\n\r\n",
        body.len()
    );
    stream.write_all(head.as_bytes()).unwrap();
    stream.write_all(&body).unwrap();
    stream.write_all(b"GET /api/v1/info HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n").unwrap();
    let mut answers = String::new();
    stream.read_to_string(&mut answers).unwrap();
    assert!(answers.starts_with("HTTP/1.1 401 ") && answers.contains("HTTP/1.1 200 "), "{answers}");
}

#[tokio::test]
async fn a_server_that_takes_nothing_says_so_and_gives_out_what_it_has() {
    let data = directory();
    let server = Server::start(data.path(), &[]);
    let token = server.create("hunter2").await;
    assert!(server.stop().success());
    let server = Server::start(data.path(), &["--no-create"]);
    let answer = create(&server, &["Bearer x"]).await;
    assert_eq!((answer.status().as_u16(), answer.headers().get("www-authenticate")), (403, None));
    assert_eq!(answer.json::<Value>().await.unwrap()["code"], json!("creation_closed"));
    let info: Value = server.request(Method::GET, "/api/v1/info").send().await.unwrap().json().await.unwrap();
    assert_eq!((&info["key_required"], &info["creation_closed"]), (&json!(false), &json!(true)));
    assert!(server.get(&token).await.text().await.unwrap().contains("hunter2"));
}
