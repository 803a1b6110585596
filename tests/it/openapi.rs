//! The API's description against the running server: every route and method, every example, and schemathesis, which makes
//! requests from it. schemathesis comes from `PyPI` (`target/schemathesis/bin`, as `.ci/run` installs it, or on the PATH);
//! without it that test says so and passes, and with `CI` set it fails.

use std::{path::Path, process::Command};

use crate::common::{OTS, Server, directory};
use reqwest::Method;
use serde_json::Value;

async fn description(server: &Server) -> Value {
    let answer = server.request(Method::GET, "/openapi.json").send().await.unwrap();
    assert_eq!(answer.headers()["content-type"], "application/json");
    answer.json().await.unwrap()
}

#[tokio::test]
async fn it_has_every_route_and_method() {
    let data = directory();
    let server = Server::start(data.path(), &[]);
    let description = description(&server).await;
    assert_eq!(description["openapi"], "3.1.0");
    let described = description["paths"].as_object().unwrap();
    assert_eq!(described.len(), 6);
    for (path, methods) in described {
        let options = server.request(Method::OPTIONS, &path.replace("{token}", "unknown")).send().await.unwrap();
        let allowed = options.headers()["allow"].to_str().unwrap().to_ascii_lowercase();
        // HEAD is GET without the body; where it is more than that it has its own description.
        let mut allowed: Vec<&str> = allowed.split(", ").filter(|method| *method != "head").collect();
        let mut methods: Vec<&str> =
            methods.as_object().unwrap().keys().map(String::as_str).filter(|method| *method != "head").collect();
        allowed.sort_unstable();
        methods.sort_unstable();
        assert_eq!(methods, allowed, "{path}");
    }
}

/// Each request's example as it stands, with a token where the path wants one; the answers have the examples' members.
#[tokio::test]
async fn every_example_works_as_given() {
    let data = directory();
    let server = Server::start(data.path(), &[]);
    let description = description(&server).await;
    let create = &description["paths"]["/api/v1/secrets"]["post"];
    let members = |value: &Value| value.as_object().unwrap().keys().cloned().collect::<Vec<_>>();
    let examples = create["requestBody"]["content"]["application/json"]["examples"].as_object().unwrap();
    assert_eq!(examples.len(), 3);
    let created_example = &create["responses"]["201"]["content"]["application/json"]["example"];
    let mut with_passphrase = None;
    for (name, example) in examples {
        let answer = server.request(Method::POST, "/api/v1/secrets").json(&example["value"]).send().await.unwrap();
        assert_eq!(answer.status(), 201, "{name}");
        let created: Value = answer.json().await.unwrap();
        assert_eq!(members(&created), members(created_example));
        let path = format!("/api/v1/secrets/{}", created["token"].as_str().unwrap());
        let status = &description["paths"]["/api/v1/secrets/{token}/status"]["get"];
        let told: Value =
            server.request(Method::GET, &format!("{path}/status")).send().await.unwrap().json().await.unwrap();
        assert_eq!(members(&told), members(&status["responses"]["200"]["content"]["application/json"]["example"]));
        if name == "passphrase" {
            with_passphrase = Some(path);
            continue;
        }
        let read = &description["paths"]["/api/v1/secrets/{token}"]["get"]["responses"]["200"]["content"];
        let answer: Value = server.request(Method::GET, &path).send().await.unwrap().json().await.unwrap();
        assert_eq!(answer, read["application/json"]["example"], "{name}");
    }
    let reveal = &description["paths"]["/api/v1/secrets/{token}/reveal"]["post"];
    let body = &reveal["requestBody"]["content"]["application/json"]["example"];
    let answer =
        server.request(Method::POST, &format!("{}/reveal", with_passphrase.unwrap())).json(body).send().await.unwrap();
    let answer: Value = answer.json().await.unwrap();
    assert_eq!(answer, reveal["responses"]["200"]["content"]["application/json"]["example"]);
    for (path, status) in [("/health", "200"), ("/api/v1/info", "200")] {
        let answer: Value = server.request(Method::GET, path).send().await.unwrap().json().await.unwrap();
        let example = &description["paths"][path]["get"]["responses"][status]["content"]["application/json"]["example"];
        assert_eq!(&answer, example, "{path}");
    }
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
