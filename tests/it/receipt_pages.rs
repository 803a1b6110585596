//! The pages of receipts without a script: what became of a secret, in words, from real events; and the button that destroys it.

use std::{fs, path::Path, time::Duration};

use reqwest::{Method, RequestBuilder, Response, StatusCode, header};
use serde_json::{Value, json};

use crate::common::{CLAIM, Server, directory, until};

const UNKNOWN: &str = "r-aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa";
const LANGUAGES: [&str; 10] = ["en", "de", "fr", "es", "pt", "it", "nl", "pl", "zh", "ja"];

/// A secret with a receipt: its token, and its receipt's page.
async fn sent(server: &Server, mut body: Value) -> (String, String) {
    body["receipt"] = json!(true);
    let created: Value = server.post_json(&body.to_string()).await.json().await.unwrap();
    let word = |name: &str| created[name].as_str().unwrap().to_owned();
    (word("token"), format!("/t/{}", word("receipt")))
}

/// As a browser posts a form without fields.
fn press(server: &Server, page: &str) -> RequestBuilder {
    server.request(Method::POST, page).header(header::CONTENT_TYPE, "application/x-www-form-urlencoded")
}

async fn page_of(response: Response, status: StatusCode) -> String {
    assert_eq!(response.status(), status);
    assert_eq!(response.headers()[header::CONTENT_TYPE], "text/html; charset=utf-8");
    response.text().await.unwrap()
}

async fn look(server: &Server, page: &str) -> String {
    page_of(server.request(Method::GET, page).send().await.unwrap(), StatusCode::OK).await
}

/// What a page says of itself, by its views: the shown one's heading and its first sentence.
fn said(html: &str) -> (&str, &str) {
    let between = |open: &str, close: &str| html.split(open).nth(1).unwrap().split(close).next().unwrap();
    (between("data-id=\"title\">", "</h1>"), between("data-id=\"why\">", "</p>"))
}

/// The times that are shown.
fn times(html: &str) -> Vec<&str> {
    let all = html.split("<dl class=\"times\">").nth(1).unwrap().split("</dl>").next().unwrap();
    let shown = all.split("<div").filter(|row| row.starts_with("><dt>"));
    shown.filter_map(|row| row.split("data-id=\"").nth(1)?.split('"').next()).collect()
}

fn can_destroy(html: &str) -> bool {
    html.contains("<form method=\"post\" data-id=\"burn\">")
}

/// Each state from what really happened, and never what was sent.
#[tokio::test]
async fn each_state_is_told_in_words() {
    let data = directory();
    let server = Server::start(data.path(), &["--claim-lease", "4s", "--rate-limit", "off"]);
    let (token, page) = sent(&server, json!({"content": "hunter2"})).await;
    for _ in 0..2 {
        let html = look(&server, &page).await;
        assert_eq!(said(&html).0, "Still unread", "looking changes nothing");
        assert!(said(&html).1.starts_with("Nobody has asked for it."));
        assert_eq!(times(&html), ["created_at", "expires_at"]);
        assert!(can_destroy(&html) && html.contains("<a href=\"\">Check again</a>"), "{html}");
        assert!(!html.contains("hunter2") && !html.contains(&token));
    }
    server.reveal(&token, Some(CLAIM), None).await;
    let html = look(&server, &page).await;
    assert_eq!(said(&html).0, "It is being read");
    assert_eq!(times(&html), ["created_at", "claimed_at", "claim_expires_at"]);
    assert!(!can_destroy(&html));
    let late = page_of(press(&server, &page).send().await.unwrap(), StatusCode::CONFLICT).await;
    assert!(late.contains("data-id=\"late\" role=\"alert\">It is too late: "), "{late}");
    assert_eq!(said(&late).0, "It is being read");
    assert_eq!(server.delete(&token, Some(CLAIM)).await.status(), 204, "and its reader isn't disturbed");
    let html = look(&server, &page).await;
    assert_eq!(
        said(&html),
        ("It has arrived", "The reader’s program has confirmed that it has arrived. It is destroyed.")
    );
    assert_eq!(times(&html), ["created_at", "claimed_at", "ended_at"]);
    assert!(!can_destroy(&html) && !html.contains("<a href=\"\">Check again"), "nothing more becomes of it");

    let (token, page) = sent(&server, json!({"content": "x"})).await;
    server.reveal(&token, Some(CLAIM), None).await;
    until("its lease has ended", Duration::from_secs(30), async || {
        said(&look(&server, &page).await).0 == "Given out, not confirmed"
    })
    .await;
    assert!(said(&look(&server, &page).await).1.ends_with("Ask the reader whether they have it."));

    let (token, page) = sent(&server, json!({"content": "x", "passphrase": "right"})).await;
    server.reveal(&token, Some(CLAIM), Some("wrong")).await;
    let html = look(&server, &page).await;
    assert!(html.contains("><dt>Wrong passphrases tried:</dt><dd data-id=\"tries\">1</dd>"), "{html}");
    for _ in 1..10 {
        server.reveal(&token, Some(CLAIM), Some("wrong")).await;
    }
    let html = look(&server, &page).await;
    assert!(said(&html).1.starts_with("Somebody tried wrong passphrases until it was destroyed"));
    assert!(html.contains("<dd data-id=\"tries\">10</dd>"), "{html}");

    let (token, page) = sent(&server, json!({"content": "x"})).await;
    server.delete(&token, None).await;
    let html = look(&server, &page).await;
    assert_eq!(said(&html), ("Destroyed unread", "Somebody who has the link destroyed it before anybody read it."));
    assert_eq!(times(&html), ["created_at", "ended_at"]);
    let (_, page) = sent(&server, json!({"content": "x", "ttl_seconds": 1})).await;
    until("it has expired", Duration::from_secs(30), async || said(&look(&server, &page).await).0 == "Expired unread")
        .await;
}

