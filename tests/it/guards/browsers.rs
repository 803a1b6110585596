//! What a browser does for a page of somebody else's, or under another name, is refused; what it does for the server's own page, and for
//! those that the operator names, isn't.

use std::path::Path;

use reqwest::{Method, RequestBuilder, StatusCode};
use serde_json::{Value, json};

use crate::common::{SECRET_KEY, Server, assert_refuses, directory, ots, run};

/// A server as a person starts it, without the names that the tests' own heads have.
fn start(data: &Path, arguments: &[&str]) -> Server {
    let mut command = ots();
    command.env("SECRET_KEY", SECRET_KEY).args(["-v", "serve", "--listen", "127.0.0.1:0", "--data-dir"]);
    command.arg(data).args(arguments);
    Server::spawn(command).unwrap()
}

/// With each of these as a line of the head.
fn saying(request: RequestBuilder, lines: &[(&str, &str)]) -> RequestBuilder {
    lines.iter().fold(request, |request, (name, value)| request.header(*name, *value))
}

async fn status(request: RequestBuilder) -> u16 {
    request.send().await.unwrap().status().as_u16()
}

#[tokio::test]
async fn another_websites_page_does_nothing() {
    let data = directory();
    let server = start(data.path(), &[]);
    let token = server.create("c").await;
    let with_receipt = server.post_json(r#"{"content": "c", "receipt": true}"#).await.json::<Value>().await.unwrap();
    let receipt = with_receipt["receipt"].as_str().unwrap();
    let secret = format!("/api/v1/secrets/{token}");
    let form = |path: &str, body: &'static str| {
        let request = server.request(Method::POST, path).header("content-type", "application/x-www-form-urlencoded");
        request.body(body)
    };
    let own = server.url.clone();
    for foreign in [
        &[("origin", "https://evil.example")][..],
        &[("origin", "null")],
        &[("origin", "null"), ("sec-fetch-site", "cross-site")],
        &[("sec-fetch-site", "same-site"), ("origin", &own.replace("127.0.0.1", "localhost"))],
        &[("origin", &format!("{own}1"))],
    ] {
        for request in [
            server.request(Method::POST, "/api/v1/secrets").json(&json!({"content": "c"})),
            server.request(Method::GET, &secret),
            server.request(Method::POST, &format!("{secret}/reveal")),
            server.request(Method::DELETE, &secret),
            form("/", "content=c&ttl=60"),
            form(&format!("/s/{token}"), ""),
            form(&format!("/t/{receipt}"), ""),
        ] {
            let answer = saying(request, foreign).send().await.unwrap();
            assert_eq!(answer.status(), 403, "{foreign:?}");
            assert!(answer.headers().get("access-control-allow-origin").is_none());
            assert_eq!(answer.json::<Value>().await.unwrap()["code"], "foreign_origin");
        }
        let page =
            saying(form(&format!("/s/{token}"), ""), foreign).header("accept", "text/html").send().await.unwrap();
        assert_eq!((page.status(), page.text().await.unwrap().contains("own page")), (StatusCode::FORBIDDEN, true));
        // Whoever follows a link from there looks at a page, as before.
        assert_eq!(status(saying(server.request(Method::GET, &format!("/s/{token}")), foreign)).await, 200);
    }
    // A form on the server's own page, as browsers send it: without a referrer its origin is null.
    let lines = [("origin", "null"), ("sec-fetch-site", "same-origin"), ("sec-fetch-dest", "document")];
    assert_eq!(status(saying(form("/", "content=c&ttl=60"), &lines)).await, 201);
    assert_eq!(status(saying(form(&format!("/s/{token}"), ""), &[("origin", &own)])).await, 200);
}

