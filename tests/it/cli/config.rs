//! Where values come from: flags, environment, configuration file.

use std::process::Output;

use super::{assert_fails, client, text};
use crate::common::{Server, directory, ots, run};

#[test]
fn flags_beat_environment_beats_file_beats_defaults() {
    let (data, files) = (directory(), directory());
    let server = Server::start(data.path(), &[]);
    let config = files.path().join("config.toml");
    let put = |config_text: &str, environment: &[(&str, &str)], arguments: &[&str]| {
        std::fs::write(&config, config_text).unwrap();
        let mut command = ots();
        command.env("OTS_CONFIG", &config).envs(environment.iter().copied()).args(arguments);
        run(command, b"x")
    };
    let lives = |output: Output| {
        assert!(output.status.success(), "{}", text(&output.stderr));
        text(&client(&server, &["status", text(&output.stdout).trim()]).stdout)
    };
    let file = format!("server = \"{}\"\nttl = \"3h\"\n", server.url);
    assert!(lives(put(&file, &[], &["put"])).contains("(in 2 h 59 min)"));
    assert!(lives(put(&file, &[("OTS_TTL", "2h")], &["put"])).contains("(in 1 h 59 min)"));
    assert!(lives(put(&file, &[("OTS_TTL", "2h")], &["put", "-t", "1h"])).contains("(in 59 min)"));
    assert!(lives(put(&format!("server = \"{}\"", server.url), &[], &["put"])).contains("(in 23 h 59 min)"));
    assert_fails(&put(&file, &[("OTS_SERVER", "http://127.0.0.1:1")], &["put"]), 4, "127.0.0.1:1");

    for (wrong, says) in [
        ("servr = \"x\"", "there is no option servr; the nearest known one is server"),
        ("ttl = \"soon\"", "ttl: write it as 90 (seconds)"),
        ("ttl = [1]", "ttl has to be a string, a number, true or false"),
        ("quiet = \"maybe\"", "quiet"),
        ("ttl = ", "line 1"),
        ("[serve]\nlisten = \"nowhere\"", "listen"),
        ("[serve]\nlisen = \"x\"", "the nearest known one is listen"),
        ("serve = 1", "[serve]"),
        ("listen = \"0.0.0.0:80\"", "listen is an option of serve: write it below [serve]"),
        ("data-dir = \"x\"", "data-dir is an option of serve: write it below [serve]"),
        ("[serve]\nttl = \"1h\"", "ttl isn't an option of serve: write it at the top, above [serve]"),
        ("[serve]\nold_key_file = [1]", "old_key_file has to be a string, or a list of strings"),
        ("[serve]\nold_key_file = 1.5", "old_key_file has to be a string, or a list of strings"),
        ("[serve]\nlog_format = \"xml\"", "log_format: it can be text, json"),
        ("[serve]\npublic_url = [\"http://x\"]", "public_url has to be a string"),
        ("color = \"hunter2\"", "color: it can be auto, always, never"),
    ] {
        let output = put(wrong, &[], &["put"]);
        assert_fails(&output, 2, says);
        assert!(!text(&output.stderr).contains("hunter2"));
        let json = put(wrong, &[], &["put", "--json"]);
        let error: serde_json::Value = serde_json::from_slice(&json.stderr).unwrap();
        assert!(error["error"]["exit_code"] == 2 && error["error"]["message"].as_str().unwrap().contains(says));
    }
    let mut missing = ots();
    missing.args(["--config", "/nonexistent.toml", "put"]);
    assert_fails(&run(missing, b"x"), 8, "/nonexistent.toml");
    // Booleans of the environment.
    for (value, code) in [("1", 0), ("true", 0), ("yes", 0), ("on", 0), ("0", 0), ("off", 0), ("maybe", 2)] {
        let output = put(&file, &[("OTS_TRIM_NEWLINE", value)], &["put"]);
        assert_eq!(output.status.code(), Some(code), "{value}: {}", text(&output.stderr));
    }
}

#[test]
fn the_usual_file_is_found() {
    let (data, home) = (directory(), directory());
    let server = Server::start(data.path(), &[]);
    let directory = home.path().join(".config/ots");
    std::fs::create_dir_all(&directory).unwrap();
    std::fs::write(directory.join("config.toml"), format!("server = \"{}\"", server.url)).unwrap();
    let mut command = ots();
    command.env("HOME", home.path()).arg("put");
    assert!(run(command, b"x").status.success());
}

/// Several old keys, one a file, are a list in the configuration; the one in use may be among them.
#[tokio::test]
async fn old_keys_are_a_list_in_the_file() {
    let (data, files) = (directory(), directory());
    let path = |name: &str| files.path().join(name);
    let start = |key: &str| {
        let mut command = ots();
        command.env("OTS_CONFIG", path("config.toml")).env("SECRET_KEY", key);
        command.args(["serve", "--listen", "127.0.0.1:0", "--data-dir"]).arg(data.path());
        Server::spawn(command)
    };
    std::fs::write(path("config.toml"), "").unwrap();
    for key in ["the first key of them", "the second key of them"] {
        std::fs::write(path(key), key).unwrap();
        let old = format!(
            "[serve]\nold_key_file = [{:?}, {:?}]\n",
            path("the first key of them"),
            path("the second key of them")
        );
        let server = start(key).unwrap();
        server.create("x").await;
        assert!(server.stop().success());
        std::fs::write(path("the second key of them"), "the second key of them").unwrap();
        std::fs::write(path("config.toml"), old).unwrap();
    }
    assert!(start("the third key of them").unwrap().stop().success());
    std::fs::write(path("config.toml"), "").unwrap();
    assert!(start("the third key of them").err().unwrap().contains("another SECRET_KEY"));
}

/// A file that isn't text is told as such.
#[test]
fn a_file_that_is_no_text_is_refused() {
    let files = directory();
    let config = files.path().join("config.toml");
    std::fs::write(&config, b"ttl = \"\xff\"").unwrap();
    let mut command = ots();
    command.env("OTS_CONFIG", &config).arg("put");
    assert_fails(&run(command, b"x"), 2, "config.toml: it isn't UTF-8 text");
}