#[tokio::test]
async fn the_button_destroys_what_is_unread() {
    let data = directory();
    let server = Server::start(data.path(), &[]);
    let (token, page) = sent(&server, json!({"content": "x"})).await;
    let own = server.url.clone();
    for foreign in ["https://evil.example", "null", &format!("{own}1")] {
        let refused = press(&server, &page).header("origin", foreign).send().await.unwrap();
        assert_eq!(refused.status(), 403, "{foreign}");
    }
    let shown = press(&server, &page).header("sec-fetch-site", "cross-site").header("accept", "text/html");
    let refused = page_of(shown.send().await.unwrap(), StatusCode::FORBIDDEN).await;
    assert!(refused.contains("This didn’t come from this server’s own page"), "{refused}");
    assert_eq!(said(&look(&server, &page).await).0, "Still unread");
    for _ in 0..2 {
        let pressed = press(&server, &page).header("origin", &own).send().await.unwrap();
        let html = page_of(pressed, StatusCode::OK).await;
        assert_eq!(said(&html), ("Destroyed unread", "It was destroyed with its receipt before anybody read it."));
        assert!(html.contains("data-id=\"late\" role=\"alert\"></p>"), "and again is no failure: {html}");
    }
    assert_eq!(server.get(&token).await.status(), 404);
    assert_eq!(press(&server, &format!("/t/{UNKNOWN}")).send().await.unwrap().status(), 404);
    let options = server.request(Method::OPTIONS, &page).send().await.unwrap();
    assert_eq!(options.headers()["allow"], "GET, HEAD, POST");
    assert_eq!(server.request(Method::DELETE, &page).send().await.unwrap().status(), 405);
}

#[tokio::test]
async fn every_language_tells_it() {
    let data = directory();
    let server = Server::start(data.path(), &[]);
    let (_, page) = sent(&server, json!({"content": "x"})).await;
    for language in LANGUAGES {
        let file = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("src/web/text/{language}.json"));
        let texts: Value = serde_json::from_str(&fs::read_to_string(file).unwrap()).unwrap();
        for (path, status, words) in [
            (page.as_str(), 200, "fate_unread"),
            (&page, 200, "why_unread"),
            (&page, 200, "about_receipt"),
            (&format!("/t/{UNKNOWN}"), 404, "untold_why"),
            ("/t/", 200, "receipts_needs_script"),
        ] {
            let asked = server.request(Method::GET, path).header(header::ACCEPT_LANGUAGE, language);
            let answer = asked.send().await.unwrap();
            assert_eq!(answer.status(), status, "{language}, {path}");
            assert_eq!(answer.headers()[header::CONTENT_LANGUAGE], language);
            let html = answer.text().await.unwrap();
            assert!(html.contains(texts[words].as_str().unwrap()), "{language}: {words}");
        }
        let chosen = look(&server, &format!("{page}?lang={language}")).await;
        assert!(chosen.contains(&format!("<html lang=\"{language}\"")), "{language}");
    }
}

