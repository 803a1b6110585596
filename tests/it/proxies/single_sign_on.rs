//! The recipe of docs/operating.md for nginx' `auth_request`, its locations as they stand there, before a stand-in for Authelia that lets
//! in whoever has its cookie: nobody stores a secret without an account, and whoever has a link needs none.

use std::{fs, path::Path, time::Duration};

use reqwest::{Method, RequestBuilder, StatusCode, header};

use super::{client, free_port, program, replaced, sample, start_nginx};
use crate::{
    common::{Server, directory, until},
    watch,
};

/// The recipe's locations: from the line after its fence to the next fence.
fn recipe() -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/operating.md");
    let text = fs::read_to_string(path).unwrap();
    let fences = text.split("```").find(|part| part.contains("auth_request /internal/authelia/authz"));
    fences.unwrap().trim_start_matches("text\n").to_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_stores_has_an_account_and_whoever_reads_needs_none() {
    let Some(nginx) = program("nginx") else { return };
    let (data, place, written) = (directory(), directory(), directory());
    let audit = place.path().join("audit.jsonl");
    let options = ["--trusted-proxy=127.0.0.1", "--user-header=Remote-User", "--audit", audit.to_str().unwrap()];
    let server = Server::start(data.path(), &options);
    let (port, authelia) = (free_port(), free_port());
    let sample = sample("nginx.conf");
    let forwarding: String = sample.lines().filter(|line| line.trim_start().starts_with("proxy_")).collect();
    let forwarding = replaced(
        forwarding,
        &[("127.0.0.1:8000", &server.address()), ("proxy_set_header Host $host;", "proxy_set_header Host $http_host;")],
    );
    fs::write(written.path().join("ots-proxy.conf"), forwarding).unwrap();
    let servers = format!(
        "server {{ listen 127.0.0.1:{authelia}; location / {{ if ($cookie_session != alice) {{ return 401; }} \
         add_header Remote-User alice; return 200; }} }}\n\
         server {{ listen 127.0.0.1:{port};\n{}\nlocation /internal/authelia/authz {{ internal; \
         proxy_pass http://127.0.0.1:{authelia}; proxy_pass_request_body off; proxy_set_header Content-Length \"\"; }} }}",
        recipe()
    );
    let _proxy = start_nginx(&nginx, place.path(), written.path(), &servers);
    let client = client();
    let ask = |method: Method, path: &str| client.request(method, format!("http://127.0.0.1:{port}{path}"));
    // A stranger says who he is, in every spelling that a server might take for the same.
    let forged = |request: RequestBuilder| {
        request.header("remote-user", "mallory").header("Remote_User", "mallory").header("REMOTE-USER", "mallory")
    };
    let create = || ask(Method::POST, "/api/v1/secrets").json(&serde_json::json!({ "content": "of alice" }));
    let alice = |request: RequestBuilder| request.header(header::COOKIE, "session=alice");
    until("the proxy answers", Duration::from_secs(20), || async { ask(Method::GET, "/").send().await.is_ok() }).await;

    for request in [ask(Method::GET, "/"), create(), forged(create()), ask(Method::POST, "/")] {
        let answer = request.send().await.unwrap();
        assert_eq!(answer.status(), StatusCode::FOUND);
        assert!(answer.headers()[header::LOCATION].to_str().unwrap().starts_with("https://login.example.org/"));
    }
    assert_eq!(alice(ask(Method::GET, "/")).send().await.unwrap().status(), StatusCode::OK);
    let answer = alice(forged(create())).send().await.unwrap();
    assert_eq!(answer.status(), StatusCode::CREATED);
    let token = answer.json::<serde_json::Value>().await.unwrap()["token"].as_str().unwrap().to_owned();

    for path in ["/api/v1/info".to_owned(), format!("/s/{token}"), format!("/api/v1/secrets/{token}")] {
        assert_eq!(ask(Method::GET, &path).send().await.unwrap().status(), StatusCode::OK, "{path}");
    }
    assert_eq!(
        ask(Method::GET, &format!("/api/v1/secrets/{token}")).send().await.unwrap().status(),
        StatusCode::NOT_FOUND
    );
    assert!(server.stop().success());
    let lines = watch::lines(&audit);
    let creators: Vec<_> = lines.iter().filter_map(|line| line["by"].as_str()).collect();
    assert_eq!(creators, ["alice"], "{lines:?}");
}
