//! Each line that is logged for a request says which one it was, and where it led; none says a path or a token.

use std::time::Duration;

use reqwest::Method;
use serde_json::Value;

use crate::common::{Server, directory, ots, until};

/// A secret, and a server that was given another key than its own: reading it is logged as an error.
async fn with_another_key(arguments: &[&str]) -> (tempfile::TempDir, Server, String) {
    let data = directory();
    let server = Server::start(data.path(), &[]);
    let token = server.create("hunter2").await;
    assert!(server.stop().success());
    let mut command = ots();
    command.env("SECRET_KEY", "another key 0123456789abcdef").args(["-v", "serve", "--listen", "127.0.0.1:0"]);
    command.args(["--allow-unreadable", "--data-dir"]).arg(data.path()).args(arguments);
    let server = Server::spawn(command).unwrap();
    (data, server, token)
}

/// The lines of a request, with what differs from run to run in capitals.
async fn lines(server: &Server, id: &str, count: usize) -> String {
    let of_request = || server.log().lines().filter(|line| line.contains(id)).map(str::to_owned).collect::<Vec<_>>();
    until("it is logged", Duration::from_secs(5), || async { of_request().len() >= count }).await;
    let shown = |line: String| {
        let line = line.replace(id, "ID");
        let (time, rest) = line.split_once(['Z']).unwrap();
        let time = if time.starts_with('{') { "{\"timestamp\":\"TIME" } else { "TIME" };
        let (start, took) = rest.split_once("microseconds").map_or((rest, None), |(start, took)| (start, Some(took)));
        let took = took.map(|took| format!("microseconds{}", took.replace(|digit: char| digit.is_ascii_digit(), "9")));
        format!("{time}{start}{}", took.unwrap_or_default().replace("99", "9").replace("99", "9").replace("99", "9"))
    };
    of_request().into_iter().map(shown).collect::<Vec<_>>().join("\n")
}

#[tokio::test]
async fn each_line_names_its_request() {
    let (_data, server, token) = with_another_key(&[]).await;
    let answer = server.get(&token).await;
    assert_eq!(answer.status(), 500);
    let id = answer.headers()["x-request-id"].to_str().unwrap().to_owned();
    insta::assert_snapshot!(lines(&server, &id, 2).await, @r#"
    TIME ERROR request{request_id=ID route="secret"}: a secret can't be opened: it was sealed under another SECRET_KEY
    TIME DEBUG request{request_id=ID route="secret"}: request client=127.0.0.1 through_proxy=false method="GET" status=500 microseconds=9
    "#);
    let nowhere = server.request(Method::GET, &format!("/x/{token}")).send().await.unwrap();
    let id = nowhere.headers()["x-request-id"].to_str().unwrap().to_owned();
    insta::assert_snapshot!(lines(&server, &id, 1).await, @r#"TIME DEBUG request{request_id=ID route="none"}: request client=127.0.0.1 through_proxy=false method="GET" status=404 microseconds=9"#);
    assert!(!server.log().contains(&token) && !server.log().contains("/x/"), "{}", server.log());
}

#[tokio::test]
async fn so_does_each_object() {
    let (_data, server, token) = with_another_key(&["--log-format", "json"]).await;
    let answer = server.get(&token).await;
    let id = answer.headers()["x-request-id"].to_str().unwrap().to_owned();
    insta::assert_snapshot!(lines(&server, &id, 2).await, @r#"
    {"timestamp":"TIME","level":"ERROR","message":"a secret can't be opened: it was sealed under another SECRET_KEY","span":{"request_id":"ID","route":"secret","name":"request"}}
    {"timestamp":"TIME","level":"DEBUG","message":"request","client":"127.0.0.1","through_proxy":false,"method":"GET","status":500,"microseconds":9,"span":{"request_id":"ID","route":"secret","name":"request"}}
    "#);
    for line in server.log().lines().filter(|line| line.contains(&id)) {
        let line: Value = serde_json::from_str(line).unwrap();
        assert_eq!((&line["span"]["request_id"], &line["span"]["route"]), (&id.as_str().into(), &"secret".into()));
    }
    assert!(!server.log().contains(&token));
}

/// A server that logs little says it of what it does log.
#[tokio::test]
async fn a_quiet_server_names_the_request_too() {
    let (data, server, token) = with_another_key(&[]).await;
    assert!(server.stop().success());
    let mut command = ots();
    command.env("SECRET_KEY", "another key 0123456789abcdef").arg("-q").stdin(std::process::Stdio::null());
    let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let log = std::fs::File::create(data.path().join("log")).unwrap();
    command.args(["serve", "--listen", &port.to_string(), "--allow-unreadable", "--data-dir"]).arg(data.path());
    crate::common::engine::choose(&mut command);
    let mut child = command.stderr(log).spawn().unwrap();
    let url = format!("http://{port}/api/v1/secrets/{token}");
    until("it answers", Duration::from_secs(10), || async { crate::common::http().get(&url).send().await.is_ok() })
        .await;
    child.kill().unwrap();
    child.wait().unwrap();
    let log = std::fs::read_to_string(data.path().join("log")).unwrap();
    let error = log.lines().find(|line| line.contains("ERROR")).unwrap();
    assert!(error.contains("request{request_id=") && error.contains("route=\"secret\""), "{log}");
}
