//! What an operator has the pages and `/info` say of the server.

use reqwest::{Method, StatusCode, header};
use serde_json::{Value, json};

use crate::common::{Server, assert_fails, directory, ots, run};

const LOGO: &[u8] = b"\x89PNG\r\n\x1a\nof nothing";

#[tokio::test]
async fn pages_and_info_say_whose_server_it_is() {
    let (data, files) = (directory(), directory());
    let logo = files.path().join("logo");
    std::fs::write(&logo, LOGO).unwrap();
    let server = Server::start(
        data.path(),
        &[
            "--title=Acme \"<i>'&",
            "--notice=Only for staff",
            "--contact=https://example.org/help?a=1&b=2",
            "--imprint-url=https://example.org/imprint",
            "--privacy-url=https://example.org/privacy",
            &format!("--logo={}", logo.display()),
            "--accent=#2F4AC0",
        ],
    );
    let get = |path: &str| server.request(Method::GET, path).header(header::ACCEPT, "text/html");
    let mut pages = Vec::new();
    let absent = format!("/s/{}", "a".repeat(32));
    for path in ["/", "/s/nothing", "/nothing", &absent] {
        let html = get(path).send().await.unwrap().text().await.unwrap();
        for part in [
            "Acme &#34;&#60;i&#62;&#39;&#38;",
            "Only for staff",
            "https://example.org/help?a=1&#38;b=2",
            "https://example.org/imprint",
            "https://example.org/privacy",
        ] {
            assert!(html.contains(part) && !html.contains("<i>"), "{path} lacks {part}: {html}");
        }
        pages.push(html);
    }
    let info: Value = get("/api/v1/info").send().await.unwrap().json().await.unwrap();
    for (member, said) in [
        ("title", "Acme \"<i>'&"),
        ("notice", "Only for staff"),
        ("contact", "https://example.org/help?a=1&b=2"),
        ("imprint_url", "https://example.org/imprint"),
        ("privacy_url", "https://example.org/privacy"),
    ] {
        assert_eq!(info[member], json!(said));
    }

    let version = pages[0].split("face/").nth(1).unwrap().split('/').next().unwrap();
    let answer = get(&format!("/face/{version}/logo")).send().await.unwrap();
    assert_eq!(
        (answer.status(), &answer.headers()[header::CONTENT_TYPE]),
        (StatusCode::OK, &"image/png".parse().unwrap())
    );
    assert!(answer.headers()[header::CACHE_CONTROL].to_str().unwrap().contains("immutable"));
    // What a picture brings along doesn't run, also when it is opened by itself.
    assert!(answer.headers()[header::CONTENT_SECURITY_POLICY].to_str().unwrap().starts_with("default-src 'none';"));
    assert_eq!(answer.bytes().await.unwrap(), LOGO);
    let style = get(&format!("/face/{version}/accent.css")).send().await.unwrap();
    assert_eq!(style.headers()[header::CONTENT_TYPE], "text/css; charset=utf-8");
    assert!(style.text().await.unwrap().starts_with(":root { --accent: #2f4ac0;"));
    for other in [format!("/face/{version}/other"), format!("/face/{}/logo", "0".repeat(16)), "/face".to_owned()] {
        assert_eq!(get(&other).send().await.unwrap().status(), StatusCode::NOT_FOUND, "{other}");
    }
}

/// Without any of it, nothing of it is there.
#[tokio::test]
async fn a_server_need_not_say_anything_of_itself() {
    let data = directory();
    let server = Server::start(data.path(), &[]);
    let html = server.request(Method::GET, "/").send().await.unwrap().text().await.unwrap();
    assert!(!html.contains("face/") && !html.contains("class=\"notice\"") && !html.contains("class=\"law\""), "{html}");
    let info: Value = server.request(Method::GET, "/api/v1/info").send().await.unwrap().json().await.unwrap();
    assert!(info.get("title").is_none() && info.get("contact").is_none(), "{info}");
}

#[test]
fn what_can_not_be_shown_is_refused_before_anything_is_made() {
    let (data, files) = (directory(), directory());
    let (large, text) = (files.path().join("large.png"), files.path().join("text.png"));
    std::fs::write(&large, [LOGO, &vec![0; 256 * 1024]].concat()).unwrap();
    std::fs::write(&text, "<html>").unwrap();
    let (large, text) = (format!("--logo={}", large.display()), format!("--logo={}", text.display()));
    for (option, code, says) in [
        ("--title=", 2, "it is empty"),
        ("--title=a\nb", 2, "one line of text"),
        ("--notice=\u{1b}[2J", 2, "without control characters"),
        ("--contact=nobody", 2, "write a mail address"),
        ("--contact=javascript:alert(1)", 2, "write a mail address"),
        ("--imprint-url=/imprint", 2, "write a page's URL"),
        ("--privacy-url=file:///etc/passwd", 2, "write a page's URL"),
        ("--accent=blue", 2, "# and six hexadecimal digits"),
        (&text, 2, "no picture that browsers show"),
        (&large, 2, "larger than 256 KiB"),
        ("--logo=/nonexistent/logo", 8, "/nonexistent/logo"),
    ] {
        let mut command = ots();
        command.args(["serve", "--listen", "127.0.0.1:0", "--data-dir"]).arg(data.path().join("new")).arg(option);
        assert_fails(&run(command, b""), code, says);
        assert!(!data.path().join("new").exists(), "{option}");
    }
}
