//! Nothing is lost after a claim: what isn't whole in its reader's hands can be asked for again, with the line that is said; and
//! nothing stays whose link nobody has.

use std::{
    fs::File,
    io::Write,
    os::unix::fs::FileTypeExt,
    path::Path,
    process::{Command, Output, Stdio},
    time::Duration,
};

use super::{assert_fails, client, text};
use crate::{
    common::{
        self, OTS, Server, directory, files,
        lying::{lying, send},
        noise, run,
    },
    house::TOKEN,
};

/// Pastes the line that says how to ask again into a shell, with its link filled in.
pub fn asked_again(server: &Server, said: &str, link: &str) -> Output {
    let line = said.trim_end().rsplit(": ").next().unwrap();
    assert!(line.starts_with("OTS_CLAIM=") && line.contains(" ots get 'LINK'"), "{said}");
    let mut shell = Command::new("sh");
    let path = format!("{}:{}", Path::new(OTS).parent().unwrap().display(), std::env::var("PATH").unwrap());
    shell.args(["-c", &line.replace("LINK", link)]).env("PATH", path).env("OTS_SERVER", &server.url);
    run(shell, b"")
}

fn shell(server: &Server, script: &str) -> Output {
    let mut shell = Command::new("bash");
    shell.args(["-c", script]).env("OTS", OTS).env("OTS_SERVER", &server.url);
    run(shell, b"")
}

/// Whoever reads goes away: at once, before anything was read, or in the middle.
#[test]
fn a_pipe_that_breaks_loses_nothing() {
    let data = directory();
    let server = Server::start(data.path(), &[]);
    for (size, reader) in
        [(7, "nosuchcmd"), (7, "true"), (7, "exec sleep 0.3 <&0"), (1 << 20, "head -c 1"), (1 << 20, "sleep 0.3")]
    {
        let content = noise(1, size);
        let link = server.put(&content);
        let output =
            shell(&server, &format!("\"$OTS\" get {link} | {reader} >/dev/null 2>&1; exit ${{PIPESTATUS[0]}}"));
        let said = text(&output.stderr);
        assert_eq!(output.status.code(), Some(141), "{reader}: {said}");
        assert!(said.contains("; the secret is kept for you for ") && said.lines().count() == 1, "{reader}: {said}");
        assert!(asked_again(&server, &said, &link).stdout == content, "{reader}");
        assert_fails(&client(&server, &["get", &link]), 3, "gone");
    }
}

/// A reader that takes all is told nothing, however late it is; one that stays without reading doesn't keep the call for ever.
#[test]
fn a_pipe_whose_reader_takes_all_is_enough() {
    let data = directory();
    let server = Server::start(data.path(), &[]);
    for reader in ["cat", "(sleep 0.5; cat)", "(sleep 3; cat)", "head -c 7"] {
        let link = server.put(b"hunter2");
        let output = shell(&server, &format!("\"$OTS\" get {link} | {reader}; exit ${{PIPESTATUS[0]}}"));
        assert!(output.status.success() && output.stderr.is_empty(), "{reader}: {output:?}");
        assert_eq!(output.stdout, b"hunter2");
        let mut again = server.client(&["get", &link]);
        again.env("OTS_CLAIM", common::CLAIM);
        assert_fails(&run(again, b""), 3, "the time of the claim in OTS_CLAIM is over");
    }
}