/// What can be no receipt is a page in words too, whoever asks, and shows nothing of what was asked for.
#[tokio::test]
async fn what_is_no_receipt_is_said() {
    let data = directory();
    let server = Server::start(data.path(), &[]);
    let token = server.create("x").await;
    let mut hostile = vec!["r-".to_owned(), "r-short".to_owned(), token.clone(), format!("r-{token}x")];
    hostile.extend(["%3Cscript%3Ealert(1)%3C%2Fscript%3E", "r-%00", "%ff", "..%2f..", "r-é"].map(str::to_owned));
    hostile.push(format!("r-{}", "a".repeat(5000)));
    for path in hostile {
        let answer = server.request(Method::GET, &format!("/t/{path}")).send().await.unwrap();
        let html = page_of(answer, StatusCode::NOT_FOUND).await;
        assert!(html.contains("The link isn’t whole") && !html.contains("alert(1)"), "{path}: {html}");
    }
    for path in [format!("/t/{UNKNOWN}"), format!("/t/r-{token}")] {
        let answer = server.request(Method::GET, &path).header("accept", "application/json").send().await.unwrap();
        let html = page_of(answer, StatusCode::NOT_FOUND).await;
        assert!(html.contains("data-state=\"untold\"") && !html.contains(&path[3..]), "{html}");
    }
    assert_eq!(server.get(&token).await.status(), 200, "a secret's token is no receipt");
}

/// Who looks for receipts that aren't there is held up as who looks for secrets.
#[tokio::test]
async fn what_is_not_there_is_a_miss() {
    let data = directory();
    let server = Server::start(data.path(), &["--trusted-proxy", "127.0.0.1", "--rate-limit", "misses=3/h"]);
    let (_, page) = sent(&server, json!({"content": "x"})).await;
    let ask = async |method: Method, path: &str| {
        server.request(method, path).header("x-forwarded-for", "192.0.2.1").send().await.unwrap()
    };
    for _ in 0..5 {
        assert_eq!(ask(Method::GET, &page).await.status(), 200);
        assert_eq!(ask(Method::GET, "/t/").await.status(), 200);
    }
    assert_eq!(ask(Method::GET, &format!("/t/{UNKNOWN}")).await.status(), 404);
    assert_eq!(ask(Method::POST, &format!("/t/{UNKNOWN}")).await.status(), 404);
    assert_eq!(ask(Method::HEAD, "/t/r-x").await.status(), 404);
    for method in [Method::GET, Method::POST] {
        assert_eq!(ask(method, &page).await.status(), 429);
    }
    assert_eq!(said(&look(&server, &page).await).0, "Still unread");
}

/// The form that shares without a script gives the receipt's link.
#[tokio::test]
async fn the_page_that_shares_gives_a_receipt() {
    let data = directory();
    let server = Server::start(data.path(), &[]);
    let shared = press(&server, "/").body("content=hunter2&ttl=3600").send().await.unwrap();
    let html = page_of(shared, StatusCode::CREATED).await;
    let value = html.split("data-id=\"receipt\"").nth(1).unwrap().split("value=\"").nth(1).unwrap();
    let page = value.split('"').next().unwrap().strip_prefix(&server.url).unwrap();
    assert!(page.starts_with("/t/r-"), "{page}");
    assert!(html.contains(&format!("data-id=\"open-receipt\" href=\"{}{page}\"", server.url)), "{html}");
    assert_eq!(said(&look(&server, page).await).0, "Still unread");
    let empty = look(&server, "/").await;
    assert!(!empty.contains("/t/r-") && !empty.contains("data-id=\"open-receipt\" href"), "{empty}");
}
