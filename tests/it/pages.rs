//! The pages over HTTP: who only looks destroys nothing, and every page keeps its promises to the browser.

use crate::common::{self, Server, directory, http};
use reqwest::{Method, StatusCode, header};

/// User agents of those that fetch links to show a preview of them, and of crawlers.
const ROBOTS: [&str; 10] = [
    "Slackbot-LinkExpanding 1.0 (+https://api.slack.com/robots)",
    "facebookexternalhit/1.1 (+http://www.facebook.com/externalhit_uatext.php)",
    "Twitterbot/1.0",
    "WhatsApp/2.23.20.0",
    "TelegramBot (like TwitterBot)",
    "Mozilla/5.0 (compatible; Discordbot/2.0; +https://discordapp.com)",
    "Mozilla/5.0 (Windows NT 6.1; WOW64) SkypeUriPreview Preview/0.5",
    "LinkedInBot/1.0 (compatible; Mozilla/5.0; Apache-HttpClient +http://www.linkedin.com)",
    "Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)",
    "Mozilla/5.0 (compatible; bingbot/2.0; +http://www.bing.com/bingbot.htm)",
];
/// What they and browsers that fetch ahead send besides.
const HINTS: [(&str, &str); 5] = [
    ("Accept", "text/html"),
    ("Purpose", "prefetch"),
    ("Sec-Purpose", "prefetch;prerender"),
    ("Sec-Fetch-Dest", "document"),
    ("X-Purpose", "preview"),
];

/// A request's page, which is the same whether there is one.
const REQUEST: &str = "/r/aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa";

fn path_of(link: &str) -> String {
    format!("/s/{}", link.rsplit('/').next().unwrap().split('#').next().unwrap())
}

fn put(server: &Server, arguments: &[&str]) -> String {
    let output = common::run(server.client(&[&["put"], arguments].concat()), b"canary");
    assert!(output.status.success(), "{output:?}");
    String::from_utf8(output.stdout).unwrap().trim().to_owned()
}

/// The paths of the assets that a page names.
fn assets(html: &str) -> Vec<String> {
    html.split('"')
        .filter(|part| part.contains("assets/"))
        .map(|part| part.trim_start_matches('.').replacen("./", "/", 1))
        .collect()
}

/// Previews, prefetches, crawlers and HEAD, a thousand of each page and asset: promise 2.
#[tokio::test]
async fn looking_a_thousand_times_destroys_nothing() {
    let data = directory();
    let server = Server::start(data.path(), &[]);
    let links = [put(&server, &[]), put(&server, &["-e"])];
    let page = path_of(&links[0]);
    let mut paths: Vec<String> = links.iter().map(|link| path_of(link)).collect();
    let html = server.request(Method::GET, &page).send().await.unwrap().text().await.unwrap();
    let named = assets(&html);
    assert!(named.len() >= 3, "{named:?}");
    paths.extend(named);
    paths.extend(["/", "/robots.txt", "/openapi.json", "/docs", "/docs/swagger-ui.css", "/redoc"].map(str::to_owned));
    let api = page.replace("/s/", "/api/v1/secrets/");
    let client = http();
    let mut refused = 0;
    for round in 0..1000 {
        let (name, value) = HINTS[round % HINTS.len()];
        let method = if round % 3 == 0 { Method::HEAD } else { Method::GET };
        for path in &paths {
            let request = client.request(method.clone(), format!("{}{path}", server.url));
            let request = request.header("User-Agent", ROBOTS[round % ROBOTS.len()]).header(name, value);
            assert_eq!(request.send().await.unwrap().status(), StatusCode::OK, "{path}");
        }
        // The API's GET, which destroys, is refused to what a browser does by itself.
        if ["Purpose", "Sec-Purpose", "Sec-Fetch-Dest"].contains(&name) {
            let answer = client.get(format!("{}{api}", server.url)).header(name, value).send().await.unwrap();
            assert_eq!(answer.status(), StatusCode::FORBIDDEN);
            refused += 1;
        }
    }
    assert_eq!(refused, 600);
    for link in links {
        let output = common::run(server.client(&["get", &link]), b"");
        assert_eq!(output.stdout, b"canary");
    }
}