/// The line has every option of the call; for a token also the server.
#[test]
fn the_same_call_can_be_pasted() {
    let (data, place) = (directory(), directory());
    let server = Server::start(data.path(), &["--claim-lease", "7m"]);
    let mut put = server.client(&["put", "-e", "--key-file", "the key", "--token"]);
    put.env("OTS_PASSPHRASE", "sesame").current_dir(place.path());
    let token = text(&run(put, b"x").stdout).trim().to_owned();
    std::fs::write(place.path().join("it's"), "sesame\n").unwrap();
    // A key of another secret opens nothing, and the proof says so before anything is claimed; here the pipe breaks.
    let mut shell = Command::new("bash");
    let options = "--key-file 'the key' --passphrase-file \"it's\" --timeout 45s --json";
    shell.args(["-c", &format!("\"$OTS\" -s {} get {options} {token} | true; exit ${{PIPESTATUS[0]}}", server.url)]);
    let output = run_in(shell, place.path());
    let said = text(&output.stderr);
    let message = serde_json::from_str::<serde_json::Value>(&said).unwrap()["error"]["message"].clone();
    let message = message.as_str().unwrap();
    assert!(
        message.contains("kept for you for 7 min, then destroyed; ")
            || message.contains("kept for you for 6 min, then "),
        "{message}"
    );
    let command = format!(
        " ots get 'LINK' -s {}/ --key-file 'the key' --passphrase-file 'it'\\''s' --timeout 45 --json",
        server.url
    );
    assert!(message.ends_with(&command), "{message}");
    let line = message.rsplit(": ").next().unwrap().replace("LINK", &token).replace(" ots ", " \"$OTS\" ");
    let mut pasted = Command::new("sh");
    pasted.args(["-c", &line]);
    let got = run_in(pasted, place.path());
    assert!(text(&got.stdout).contains("\"content\":\"x\""), "{got:?}");
}

fn run_in(mut command: Command, place: &Path) -> Output {
    command.env("OTS", OTS).env_remove("OTS_SERVER").current_dir(place);
    run(command, b"")
}

/// What a terminal can't show as it is isn't acknowledged: the exact bytes can still be had.
#[test]
fn what_was_shown_escaped_can_be_saved() {
    let data = directory();
    let server = Server::start(data.path(), &[]);
    let link = server.put(b"before\x1b[2Jafter");
    let (seen, code) = super::pty::Terminal::start(&server, &format!("\"$OTS\" get '{link}'")).finish();
    assert!(code == Some(0) && seen.contains("before\\x1b[2Jafter"), "{seen}");
    assert!(
        seen.contains("control characters are shown escaped; for the bytes as they are, the secret is kept"),
        "{seen}"
    );
    let line = &seen[seen.find("OTS_CLAIM=").unwrap()..].lines().next().unwrap().to_owned();
    assert!(line.ends_with(" ots get 'LINK' -o FILE"), "{line}");
    let place = directory();
    let mut again = Command::new("sh");
    again.args(["-c", &line.replace("LINK", &link).replace(" ots ", " \"$OTS\" ")]);
    assert!(run_in(again, place.path()).status.success());
    assert_eq!(std::fs::read(place.path().join("FILE")).unwrap(), b"before\x1b[2Jafter");
}

/// The ends of lines that Windows makes are no reason to keep a text back.
#[test]
fn the_ends_of_lines_are_shown_as_such() {
    let data = directory();
    let server = Server::start(data.path(), &[]);
    let link = server.put(b"one\r\ntwo\r\n");
    let (seen, code) = super::pty::Terminal::start(&server, &format!("\"$OTS\" get '{link}'")).finish();
    assert!(code == Some(0) && !seen.contains("escaped") && !seen.contains("\\x0d"), "{seen}");
    assert_fails(&client(&server, &["get", &link]), 3, "");
}

