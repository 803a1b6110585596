//! Certificates that can't be used: by the server, which says so, and by clients, which read nothing.

use std::path::PathBuf;

use rcgen::{CertificateParams, KeyPair};
use reqwest::StatusCode;
use serde_json::Value;

use super::{Authority, Pair, serving};
use crate::common::{Server, assert_fails, directory, run, text};

/// A server that isn't the one it should be gets nothing: what is claimed of it stays there.
#[tokio::test]
async fn a_wrong_certificate_claims_nothing() {
    let (trusted, stranger) = (Authority::new(), Authority::new());
    let own = KeyPair::generate().unwrap();
    let by_itself = CertificateParams::new(vec!["127.0.0.1".to_owned()]).unwrap().self_signed(&own).unwrap();
    let by_itself = Pair { certificate: by_itself.pem(), key: own.serialize_pem() };
    for (pair, says) in [
        (trusted.issue(&["ots.example.org"], 2999), "another host's"),
        (trusted.issue(&["127.0.0.1"], 2021), "has expired"),
        (stranger.issue_here(), "--ca-cert"),
        (by_itself, "--ca-cert"),
    ] {
        let data = directory();
        let server = Server::spawn(serving(data.path(), &trusted.install(&pair))).unwrap();
        let anybody = trusted.client().tls_danger_accept_invalid_certs(true).build().unwrap();
        let create =
            anybody.post(format!("{}/api/v1/secrets", server.url)).json(&serde_json::json!({ "content": "x" }));
        let created: Value = create.send().await.unwrap().json().await.unwrap();
        let link = created["url"].as_str().unwrap();
        for arguments in [&["get", link][..], &["status", link], &["burn", link]] {
            assert_fails(&run(trusted.ots(arguments), b""), 4, says);
        }
        assert_fails(&run(trusted.ots(&["put", "--server", &server.url]), b"x"), 4, says);
        let token = created["token"].as_str().unwrap();
        let still = anybody.get(format!("{}/api/v1/secrets/{token}/status", server.url)).send().await.unwrap();
        assert_eq!(still.status(), StatusCode::OK, "it is there, and free");
        let read = anybody.get(format!("{}/api/v1/secrets/{token}", server.url)).send().await.unwrap();
        assert_eq!(read.json::<Value>().await.unwrap()["content"], "x");
        assert_eq!(server.log().contains("has expired"), says == "has expired", "{}", server.log());
    }
}

/// What `openssl req -x509` makes by itself: an authority's certificate, which a server shows as its own.
#[tokio::test]
async fn an_authoritys_own_certificate_is_told_of_on_both_sides() {
    let mut params = CertificateParams::new(vec!["127.0.0.1".to_owned()]).unwrap();
    params.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
    let (key, data, authority) = (KeyPair::generate().unwrap(), directory(), Authority::new());
    let pair = Pair { certificate: params.self_signed(&key).unwrap().pem(), key: key.serialize_pem() };
    let files = authority.install(&pair);
    let server = Server::spawn(serving(data.path(), &files)).unwrap();
    assert!(server.log().contains("an authority's own (CA:TRUE)"), "{}", server.log());
    let mut put = authority.ots(&["put", "--server", &server.url]);
    put.env("OTS_CA_CERT", &files.0);
    assert_fails(&run(put, b"x"), 4, "basicConstraints CA:FALSE");
}

/// The server says what is wrong with a pair, and what to do; nothing of a key is in it.
#[test]
fn the_server_says_what_is_wrong_with_a_pair() {
    let authority = Authority::new();
    let (one, other) = (authority.issue_here(), authority.issue_here());
    let (certificate, key) = authority.install(&one);
    let keep = |name: &str, text: &str| authority.keep(name, text);
    let missing = PathBuf::from("/nonexistent/cert.pem");
    let inner = one.key.lines().nth(1).unwrap();
    let body = |label: &str| format!("-----BEGIN {label}-----\n{inner}\n-----END {label}-----\n");
    for (certificate, key, code, says) in [
        (missing.clone(), key.clone(), 8, "can't read /nonexistent/cert.pem"),
        (certificate.clone(), missing, 8, "can't read /nonexistent/cert.pem: No such file"),
        (keep("empty", ""), key.clone(), 2, "no certificate in PEM"),
        (key.clone(), certificate.clone(), 2, "change the two files round"),
        (certificate.clone(), keep("nothing", "no key"), 2, "no private key in PEM"),
        (certificate.clone(), keep("locked", &body("ENCRYPTED PRIVATE KEY")), 2, "openssl pkey"),
        (certificate.clone(), keep("torn", &format!("-----BEGIN PRIVATE KEY-----\n{inner}\n")), 2, "is damaged"),
        (certificate.clone(), keep("odd", &body("PRIVATE KEY")), 2, "of a kind that can't be used"),
        (keep("odd.pem", &body("CERTIFICATE")), key.clone(), 2, "can't be understood"),
        (certificate.clone(), keep("other", &other.key), 2, "has to come first"),
    ] {
        let data = directory();
        let output = run(serving(data.path(), &(certificate.clone(), key.clone())), b"");
        assert_fails(&output, code, says);
        let said = text(&output.stderr);
        assert!(!said.contains(inner) && !said.contains(&inner[..16]), "{said}");
        assert_eq!(std::fs::read_dir(data.path()).unwrap().count(), 0, "nothing is made before");
    }
    let data = directory();
    let mut command = crate::common::ots();
    command.args(["serve", "--data-dir"]).arg(data.path()).arg("--tls-cert").arg(&certificate);
    assert_fails(&run(command, b""), 2, "belong together");
}
