//! What is shipped to watch with: each number that a rule, the dashboard or the document names is one that a server shows, and each that it
//! shows is explained; the rules are what `promtool` takes, and set off what they should.

use std::{
    collections::BTreeSet,
    path::{Path, PathBuf},
    process::Command,
};

use serde_json::{Value, json};

use super::{Watched, scrape};
use crate::common::{CLAIM, directory};

fn repository(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(path)
}

fn read(path: &str) -> String {
    std::fs::read_to_string(repository(path)).unwrap()
}

/// The names of ours in a text.
fn names(text: &str) -> BTreeSet<String> {
    let words = text.split(|sign: char| !(sign.is_ascii_alphanumeric() || sign == '_'));
    words.filter(|word| word.starts_with("ots_")).map(str::to_owned).collect()
}

/// A scrape of a server that has all there is to show; the certificate's, which needs TLS, and a database's elsewhere are known to be
/// there then.
async fn shown() -> BTreeSet<String> {
    let data = directory();
    let audit = data.path().join("audit");
    let webhook = ["--webhook", "https://hooks.invalid/x"];
    let watched = Watched::start(data.path(), &[&["--audit", audit.to_str().unwrap()], &webhook[..]].concat());
    let token = watched.server.create_with(json!({"content": "x"})).await;
    watched.server.reveal(&token, Some(CLAIM), None).await;
    let text = scrape(&watched.metrics).await;
    let series = text.lines().filter(|line| !line.starts_with('#'));
    let mut shown: BTreeSet<String> = series.flat_map(names).collect();
    shown.insert("ots_certificate_expiry_timestamp_seconds".to_owned());
    // Of a PostgreSQL; postgres/durability.rs looks at them there.
    let of_a_database = ["standbys", "connections", "connections_in_use", "connections_waiting", "connections_limit"];
    shown.extend(of_a_database.map(|name| format!("ots_database_{name}")));
    shown
}

#[tokio::test]
async fn what_is_named_is_shown_and_what_is_shown_is_explained() {
    let shown = shown().await;
    for file in ["packaging/alerts.yml", "packaging/dashboard.json"] {
        let text = read(file);
        let known = |name: &String| shown.contains(name) || shown.contains(&format!("{name}_bucket"));
        let unknown: Vec<String> = names(&text).into_iter().filter(|name| !known(name)).collect();
        assert!(unknown.is_empty() && names(&text).len() > 10, "{file}: {unknown:?}");
    }
    let tests: Vec<String> =
        names(&read("packaging/alerts.test.yml")).into_iter().filter(|name| !shown.contains(name)).collect();
    assert!(tests.is_empty(), "{tests:?}");
    let document = read("docs/watching.md");
    let rows = document.lines().filter_map(|line| line.strip_prefix("| `ots_"));
    let explained: BTreeSet<String> = rows.map(|row| format!("ots_{}", row.split('`').next().unwrap())).collect();
    let family = |name: &String| {
        let parts = ["_bucket", "_sum", "_count"].iter().find_map(|part| name.strip_suffix(part));
        parts.filter(|name| explained.contains(*name)).map_or_else(|| name.clone(), str::to_owned)
    };
    let families: BTreeSet<String> = shown.iter().map(family).collect();
    assert_eq!(families, explained, "docs/watching.md explains each, and no other");
}

/// Each event that there is has its row, and no other.
#[test]
fn each_event_is_explained() {
    let source = read("src/audit/line.rs");
    let source = source.split("#[cfg(test)]").next().unwrap();
    let mut events: BTreeSet<&str> = BTreeSet::from(["opened", "lost"]);
    events.extend(source.lines().filter_map(|line| {
        let word = line.trim().trim_end_matches(',').rsplit(" => ").next()?.strip_prefix('"')?.strip_suffix('"')?;
        word.chars().all(|sign| sign.is_ascii_lowercase() || sign == '_').then_some(word)
    }));
    let document = read("docs/watching.md");
    let table = document.split("| event | tells |").nth(1).unwrap();
    let rows = table.lines().skip(2).take_while(|line| line.starts_with('|'));
    let explained: BTreeSet<&str> = rows.map(|row| row.split('`').nth(1).unwrap()).collect();
    assert_eq!(explained, events);
}

/// Each message that webhooks are sent has its row, and no other.
#[test]
fn each_message_is_explained() {
    let source = read("src/webhook/message.rs");
    let source = source.split("#[cfg(test)]").next().unwrap();
    let types = |text: &str, quote: char| -> BTreeSet<String> {
        let quoted = text.split(quote).skip(1).step_by(2);
        quoted.filter(|word| word.starts_with("secret.") || word.starts_with("request.")).map(str::to_owned).collect()
    };
    let document = read("docs/watching.md");
    let table = document.split("| type | `data` has besides `secret` |").nth(1).unwrap();
    let rows: String = table.lines().skip(1).take_while(|line| line.starts_with('|')).collect();
    let sent = types(source, '"');
    assert!(sent.len() == 11 && types(&rows, '`') == sent, "{sent:?}");
}

#[test]
fn promtool_takes_the_rules_and_they_set_off_what_they_should() {
    for arguments in [["check", "rules", "alerts.yml"], ["test", "rules", "alerts.test.yml"]] {
        let mut promtool = Command::new("promtool");
        let Ok(output) = promtool.args(arguments).current_dir(repository("packaging")).output() else {
            assert!(std::env::var_os("CI").is_none(), "this test needs promtool, of Debian's prometheus");
            eprintln!("skipped: this test needs promtool");
            return;
        };
        let said = String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{said}");
    }
}

#[test]
fn the_dashboard_is_whole() {
    let dashboard: Value = serde_json::from_str(&read("packaging/dashboard.json")).unwrap();
    let panels = dashboard["panels"].as_array().unwrap();
    let mut ids: Vec<u64> = panels.iter().map(|panel| panel["id"].as_u64().unwrap()).collect();
    ids.dedup();
    assert!(ids.len() == panels.len() && ids.len() > 15);
    for panel in panels.iter().filter(|panel| panel["type"] != "row") {
        let expressions: Vec<&str> =
            panel["targets"].as_array().unwrap().iter().map(|target| target["expr"].as_str().unwrap()).collect();
        let place = &panel["gridPos"];
        assert!(
            !expressions.is_empty() && place["x"].as_u64().unwrap() + place["w"].as_u64().unwrap() <= 24,
            "{panel}"
        );
        assert!(expressions.iter().all(|expression| expression.contains("instance=~\"$instance\"")), "{panel}");
    }
}