/// Nothing but a regular file is written to, and that is found before anything is read; names of stdout are stdout.
#[test]
fn only_regular_files_are_written_to() {
    let (data, place) = (directory(), directory());
    let server = Server::start(data.path(), &[]);
    let link = server.put(b"hunter2");
    let path = |name: &str| place.path().join(name).to_str().unwrap().to_owned();
    assert!(Command::new("mkfifo").arg(path("fifo")).status().unwrap().success());
    let _socket = std::os::unix::net::UnixListener::bind(path("socket")).unwrap();
    std::fs::create_dir(path("directory")).unwrap();
    std::fs::write(path("file"), "mine").unwrap();
    for (to, name) in
        [("fifo", "to-fifo"), ("/dev/null", "to-device"), ("directory", "to-directory"), ("file", "to-file")]
    {
        std::os::unix::fs::symlink(to, path(name)).unwrap();
    }
    for name in ["fifo", "socket", "directory", "to-fifo", "to-device", "to-directory", "/dev/null", "/dev/tty"] {
        for force in [&[][..], &["--force"]] {
            let file = if name.starts_with('/') { name.to_owned() } else { path(name) };
            let output = client(&server, &[&["get", "-o", &file, &link][..], force].concat());
            assert_fails(&output, 8, "isn't a regular file");
            assert!(text(&output.stderr).contains("nothing was read"), "{}", text(&output.stderr));
        }
    }
    assert!(std::fs::metadata(path("fifo")).unwrap().file_type().is_fifo());
    // Of a link to a file, the link is replaced.
    assert_fails(&client(&server, &["get", "-o", &path("to-file"), &link]), 8, "exists");
    assert!(client(&server, &["get", "-o", &path("to-file"), "-f", &link]).status.success());
    assert_eq!(std::fs::read(path("to-file")).unwrap(), b"hunter2");
    assert_eq!(std::fs::read(path("file")).unwrap(), b"mine");
    assert!(!files(place.path()).iter().any(|file| file.to_str().unwrap().contains(".ots-")));
    for name in ["-", "/dev/stdout", "/dev/fd/1", "/proc/self/fd/1"] {
        let link = server.put(b"hunter2");
        assert_eq!(client(&server, &["get", "-o", name, &link]).stdout, b"hunter2", "{name}");
    }
}

#[test]
fn json_says_the_files_name() {
    let (data, place) = (directory(), directory());
    let server = Server::start(data.path(), &[]);
    let path = place.path().join("my file");
    let link = server.put(b"hunter2");
    let output = client(&server, &["get", "--json", "-o", path.to_str().unwrap(), &link]);
    let said: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(said, serde_json::json!({ "file": path.to_str().unwrap() }));
    assert_eq!(std::fs::read(path).unwrap(), b"hunter2");
    // The file is there: that nobody reads its name is no reason to keep the secret.
    let link = server.put(b"hunter2");
    let (full, other) = (File::options().write(true).open("/dev/full").unwrap(), place.path().join("other"));
    let mut get = server.client(&["get", "--json", "-o", other.to_str().unwrap(), &link]);
    let output = get.stdout(full).stderr(Stdio::piped()).output().unwrap();
    assert!(output.status.code() == Some(8) && !text(&output.stderr).contains("OTS_CLAIM"), "{output:?}");
    assert_eq!(std::fs::read(other).unwrap(), b"hunter2");
}

/// After the lease's end the message is about the claim, not about another reader.
#[test]
fn a_claim_whose_time_is_over_is_said() {
    let data = directory();
    let server = Server::start(data.path(), &["--claim-lease", "1"]);
    let link = server.put(b"hunter2");
    let output = shell(&server, &format!("\"$OTS\" get {link} | true; exit ${{PIPESTATUS[0]}}"));
    let said = text(&output.stderr);
    let end = std::time::Instant::now() + Duration::from_secs(10);
    loop {
        let again = asked_again_at(&server, &said, &link);
        if again.status.code() == Some(3) {
            assert_fails(&again, 3, "the time of the claim in OTS_CLAIM is over");
            break;
        }
        assert!(std::time::Instant::now() < end, "{again:?}");
        std::thread::sleep(Duration::from_millis(200));
    }
}

/// Asks again without taking it: into a device that is full.
fn asked_again_at(server: &Server, said: &str, link: &str) -> Output {
    let claim = said.split("OTS_CLAIM=").nth(1).unwrap().split(' ').next().unwrap();
    let full = File::options().write(true).open("/dev/full").unwrap();
    let mut get = server.client(&["get", link]);
    get.env("OTS_CLAIM", claim).stdin(Stdio::null()).stdout(full).stderr(Stdio::piped()).output().unwrap()
}

