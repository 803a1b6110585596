//! `ots keygen`: the key on stdout, its line at the file's end, whatever else happens to either.

use std::{os::unix::fs::PermissionsExt as _, path::Path, process::Stdio};

use serde_json::Value;

use crate::common::{assert_fails, directory, ots, run, text};

fn keygen(arguments: &[&str]) -> std::process::Output {
    let mut command = ots();
    command.arg("keygen").args(arguments);
    run(command, b"")
}

fn is_key(text: &str) -> bool {
    let rest = text.strip_prefix("ots_");
    rest.is_some_and(|rest| rest.len() == 52 && rest.bytes().all(|sign| matches!(sign, b'a'..=b'z' | b'2'..=b'7')))
}

#[test]
fn the_key_goes_to_stdout_and_its_line_to_the_file() {
    let place = directory();
    let file = place.path().join("keys");
    let path = file.to_str().unwrap();
    let made = keygen(&["ci", "--file", path, "--expires", "2127-01-31", "--ttl-max", "24h", "--size-max", "64KiB"]);
    assert!(made.status.success() && made.stderr.is_empty(), "{made:?}");
    let key = text(&made.stdout);
    assert!(is_key(key.trim_end_matches('\n')), "{key}");
    let line = std::fs::read_to_string(&file).unwrap();
    let (hash, rest) = line.strip_prefix("ci ").unwrap().split_once(' ').unwrap();
    assert_eq!((hash.len(), rest), (64, "expires=2127-01-31T00:00:00Z ttl-max=1d size-max=64KiB\n"));
    assert_eq!(std::fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);

    // Without a file both are told, apart.
    let made = keygen(&["ci"]);
    let line = text(&made.stderr);
    assert!(is_key(text(&made.stdout).trim_end()) && line.starts_with("ci ") && line.lines().count() == 1, "{made:?}");
    let made = keygen(&["ci", "--json"]);
    let answer: Value = serde_json::from_slice(&made.stdout).unwrap();
    assert!(is_key(answer["key"].as_str().unwrap()) && answer["line"].as_str().unwrap().starts_with("ci "));
    assert!(answer["name"] == "ci" && made.stderr.is_empty());
    let made = keygen(&["bob", "--json", "--file", path]);
    let answer: Value = serde_json::from_slice(&made.stdout).unwrap();
    assert!(is_key(answer["key"].as_str().unwrap()) && answer.get("line").is_none());
}

#[test]
fn what_is_there_is_kept_and_a_line_without_its_end_is_mended() {
    let place = directory();
    let file = place.path().join("keys");
    let path = file.to_str().unwrap();
    let before = format!("# ours\nann {}", "7".repeat(64));
    std::fs::write(&file, &before).unwrap();
    std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o640)).unwrap();
    assert!(keygen(&["ci", "--file", path]).status.success());
    let after = std::fs::read_to_string(&file).unwrap();
    assert!(after.starts_with(&format!("{before}\nci ")) && after.ends_with('\n'), "{after}");
    assert_eq!(std::fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o640);

    assert_fails(&keygen(&["ci", "--file", path]), 8, "there is a key of that name");
    std::fs::write(&file, format!("{after}hunter2\n")).unwrap();
    assert_fails(&keygen(&["bob", "--file", path]), 2, "line 4: the key's hash is missing");
    assert_eq!(std::fs::read_to_string(&file).unwrap(), format!("{after}hunter2\n"));
    for (arguments, code, says) in [
        (&["bob", "--file", "/nonexistent/keys"][..], 8, "can't write /nonexistent/keys"),
        (&["bob", "--file", "/dev/null"], 8, "it isn't a regular file"),
        (&["bob", "--file", place.path().to_str().unwrap()], 8, "can't write"),
        (&["a b"], 2, "a key's name has"),
        (&["bob", "--expires", "2020-01-01"], 2, "that time is over"),
        (&["bob", "--ttl-max", "1500ms"], 2, "whole seconds"),
    ] {
        assert_fails(&keygen(arguments), code, says);
    }
    let secret = format!("ots_{}", "a".repeat(52));
    let output = keygen(&[&secret]);
    assert_fails(&output, 2, "looks like a key");
    assert!(!text(&output.stderr).contains("aaaa"));
}

#[test]
fn twelve_at_once_each_have_their_line() {
    let place = directory();
    let file = place.path().join("keys");
    let start = |name: String| {
        let mut command = ots();
        command.args(["keygen", &name, "--file"]).arg(&file).stdout(Stdio::piped()).stderr(Stdio::piped());
        command.spawn().unwrap()
    };
    // Each name twice: one of them is refused.
    let children: Vec<_> = (0..24).map(|number| start(format!("key{}", number / 2))).collect();
    let outputs: Vec<_> = children.into_iter().map(|child| child.wait_with_output().unwrap()).collect();
    let mut keys: Vec<String> =
        outputs.iter().filter(|output| output.status.success()).map(|output| text(&output.stdout)).collect();
    for output in outputs.iter().filter(|output| !output.status.success()) {
        assert_fails(output, 8, "there is a key of that name");
    }
    keys.sort();
    keys.dedup();
    let lines = std::fs::read_to_string(&file).unwrap();
    let mut names: Vec<&str> = lines.lines().map(|line| line.split(' ').next().unwrap()).collect();
    names.sort_unstable();
    names.dedup();
    assert_eq!((keys.len(), names.len(), lines.lines().count()), (12, 12, 12), "{lines}");
}

/// A key that nobody has seen stays in no file.
#[test]
fn a_line_goes_again_when_its_key_can_not_be_printed() {
    let place = directory();
    let file = place.path().join("keys");
    std::fs::write(&file, "# ours").unwrap();
    let ended = |stdout: Stdio| {
        let mut command = ots();
        command.args(["keygen", "ci", "--file"]).arg(&file).stdout(stdout).stderr(Stdio::piped());
        let output = command.spawn().unwrap().wait_with_output().unwrap();
        assert_eq!(std::fs::read_to_string(&file).unwrap(), "# ours");
        output
    };
    let full =
        ended(Path::new("/dev/full").exists().then(|| std::fs::File::create("/dev/full").unwrap()).unwrap().into());
    assert_fails(&full, 8, "the key is lost, and its line isn't in the file");
    let (reader, writer) = std::io::pipe().unwrap();
    drop(reader);
    assert_eq!(ended(writer.into()).status.code(), Some(141));
}
