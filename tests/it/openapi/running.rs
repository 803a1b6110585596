//! The API's description against a server that runs: its examples, its pages, and schemathesis, which makes requests from it. That comes
//! from `PyPI` (`target/schemathesis/bin`, as `.ci/run` installs it, or on the PATH); without it that test says so and passes, and with
//! `CI` set it fails.

use std::{path::Path, process::Command};

use reqwest::Method;
use serde_json::Value;

use super::{description, keys, resolved};
use crate::common::{OTS, Server, directory};

/// Each request's example as it stands, with a token where the path wants one; the answers have the examples' members.
#[tokio::test]
async fn every_example_works_as_given() {
    let data = directory();
    let server = Server::start(data.path(), &[]);
    let description = description(&server).await;
    let create = &description["paths"]["/api/v1/secrets"]["post"];
    let shown = |response: &Value| resolved(&description, response)["content"]["application/json"]["example"].clone();
    let examples = create["requestBody"]["content"]["application/json"]["examples"].as_object().unwrap();
    assert_eq!(examples.len(), 3);
    let created_example = shown(&create["responses"]["201"]);
    let mut with_passphrase = None;
    for (name, example) in examples {
        let answer = server.request(Method::POST, "/api/v1/secrets").json(&example["value"]).send().await.unwrap();
        assert_eq!(answer.status(), 201, "{name}");
        let created: Value = answer.json().await.unwrap();
        assert_eq!(keys(&created), keys(&created_example));
        let path = format!("/api/v1/secrets/{}", created["token"].as_str().unwrap());
        let status = &description["paths"]["/api/v1/secrets/{token}/status"]["get"];
        let told: Value =
            server.request(Method::GET, &format!("{path}/status")).send().await.unwrap().json().await.unwrap();
        assert_eq!(keys(&told), keys(&shown(&status["responses"]["200"])));
        if name == "passphrase" {
            with_passphrase = Some(path);
            continue;
        }
        let read = &description["paths"]["/api/v1/secrets/{token}"]["get"]["responses"]["200"];
        let answer: Value = server.request(Method::GET, &path).send().await.unwrap().json().await.unwrap();
        assert_eq!(answer, shown(read), "{name}");
    }
    let reveal = &description["paths"]["/api/v1/secrets/{token}/reveal"]["post"];
    let body = &reveal["requestBody"]["content"]["application/json"]["example"];
    let answer =
        server.request(Method::POST, &format!("{}/reveal", with_passphrase.unwrap())).json(body).send().await.unwrap();
    let answer: Value = answer.json().await.unwrap();
    assert_eq!(answer, shown(&reveal["responses"]["200"]));
    let example = |path: &str| shown(&description["paths"][path]["get"]["responses"]["200"]);
    let info: Value = server.request(Method::GET, "/api/v1/info").send().await.unwrap().json().await.unwrap();
    assert_eq!(info, example("/api/v1/info"));
    let health =
        || async { server.request(Method::GET, "/health").send().await.unwrap().json::<Value>().await.unwrap() };
    let whole = || async { health().await.get("last_checkpoint_at").is_some() };
    crate::common::until("the files have been cleaned once", std::time::Duration::from_secs(10), whole).await;
    let (health, example) = (health().await, example("/health"));
    assert_eq!(keys(&health), keys(&example));
    assert_eq!((&health["status"], &health["version"]), (&example["status"], &example["version"]));
}

/// Both pages and what they load: under one policy, compressed for whoever accepts it, from no other host.
#[tokio::test]
async fn its_pages_load_what_the_server_has() {
    let data = directory();
    let server = Server::start(data.path(), &[]);
    for (page, loads) in
        [("/docs", vec!["docs/swagger-ui.css", "docs/swagger-ui.js"]), ("/redoc", vec!["docs/redoc.js"])]
    {
        let answer = server.request(Method::GET, page).send().await.unwrap();
        let policy = answer.headers()["content-security-policy"].to_str().unwrap().to_owned();
        assert!(policy.starts_with("default-src 'none'") && policy.ends_with("script-src 'self'"), "{policy}");
        let html = answer.text().await.unwrap();
        assert!(!html.contains("//"), "{html}");
        let named: Vec<&str> = html.split("\"docs/").skip(1).map(|rest| rest.split('"').next().unwrap()).collect();
        assert_eq!(named.len(), loads.len());
        for path in loads {
            assert!(html.contains(&format!("\"{path}\"")), "{path}: {html}");
            let get = || server.request(Method::GET, &format!("/{path}"));
            let plain = get().send().await.unwrap();
            assert!(plain.headers().get("content-encoding").is_none());
            let gzip = get().header("accept-encoding", "gzip").send().await.unwrap();
            assert_eq!(gzip.headers()["content-encoding"], "gzip");
            let refused = get().header("accept-encoding", "gzip;q=0").send().await.unwrap();
            for answer in [&plain, &gzip, &refused] {
                assert_eq!(
                    (answer.status().as_u16(), &answer.headers()["vary"]),
                    (200, &"Accept-Encoding".parse().unwrap())
                );
            }
            let (plain, gzip) = (plain.bytes().await.unwrap(), gzip.bytes().await.unwrap());
            assert_eq!(plain, refused.bytes().await.unwrap());
            assert!(gzip.starts_with(b"\x1f\x8b") && plain.len() > 3 * gzip.len(), "{path}");
        }
    }
    assert_eq!(server.request(Method::GET, "/docs/index.html").send().await.unwrap().status(), 404);
}

#[test]
fn schemathesis_finds_nothing_that_is_not_described() {
    let installed = Path::new(OTS).ancestors().nth(2).unwrap().join("schemathesis/bin/schemathesis");
    let program = if installed.exists() { installed.into_os_string() } else { "schemathesis".into() };
    if !Command::new(&program).arg("--version").output().is_ok_and(|output| output.status.success()) {
        assert!(std::env::var_os("CI").is_none(), "this test needs schemathesis");
        eprintln!("skipped: this test needs schemathesis");
        return;
    }
    let data = directory();
    let server = Server::start(data.path(), &[]);
    let mut command = Command::new(program);
    let checks = "not_a_server_error,status_code_conformance,content_type_conformance,response_headers_conformance,response_schema_conformance";
    command.args([
        "run",
        "--checks",
        checks,
        "--max-examples",
        "50",
        "--seed",
        "1",
        "--no-color",
        "--url",
        &server.url,
    ]);
    // It keeps its notes where it is run.
    let output = command.arg(format!("{}/openapi.json", server.url)).current_dir(data.path()).output().unwrap();
    let said = String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
    println!("{said}");
    assert!(output.status.success(), "{said}");
    assert!(!server.log().contains("ERROR"), "{}", server.log());
}