#[tokio::test]
async fn every_page_carries_its_policy() {
    let data = directory();
    let server = Server::start(data.path(), &[]);
    let waiting = path_of(&put(&server, &[]));
    let made: serde_json::Value = server.post_json(r#"{"content": "x", "receipt": true}"#).await.json().await.unwrap();
    let receipt = format!("/t/{}", made["receipt"].as_str().unwrap());
    let unknown = "/t/r-aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa";
    for (path, status) in [
        ("/", 200),
        (&waiting, 200),
        ("/s/unknown", 404),
        (&receipt, 200),
        (unknown, 404),
        ("/t/unknown", 404),
        ("/t/", 200),
        (REQUEST, 200),
        ("/request", 200),
    ] {
        for method in [Method::GET, Method::HEAD] {
            let answer = server.request(method.clone(), path).send().await.unwrap();
            assert_eq!(answer.status(), status, "{path}");
            let header = |name: &str| answer.headers()[name].to_str().unwrap().to_owned();
            let policy = header("content-security-policy");
            for part in [
                "default-src 'none'",
                "frame-ancestors 'none'",
                "require-trusted-types-for 'script'",
                "base-uri 'none'",
                "worker-src 'self'",
            ] {
                assert!(policy.contains(part), "{policy}");
            }
            assert!(!policy.contains("unsafe") && !policy.contains("http"), "{policy}");
            for (name, value) in [
                ("cache-control", "no-store"),
                ("referrer-policy", "no-referrer"),
                ("cross-origin-opener-policy", "same-origin"),
                ("cross-origin-resource-policy", "same-origin"),
                ("x-content-type-options", "nosniff"),
                ("content-type", "text/html; charset=utf-8"),
                ("x-robots-tag", "noindex, nofollow"),
            ] {
                assert_eq!(header(name), value, "{path}");
            }
            let html = answer.text().await.unwrap();
            assert_eq!(html.is_empty(), method == Method::HEAD);
            assert!(!html.contains("<style") && !html.contains(" style=") && !html.contains("onclick"));
            assert!(!html.contains("https://") && !html.contains("http://"), "another host: {html}");
            for attribute in [" id=\"", " data-id=\""] {
                let mut names: Vec<&str> =
                    html.split(attribute).skip(1).map(|rest| rest.split('"').next().unwrap()).collect();
                let all = names.len();
                names.sort_unstable();
                names.dedup();
                assert_eq!(names.len(), all, "{path}: two parts have one name: {names:?}");
            }
        }
    }
}

#[tokio::test]
async fn assets_are_kept_for_ever_under_a_name_of_their_version() {
    let data = directory();
    let server = Server::start(data.path(), &[]);
    let html = server.request(Method::GET, "/").send().await.unwrap().text().await.unwrap();
    for path in assets(&html) {
        let plain = server.request(Method::GET, &path).send().await.unwrap();
        assert_eq!(plain.headers()[header::CACHE_CONTROL], "public, max-age=31536000, immutable");
        assert!(plain.headers().get(header::CONTENT_ENCODING).is_none());
        let plain = plain.bytes().await.unwrap();
        for (wanted, given) in [("gzip, br", "br"), ("gzip", "gzip"), ("br;q=0, gzip;q=0.5", "gzip")] {
            let request = server.request(Method::GET, &path).header(header::ACCEPT_ENCODING, wanted);
            let answer = request.send().await.unwrap();
            assert_eq!(answer.headers()[header::CONTENT_ENCODING], given, "{path}");
            assert_eq!(answer.headers()[header::VARY], "Accept-Encoding");
            assert_ne!(answer.bytes().await.unwrap(), plain);
        }
        let other = path.rsplit_once('/').unwrap().1;
        let answer = server.request(Method::GET, &format!("/assets/0000000000000000/{other}")).send().await.unwrap();
        assert_eq!(answer.status(), 404, "another version's name gives nothing");
        assert_eq!(answer.headers()[header::CACHE_CONTROL], "no-store");
    }
}

#[tokio::test]
async fn a_host_can_have_no_page_to_share_from() {
    let data = directory();
    let server = Server::start(data.path(), &["--no-create-page"]);
    for method in [Method::GET, Method::POST] {
        assert_eq!(server.request(method, "/").send().await.unwrap().status(), 404);
    }
    let page = path_of(&put(&server, &[]));
    assert_eq!(server.request(Method::GET, &page).send().await.unwrap().status(), 200);
    // What was asked for elsewhere is collected, and nothing asked.
    let ask = server.request(Method::GET, "/request").send().await.unwrap().text().await.unwrap();
    assert!(ask.contains("No requests are made on this page.") && !ask.contains("data-id=\"ask\""), "{ask}");
}

#[tokio::test]
async fn a_bad_form_costs_nobody_a_secret() {
    let data = directory();
    let server = Server::start(data.path(), &["--max-size", "1KiB"]);
    let link = put(&server, &[]);
    let page = path_of(&link);
    let form = async |path: &str, kind: &str, body: &str| {
        server
            .request(Method::POST, path)
            .header(header::CONTENT_TYPE, kind)
            .body(body.to_owned())
            .send()
            .await
            .unwrap()
            .status()
    };
    let urlencoded = "application/x-www-form-urlencoded";
    assert_eq!(form(&page, "application/json", "{}").await, 415);
    assert_eq!(form(&page, urlencoded, &"x".repeat(9000)).await, 413);
    assert_eq!(form("/", urlencoded, "content=").await, 422);
    assert_eq!(form("/", urlencoded, "content=x&ttl=99999999").await, 422);
    // A mistake must not quietly become a day.
    for ttl in ["abc", "custom", "-5", "1d"] {
        assert_eq!(form("/", urlencoded, &format!("content=x&ttl={ttl}")).await, 422, "{ttl}");
    }
    assert_eq!(form("/", urlencoded, &format!("content={}", "x".repeat(1025))).await, 413);
    assert_eq!(form("/", urlencoded, &format!("content=x&passphrase={}", "x".repeat(1025))).await, 422);
    assert_eq!(form("/s/unknown", urlencoded, "claim=x").await, 404);
    assert_eq!(common::run(server.client(&["get", &link]), b"").stdout, b"canary");
}

/// The page's words for what the server refuses, without a script: in the reader's language, and never the API's detail.
#[tokio::test]
async fn a_form_is_refused_in_the_readers_language() {
    let data = directory();
    let server = Server::start(data.path(), &["--max-size", "1KiB", "--max-ttl", "2d", "--default-ttl", "1h"]);
    let secret = path_of(&put(&server, &[]));
    let long = "x".repeat(3000);
    let longer = "x".repeat(9000);
    for (path, body, status, words) in [
        ("/", "content=".to_owned(), 422, "Es gibt nichts zu teilen"),
        ("/", format!("content={}", "x".repeat(1025)), 413, "Dieser Server nimmt höchstens 1 KiB an."),
        ("/", format!("content={}", "x".repeat(20_000)), 413, "Dieser Server nimmt höchstens 1 KiB an."),
        ("/", format!("content=x&passphrase={long}"), 422, "Die Passphrase lässt sich nicht verwenden"),
        ("/", "content=x&ttl=172801".to_owned(), 422, "Die längste Dauer auf diesem Server: 2 Tage."),
        ("/", "content=x&ttl=other&ttl_number=3&ttl_unit=86400".to_owned(), 422, "auf diesem Server: 2 Tage."),
        ("/", "content=x&ttl=other&ttl_number=&ttl_unit=60".to_owned(), 422, "Geben Sie an, wie lange"),
        ("/", "content=x&ttl=other&ttl_number=0&ttl_unit=60".to_owned(), 422, "Geben Sie an, wie lange"),
        (&secret, format!("passphrase={longer}"), 413, "Die Passphrase lässt sich nicht verwenden"),
    ] {
        let request = server.request(Method::POST, path).header(header::ACCEPT_LANGUAGE, "de-CH, de;q=0.9");
        let request = request.header(header::CONTENT_TYPE, "application/x-www-form-urlencoded");
        let answer = request.body(body).send().await.unwrap();
        assert_eq!(answer.status(), status, "{words}");
        assert_eq!(answer.headers()[header::CONTENT_LANGUAGE], "de");
        let html = answer.text().await.unwrap();
        let place = if path == "/" { "id=\"plain-problem\">" } else { "data-id=\"detail\">" };
        let shown = html.split(place).nth(1).unwrap().split("</p>").next().unwrap();
        assert!(shown.contains(words), "{words}: {shown}");
    }
}

/// What is no link: a page for whoever looks, JSON for programs; what only clings to a token is taken away. None of it asks the store.
#[tokio::test]
async fn what_is_no_link_is_said_in_words_to_people() {
    let data = directory();
    let server = Server::start(data.path(), &[]);
    let page = path_of(&put(&server, &[]));
    let token = page.rsplit('/').next().unwrap();
    let client = reqwest::Client::builder().redirect(reqwest::redirect::Policy::none()).build().unwrap();
    let ask = async |method: Method, path: &str, name: &str, value: &str| {
        let request = client.request(method, format!("{}{path}", server.url)).header(name, value);
        request.header(header::CONTENT_TYPE, "text/plain").send().await.unwrap()
    };
    let looks = [("Accept", "text/html,*/*;q=0.8"), ("Sec-Fetch-Dest", "document")];
    for (name, value) in looks {
        for path in ["/s", "/s/", "/foo", "//", "/foo/bar", "/q/x", "/t/r-x", "/s/a/b", &format!("{page}%23x")] {
            for method in [Method::GET, Method::HEAD, Method::POST] {
                let answer = ask(method.clone(), path, name, value).await;
                assert_eq!(answer.status(), 404, "{path}");
                assert_eq!(answer.headers()[header::CONTENT_TYPE], "text/html; charset=utf-8", "{path}");
                let html = answer.text().await.unwrap();
                assert!(method == Method::HEAD || html.contains("The link isn’t whole"), "{path}: {html}");
                assert!(!html.contains("leaked") && !html.contains(token), "{html}");
            }
        }
        for path in ["/api/v1/nothing", "/api/v1/secrets/abc", "/assets/0/x", "/docs/x"] {
            let answer = ask(Method::POST, path, name, value).await;
            assert_eq!(answer.headers()[header::CONTENT_TYPE], "application/problem+json", "{path}");
        }
        // What goes wrong with a form is said on a page too.
        for (path, status) in [("/", 415), (page.as_str(), 415)] {
            let answer = ask(Method::POST, path, name, value).await;
            assert_eq!(answer.status(), status);
            assert!(answer.text().await.unwrap().starts_with("<!doctype html>"), "{path}");
        }
    }
    for path in ["/s", "/foo", "//", "/r/x"] {
        let answer = ask(Method::GET, path, "Accept", "*/*").await;
        assert_eq!(answer.headers()[header::CONTENT_TYPE], "application/problem+json", "{path}");
    }
    // There or not, the answer is the same.
    for token in [token, "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"] {
        for (mangled, to) in [(".", ""), (")", ""), ("%E2%80%A6", ""), ("/", "../"), ("//", "../../"), ("/%3E", "../")]
        {
            for (path, whole) in [("s", token.to_owned()), ("r", token.to_owned()), ("t", format!("r-{token}"))] {
                let answer = ask(Method::GET, &format!("/{path}/{whole}{mangled}"), "Accept", "text/html").await;
                assert_eq!(answer.status(), 303, "{mangled}");
                assert_eq!(answer.headers()[header::LOCATION], format!("{to}{whole}"), "{mangled}");
            }
        }
    }
    assert_eq!(server.request(Method::GET, &page).send().await.unwrap().status(), 200);
}

/// The form that works without a script is there only without one, and that of an end-to-end secret nowhere.
#[tokio::test]
async fn nothing_readable_can_be_sent_where_a_script_should_seal_it() {
    let data = directory();
    let server = Server::start(data.path(), &[]);
    for (path, plain) in [
        ("/".to_owned(), None),
        (REQUEST.to_owned(), None),
        ("/request".to_owned(), None),
        (path_of(&put(&server, &["-e"])), None),
        (path_of(&put(&server, &[])), Some(1)),
    ] {
        let html = server.request(Method::GET, &path).send().await.unwrap().text().await.unwrap();
        let scripted: String = html
            .split("<noscript>")
            .map(|part| part.split_once("</noscript>").map_or(part, |(_, rest)| rest))
            .collect();
        assert_eq!(scripted.matches("method=\"post\"").count(), plain.unwrap_or(0), "{scripted}");
        assert_eq!(scripted.contains(" name=\"passphrase\""), plain.is_some(), "{scripted}");
        assert!(!scripted.contains(" name=\"content\""), "{scripted}");
        assert!(plain.is_some() || scripted.contains("<button class=\"primary\" disabled>"), "{scripted}");
    }
}