/// A link that can't be printed leaves no secret behind, and no key.
#[test]
fn a_secret_whose_link_was_not_printed_is_burned() {
    let (data, place) = (directory(), directory());
    let server = Server::start(data.path(), &[]);
    let deleted = || server.log().lines().filter(|line| line.contains("DELETE")).count();
    let burned = "the link wasn't printed, so the secret has been burned";
    for (number, (to, code)) in [("> /dev/full", 8), ("| true", 141), ("| exec sleep 0.3", 141)].into_iter().enumerate()
    {
        let script = format!(
            "cd '{}'; echo x | \"$OTS\" put -e --key-file key {to}; exit ${{PIPESTATUS[1]}}",
            place.path().display()
        );
        let output = shell(&server, &script);
        assert_fails(&output, code, burned);
        assert_eq!(deleted(), number + 1);
        assert!(files(place.path()).is_empty(), "{:?}", files(place.path()));
    }
    // Closed from the start: nothing is sent, and nothing read.
    let posted = || server.log().lines().filter(|line| line.contains("POST")).count();
    let before = posted();
    assert_fails(&shell(&server, "echo x | \"$OTS\" put >&-"), 8, "can't write to standard output: it is closed");
    assert_eq!(posted(), before);
    let link = server.put(b"hunter2");
    assert_fails(&shell(&server, &format!("\"$OTS\" get {link} >&-")), 8, "it is closed");
    assert_eq!(client(&server, &["get", &link]).stdout, b"hunter2");
}

#[test]
fn copies_that_fail_in_the_middle_are_counted() {
    let data = directory();
    let server = Server::start(data.path(), &[]);
    // The third is never taken.
    let script = "echo x | \"$OTS\" put -n 5 | { read a; read b; echo $a; echo $b; exec <&-; sleep 0.5; }; exit ${PIPESTATUS[1]}";
    let output = shell(&server, script);
    let said = text(&output.stderr);
    assert_eq!(output.status.code(), Some(141), "{said}");
    assert!(said.contains("the link wasn't printed, so the secret has been burned; "), "{said}");
    let printed: usize =
        said.split(" of 5 links were printed").next().unwrap().rsplit(' ').next().unwrap().parse().unwrap();
    assert!((2..5).contains(&printed), "{said}");
    for link in text(&output.stdout).lines() {
        assert_eq!(client(&server, &["get", link]).stdout, b"x\n");
    }
    // A server that has had enough.
    let (url, _) = lying({
        let count = std::sync::atomic::AtomicUsize::new(0);
        move |first, stream| {
            if first.starts_with("GET") {
                return send(stream, "404 Not Found", "{}");
            }
            if count.fetch_add(1, std::sync::atomic::Ordering::SeqCst) < 2 {
                let body = format!(
                    r#"{{"token":"{TOKEN}","expires_at":"2126-01-01T00:00:00.000Z","message":"","url":"http://127.0.0.1/s/{TOKEN}"}}"#
                );
                return send(stream, "200 OK", &body);
            }
            let problem = r#"{"type":"about:blank","title":"x","status":429,"detail":"Slower.","code":"rate_limited"}"#;
            write!(
                stream,
                "HTTP/1.1 429 X\r\ncontent-type: application/problem+json\r\ncontent-length: {}\r\nconnection: close\r\n\r\n{problem}",
                problem.len()
            )
        }
    });
    let mut put = common::ots();
    put.args(["put", "-n", "5", "-s", &url]);
    let output = run(put, b"x");
    assert_eq!((output.status.code(), text(&output.stdout).lines().count()), (Some(7), 2), "{}", text(&output.stderr));
    assert!(text(&output.stderr).contains("; 2 of 5 links were printed, and stay good"), "{}", text(&output.stderr));
}

/// A limit on the size of files is an error of the write, not the process's end: the secret is kept, and nothing of it lies about.
#[test]
fn a_file_that_may_not_grow_is_told() {
    let (data, place) = (directory(), directory());
    let server = Server::start(data.path(), &[]);
    let content = noise(1, 300_000);
    for output in ["-o out", "> out"] {
        let link = server.put(&content);
        let mut limited = Command::new("bash");
        limited.args(["-c", &format!("ulimit -f 100; \"$OTS\" get '{link}' {output}")]).env("OTS", OTS);
        let output = run_in(limited, place.path());
        let said = text(&output.stderr);
        assert_eq!(output.status.code(), Some(8), "{said}");
        assert!(said.contains("OTS_CLAIM="), "{said}");
        let _ = std::fs::remove_file(place.path().join("out"));
        assert!(files(place.path()).is_empty(), "nothing is left");
        assert_eq!(asked_again(&server, said.replace(" -o out", "").as_str(), &link).stdout, content);
    }
}
