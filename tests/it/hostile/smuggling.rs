//! Requests that two servers in a row might cut in different places (RFC 9112, 11.2): here each is refused and its connection closed, or is
//! read as the RFC has it, and what was hidden in it is never taken for a request.

use super::http::answer;
use crate::common::{Server, directory};

/// What is hidden: it would destroy the secret.
fn hidden(token: &str) -> String {
    format!("DELETE /api/v1/secrets/{token} HTTP/1.1\r\nhost: x\r\n\r\n")
}

/// What stands before a body that holds the hidden request, `LENGTH` bytes long in all, and what stands in the body before it and behind it.
const CASES: &[(&str, &str, &str, &str)] = &[
    ("CL and TE", "content-length: LENGTH\r\ntransfer-encoding: chunked\r\n\r\n", "0\r\n\r\n", ""),
    ("TE and CL", "transfer-encoding: chunked\r\ncontent-length: LENGTH\r\n\r\n", "0\r\n\r\n", ""),
    ("CL of nothing and TE", "content-length: 0\r\ntransfer-encoding: chunked\r\n\r\n", "0\r\n\r\n", ""),
    ("two CLs that differ", "content-length: 0\r\ncontent-length: LENGTH\r\n\r\n", "", ""),
    ("two CLs the other way", "content-length: LENGTH\r\ncontent-length: 0\r\n\r\n", "", ""),
    ("two CLs in one", "content-length: 0, LENGTH\r\n\r\n", "", ""),
    ("the same CL twice", "content-length: LENGTH\r\ncontent-length: LENGTH\r\n\r\n", "", ""),
    ("CL with a sign", "content-length: +0\r\n\r\n", "", ""),
    ("CL below nothing", "content-length: -1\r\n\r\n", "", ""),
    ("CL in hex", "content-length: 0x0\r\n\r\n", "", ""),
    ("CL with a space within", "content-length: 0 0\r\n\r\n", "", ""),
    ("CL of nothing at all", "content-length:\r\n\r\n", "", ""),
    ("CL beyond any", "content-length: 99999999999999999999999\r\n\r\n", "", ""),
    ("CL with a letter", "content-length: 0a\r\n\r\n", "", ""),
    ("a space before the colon of CL", "content-length : 0\r\n\r\n", "", ""),
    ("a tab before the colon of TE", "transfer-encoding\t: chunked\r\n\r\n", "0\r\n\r\n", ""),
    ("TE that is none", "transfer-encoding: xchunked\r\n\r\n", "0\r\n\r\n", ""),
    ("TE of identity", "transfer-encoding: identity\r\n\r\n", "", ""),
    ("TE with more behind", "transfer-encoding: chunked, identity\r\n\r\n", "0\r\n\r\n", ""),
    ("two TEs, the last not chunked", "transfer-encoding: chunked\r\ntransfer-encoding: x\r\n\r\n", "0\r\n\r\n", ""),
    ("TE in quotes", "transfer-encoding: \"chunked\"\r\n\r\n", "0\r\n\r\n", ""),
    ("TE with a vertical tab", "transfer-encoding: \x0bchunked\r\n\r\n", "0\r\n\r\n", ""),
    ("TE on a folded line", "transfer-encoding:\r\n chunked\r\n\r\n", "0\r\n\r\n", ""),
    ("a header that hides TE by folding", "x: y\r\n transfer-encoding: chunked\r\n\r\n", "0\r\n\r\n", ""),
    ("a CR alone before TE", "x: y\rtransfer-encoding: chunked\r\n\r\n", "0\r\n\r\n", ""),
    ("a null in a name", "content\0length: 0\r\n\r\n", "", ""),
    ("a space before the first name", " content-length: 0\r\n\r\n", "", ""),
    ("a chunk's size with a sign", "transfer-encoding: chunked\r\n\r\n", "+0\r\n\r\n", ""),
    ("a chunk's size with 0x", "transfer-encoding: chunked\r\n\r\n", "0x0\r\n\r\n", ""),
    ("a chunk's size that overflows", "transfer-encoding: chunked\r\n\r\n", "10000000000000000\r\n\r\n", ""),
    ("a chunk's size that is none", "transfer-encoding: chunked\r\n\r\n", "\r\n\r\n", ""),
    ("a chunk's size with a space within", "transfer-encoding: chunked\r\n\r\n", "0 0\r\n\r\n", ""),
    ("a chunk's extension with a bare LF", "transfer-encoding: chunked\r\n\r\n", "HEX;x=\n0\r\n\r\n", "\r\n0\r\n\r\n"),
    ("a chunk's extension with a CR", "transfer-encoding: chunked\r\n\r\n", "HEX;x=\r0\r\n\r\n", "\r\n0\r\n\r\n"),
    ("a chunk that ends too late", "transfer-encoding: chunked\r\n\r\n", "1\r\nxx\r\n0\r\n\r\n", ""),
    ("a chunk that ends with a bare LF", "transfer-encoding: chunked\r\n\r\n", "1\r\nx\n0\r\n\r\n", ""),
    ("a chunk that holds it", "transfer-encoding: chunked\r\n\r\n", "HEX\r\n", "\r\n0\r\n\r\n"),
    ("a trailer that holds TE", "transfer-encoding: chunked\r\n\r\n", "HEX\r\n", "\r\n0\r\ncontent-length: 0\r\n\r\n"),
    ("a body that holds it", "content-length: LENGTH\r\n\r\n", "", ""),
    (
        "an upgrade",
        "connection: upgrade, http2-settings\r\nupgrade: h2c\r\nhttp2-settings: AAMAAABkAAQAAP__\r\ncontent-length: LENGTH\r\n\r\n",
        "",
        "",
    ),
    ("an expectation", "expect: 100-continue\r\ncontent-length: LENGTH\r\n\r\n", "", ""),
];