#[tokio::test]
async fn pages_that_the_operator_names_may_use_the_api() {
    let data = directory();
    let server = start(data.path(), &["--cors-origin", "https://app.example.org,http://localhost:3000"]);
    let app = [("origin", "https://app.example.org"), ("sec-fetch-site", "cross-site")];
    let token = server.create("c").await;
    let secret = format!("/api/v1/secrets/{token}");
    let preflight = |path: &str, origin: &str| {
        let lines = [("origin", origin), ("access-control-request-method", "DELETE")];
        saying(server.request(Method::OPTIONS, path), &lines)
            .header("access-control-request-headers", "idempotency-key")
    };
    let answer = preflight(&secret, "https://app.example.org").send().await.unwrap();
    let said = |name: &str| answer.headers().get(name).map(|value| value.to_str().unwrap().to_owned());
    assert_eq!(answer.status(), 204);
    assert_eq!(said("access-control-allow-origin").as_deref(), Some("https://app.example.org"));
    assert_eq!(said("access-control-allow-methods").as_deref(), Some("GET, HEAD, DELETE"));
    assert!(said("access-control-allow-headers").unwrap().contains("idempotency-key"));
    assert_eq!((said("vary").as_deref(), said("access-control-allow-credentials")), (Some("Origin"), None));
    for (path, origin) in
        [(secret.as_str(), "https://evil.example"), ("/", "https://app.example.org"), (&secret, "null")]
    {
        let answer = preflight(path, origin).send().await.unwrap();
        assert!(answer.headers().keys().all(|name| !name.as_str().starts_with("access-control-")), "{path} {origin}");
    }
    let create = || server.request(Method::POST, "/api/v1/secrets").json(&json!({"content": "c"}));
    let created = saying(create(), &app).send().await.unwrap();
    assert_eq!(
        (created.status().as_u16(), &created.headers()["access-control-allow-origin"]),
        (201, &app[0].1.parse().unwrap())
    );
    assert!(created.headers()["access-control-expose-headers"].to_str().unwrap().contains("retry-after"));
    assert_eq!(status(saying(create(), &[("origin", "https://app.example.org.evil.example")])).await, 403);
    // Failures too, else a page couldn't say what is wrong.
    let gone = saying(server.request(Method::GET, "/api/v1/secrets/unknown/status"), &app).send().await.unwrap();
    assert_eq!((gone.status().as_u16(), gone.headers().contains_key("access-control-allow-origin")), (404, true));
    let plain = create().send().await.unwrap();
    assert_eq!(
        (&plain.headers()["vary"], plain.headers().contains_key("access-control-allow-origin")),
        (&"Origin".parse().unwrap(), false)
    );
    for wrong in ["*", "https://app.example.org/path"] {
        let mut command = ots();
        command.args(["serve", "--cors-origin", wrong]);
        assert_refuses(&run(command, b""), 2, "as https://app.example.org");
    }
}

/// A page whose name is made to lead here asks under that name.
#[tokio::test]
async fn other_names_are_not_answered() {
    let ask = async |server: &Server, host: &str, path: &str| {
        status(server.request(Method::GET, path).header("host", host)).await
    };
    let data = directory();
    let server = start(data.path(), &[]);
    for (host, answer) in [
        ("localhost:1", 200),
        ("127.0.0.1", 200),
        ("[::1]:8000", 200),
        ("rebound.example", 421),
        ("localhost.evil.example", 421),
    ] {
        for path in ["/", "/api/v1/info", "/assets/x/y"] {
            let expected = if path.starts_with("/assets") && answer == 200 { 404 } else { answer };
            assert_eq!(ask(&server, host, path).await, expected, "{host} {path}");
        }
        assert_eq!(ask(&server, host, "/health").await, 200, "whatever a health check calls it");
    }
    let page = server.request(Method::GET, "/").header("host", "rebound.example").header("accept", "text/html");
    let page = page.send().await.unwrap();
    assert_eq!(page.headers()["content-type"], "text/html; charset=utf-8");
    assert!(page.text().await.unwrap().contains("by the name that you used"));
    drop(server);

    let server =
        start(data.path(), &["--public-url", "https://ots.example.org/x", "--allowed-host", "a.example,10.0.0.7"]);
    for (host, answer) in
        [("ots.example.org", 200), ("a.example:81", 200), ("10.0.0.7", 200), ("127.0.0.1:9", 200), ("b.example", 421)]
    {
        assert_eq!(ask(&server, host, "/api/v1/info").await, answer, "{host}");
    }
    let mut command = ots();
    command.args(["serve", "--allowed-host", "https://a.example"]);
    assert_refuses(&run(command, b""), 2, "without scheme and port");
}
