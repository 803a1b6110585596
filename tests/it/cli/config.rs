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
    ] {
        assert_fails(&put(wrong, &[], &["put"]), 2, says);
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
