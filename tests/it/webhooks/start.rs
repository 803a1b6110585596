//! What can't be a webhook is refused when the server starts, in words that don't repeat its URL; what is one shows its host alone.

use std::path::Path;

use super::command;
use crate::common::{Server, directory, ots, run, text};

fn refusal(data: &Path, webhooks: &str, allowed: Option<&str>) -> String {
    let mut command = command(data, webhooks, &[]);
    match allowed {
        Some(networks) => command.env("OTS_WEBHOOK_ALLOW", networks),
        None => command.env_remove("OTS_WEBHOOK_ALLOW"),
    };
    Server::spawn(command).err().unwrap_or_else(|| panic!("it started with {webhooks}"))
}

#[test]
fn what_can_not_be_one_is_refused_in_words() {
    let data = directory();
    for (webhooks, allowed, says) in [
        ("CANARY", None, "write a webhook as https://host/path"),
        ("a b=https://h.example/CANARY", None, "a webhook's name has 1 to 64 letters"),
        ("https://h.example/CANARY#CANARY", None, "leave it out"),
        ("https://h.example/CANARY,https://h.example/CANARY", None, "the same URL, at h.example, is given twice"),
        ("a=https://h.example/CANARY,a=https://i.example/CANARY", None, "two webhooks are called a"),
        ("http://h.example/CANARY", None, "the webhook at h.example has an http:// URL"),
        ("https://127.0.0.1/CANARY", None, "the webhook at 127.0.0.1 has an address that isn't public"),
        ("https://169.254.169.254/CANARY", Some("10.0.0.0/8"), "an address that isn't public"),
        ("https://[::ffff:10.0.0.1]/CANARY", None, "an address that isn't public"),
        ("https://2130706433/CANARY", None, "the webhook at 127.0.0.1 has an address that isn't public"),
        ("https://[64:ff9b::a00:1]/CANARY", None, "an address that isn't public"),
        ("http://9.9.9.9/CANARY", Some("10.0.0.0/8"), "the webhook at 9.9.9.9 has an http:// URL"),
        ("https://h.example/CANARY", Some("CANARY"), "write an address, as 127.0.0.1, or a network"),
        ("https://h.example/CANARY", Some("0.0.0.0/0"), "that is every address"),
    ] {
        let said = refusal(data.path(), webhooks, allowed);
        assert!(said.contains(says) && !said.contains("CANARY"), "{webhooks}: {said}");
    }
    assert!(!data.path().join("ots.db").exists(), "nothing is made for it");
}

/// Neither help nor a process list shows a URL that was given by the environment.
#[test]
fn a_url_in_the_environment_stays_there() {
    let mut command = ots();
    command.env("OTS_WEBHOOK", "https://h.example/CANARY").args(["serve", "--help"]);
    let help = text(&run(command, b"").stdout);
    assert!(!help.contains("CANARY") && help.contains("OTS_WEBHOOK"), "{help}");
    let data = directory();
    let server = super::server(data.path(), "https://hooks.invalid/CANARY", &[]);
    let line = std::fs::read_to_string(format!("/proc/{}/cmdline", server.child.id())).unwrap();
    assert!(!line.contains("CANARY"), "{line}");
}