#[tokio::test]
async fn what_is_hidden_in_a_body_is_no_request() {
    let data = directory();
    let server = Server::start(data.path(), &[]);
    for (what, head, before, after) in CASES {
        for line in ["POST /api/v1/secrets HTTP/1.1", "GET /health HTTP/1.1", "POST http://x/api/v1/secrets HTTP/1.1"] {
            let token = server.create("hunter2").await;
            let hidden = hidden(&token);
            let before = before.replace("HEX", &format!("{:x}", hidden.len()));
            let body = format!("{before}{hidden}{after}");
            let head = head.replace("LENGTH", &body.len().to_string());
            let request = format!("{line}\r\nhost: x\r\ncontent-type: application/octet-stream\r\n{head}{body}");
            let answered = answer(&server, request.as_bytes()).await;
            let answers: Vec<&str> = answered.split("HTTP/1.").skip(1).map(|answer| &answer[2..5]).collect();
            let last = answers.iter().rfind(|status| **status != "100");
            assert!(answers.iter().filter(|status| **status != "100").count() <= 1, "{what}, {line}: {answered}");
            assert!(
                last.is_none_or(
                    |status| ["200", "201", "400", "411", "413", "415", "422", "431", "501"].contains(status)
                ),
                "{what}: {answered}"
            );
            assert_eq!(server.get(&token).await.status(), 200, "{what}, {line}: {answered}");
        }
    }
}

/// What isn't ambiguous is served by its framing, one answer for each request; what is wrong in the line or the head is refused and closed.
#[tokio::test]
async fn requests_end_where_the_rfc_says() {
    let data = directory();
    let server = Server::start(data.path(), &[]);
    let post = "POST /api/v1/secrets HTTP/1.1\r\nhost: x\r\ncontent-type: application/octet-stream\r\n";
    let then = "GET /robots.txt HTTP/1.1\r\nhost: x\r\n\r\n";
    for (what, body) in [
        ("a length", "content-length: 3\r\n\r\nabc"),
        ("chunks", "transfer-encoding: chunked\r\n\r\n1\r\na\r\n2;x=y\r\nbc\r\n0\r\n\r\n"),
        ("chunks and trailers", "transfer-encoding: Chunked\r\n\r\n003\r\nabc\r\n0\r\nx: y\r\n\r\n"),
    ] {
        let answered = answer(&server, format!("{post}{body}{then}").as_bytes()).await;
        assert!(answered.starts_with("HTTP/1.1 201"), "{what}: {answered}");
        assert!(
            answered.matches("HTTP/1.1 ").count() == 2 && answered.ends_with("Disallow: /\n"),
            "{what}: {answered}"
        );
    }
    for wrong in [
        "GET  / HTTP/1.1\r\nhost: x\r\n\r\n",
        "GET / HTTP/1.1 \r\nhost: x\r\n\r\n",
        "GET /\0 HTTP/1.1\r\nhost: x\r\n\r\n",
        "GET / HTTP/1.2\r\nhost: x\r\n\r\n",
        "GET / HTTP/3.0\r\nhost: x\r\n\r\n",
        "GET / http/1.1\r\nhost: x\r\n\r\n",
        "GET /\r\nhost: x\r\n\r\n",
        "G\u{e9}T / HTTP/1.1\r\nhost: x\r\n\r\n",
        "GET / HTTP/1.1\r\nhost: x\r\n: y\r\n\r\n",
        "GET / HTTP/1.1\r\nhost: x\r\nno colon\r\n\r\n",
        "GET / HTTP/1.1\r\nhost: x\r\nx: a\x01b\r\n\r\n",
    ] {
        let answered = answer(&server, format!("{wrong}{then}").as_bytes()).await;
        let refused =
            answered.is_empty() || answered.starts_with("HTTP/1.1 400") || answered.starts_with("HTTP/1.0 400");
        assert!(refused && answered.matches("HTTP/1.").count() <= 1, "{wrong:?}: {answered}");
    }
    // The target's own host counts, not the header's (RFC 9112, 3.2.2).
    let absolute = "POST http://right:1/api/v1/secrets HTTP/1.1\r\nhost: wrong\r\ncontent-type: application/octet-stream\r\ncontent-length: 1\r\n\r\nx";
    let answered = answer(&server, absolute.as_bytes()).await;
    assert!(answered.contains("\"url\":\"http://right:1/s/"), "{answered}");
}
