//! What a person sees and types at the prompts.

use std::{
    io::{Read, Write},
    process::Command,
    time::Duration,
};

use super::{pty::Terminal, signals::wait_until, text};
use crate::common::{OTS, Server, directory, ots, run};

#[test]
fn on_a_terminal_a_secret_is_asked_for_and_shown() {
    let data = directory();
    let server = Server::start(data.path(), &[]);
    let mut put = Terminal::start(&server, "\"$OTS\" put");
    put.wait_for("Secret");
    put.answer("hunter2\r", Terminal::ended);
    let (seen, code) = put.finish();
    assert_eq!(code, Some(0), "{seen}");
    assert!(!seen.contains("hunter2"), "hidden: {seen}");
    assert!(seen.contains("can be read once; expires"), "{seen}");
    let link = &seen[seen.find("http://").unwrap()..];
    let link = link.split_whitespace().next().unwrap().to_owned();
    let get = Terminal::start(&server, &format!("\"$OTS\" get '{link}'; echo next"));
    let (seen, _) = get.finish();
    assert_eq!(seen, "hunter2\r\nnext\r\n", "a newline is added on a terminal");
}

#[test]
fn a_passphrase_is_asked_for_though_stdin_and_stderr_lead_elsewhere() {
    let (data, files) = (directory(), directory());
    let server = Server::start(data.path(), &[]);
    let link_file = files.path().join("link");
    let line = format!("printf secret | \"$OTS\" put -p > '{}' 2>/dev/null", link_file.display());
    let mut put = Terminal::start(&server, &line);
    let prompts = |count| move |terminal: &mut Terminal| terminal.seen().matches("Passphrase").count() >= count;
    put.wait_for("Passphrase");
    put.answer("one\r", prompts(2));
    put.answer("other\r", prompts(3));
    assert!(put.seen().contains("they differ"), "{}", put.seen());
    put.answer("sesame\r", prompts(4));
    put.answer("sesame\r", Terminal::ended);
    let (seen, code) = put.finish();
    assert_eq!(code, Some(0), "{seen}");
    assert!(!seen.contains("sesame"), "{seen}");
    let link = std::fs::read_to_string(&link_file).unwrap();
    let mut get = Terminal::start(&server, &format!("\"$OTS\" get '{}' | cat", link.trim()));
    get.wait_for("Passphrase");
    get.answer("sesame\r", Terminal::ended);
    let (seen, code) = get.finish();
    assert!(code == Some(0) && seen.ends_with("secret"), "{seen}");
}

/// Ctrl-C at a prompt leaves the terminal as it was, and a secret where it is.
#[test]
fn ctrl_c_at_a_prompt_gives_the_terminal_back() {
    let data = directory();
    let server = Server::start(data.path(), &[]);
    let mut put = server.client(&["put"]);
    put.env("OTS_PASSPHRASE", "p");
    let link = text(&run(put, b"x").stdout).trim().to_owned();
    let line = format!("stty -a > /dev/null; trap : INT; \"$OTS\" get '{link}'; echo code $?; stty -a");
    let mut get = Terminal::start(&server, &line);
    get.wait_for("Passphrase");
    get.answer("\u{3}", |terminal| terminal.seen().contains("code 130"));
    let (seen, _) = get.finish();
    assert!(seen.contains("code 130"), "{seen}");
    let state = seen.split("code 130").nth(1).unwrap();
    assert!(state.contains(" echo ") && !state.contains("-echo "), "{state}");
    let mut again = server.client(&["get", &link]);
    again.env("OTS_PASSPHRASE", "p");
    assert_eq!(run(again, b"").stdout, b"x");
}

/// A person may mistype: the next try is asked for, while there are any.
#[test]
fn a_wrong_passphrase_is_asked_for_again() {
    let data = directory();
    let server = Server::start(data.path(), &[]);
    for encrypted in ["--encrypt=false", "--encrypt"] {
        let mut put = server.client(&["put", encrypted]);
        put.env("OTS_PASSPHRASE", "right");
        let link = text(&run(put, b"the secret").stdout).trim().to_owned();
        let mut get = Terminal::start(&server, &format!("\"$OTS\" get '{link}'"));
        get.wait_for("Passphrase");
        get.answer("wrong\r", |terminal| terminal.seen().contains("9 tries left"));
        get.answer("right\r", |terminal| terminal.seen().contains("the secret\r\n"));
        let (seen, code) = get.finish();
        assert!(code == Some(0) && seen.contains("is wrong; the secret is still there"), "{seen}");
    }
}

/// A prompt that was stopped hides what is typed when it goes on; in between the terminal is the shell's.
#[test]
fn a_prompt_that_was_stopped_still_hides() {
    let data = directory();
    let server = Server::start(data.path(), &[]);
    for (shell, stop) in [("bash", "-TSTP"), ("dash", "-TSTP"), ("bash", "-STOP"), ("bash", "^Z"), ("dash", "^Z")] {
        let mut put = server.client(&["put"]);
        put.env("OTS_PASSPHRASE", "sesame");
        let link = text(&run(put, b"c0ntent").stdout);
        for (line, prompt, done) in [
            ("\"$OTS\" put".to_owned(), "Secret", "can be read once; expires"),
            (format!("\"$OTS\" get '{}'", link.trim()), "Passphrase", "c0ntent"),
        ] {
            if stop == "^Z" && prompt == "Secret" {
                continue; // it is no key there
            }
            let place = directory();
            let terminal = Terminal::shell(&server.url, shell, place.path());
            terminal.type_in(&format!("{line}\r"));
            terminal.wait_for(prompt);
            wait_until("it hides", || !terminal.echoes());
            let job = terminal.job().unwrap();
            if stop == "^Z" {
                terminal.type_in("\x1a");
            } else {
                super::pty::send(job, stop);
            }
            terminal.wait_for_stop();
            terminal.type_in("echo st$?pped\r");
            terminal.wait_for("pped\r\n");
            terminal.type_in("fg\r");
            terminal.wait_for("(goes on; ");
            wait_until("it hides", || !terminal.echoes());
            terminal.type_in("sesame\r");
            terminal.wait_for(done);
            assert!(!terminal.seen().contains("sesame"), "{shell} {stop}: {}", terminal.seen());
            terminal.type_in("echo af$?ter\r");
            terminal.wait_for("af0ter");
            assert!(!terminal.seen().contains("only the first line"), "{}", terminal.seen());
        }
    }
}

#[test]
fn a_sender_can_not_drive_the_readers_terminal() {
    let data = directory();
    let server = Server::start(data.path(), &[]);
    let link = server.put(b"before\x1b[2Jafter");
    let (seen, code) = Terminal::start(&server, &format!("\"$OTS\" get '{link}'")).finish();
    assert!(code == Some(0) && seen.contains("before\\x1b[2Jafter") && !seen.contains("\x1b[2J"), "{seen:?}");
    // What isn't text isn't shown, and not lost: the message says how to save it.
    let link = server.put(&[0, 255, 7]);
    let (seen, code) = Terminal::start(&server, &format!("\"$OTS\" get '{link}'")).finish();
    assert!(code == Some(8) && seen.contains("-o FILE") && seen.contains("OTS_CLAIM="), "{seen}");
    assert!(seen.contains(" ots get 'LINK' -o FILE"), "{seen}");
    let claim = seen.split("OTS_CLAIM=").nth(1).unwrap().split(' ').next().unwrap();
    let mut again = server.client(&["get", &link]);
    again.env("OTS_CLAIM", claim);
    assert_eq!(run(again, b"").stdout, [0, 255, 7]);
}

#[test]
fn nothing_is_asked_where_nobody_can_answer() {
    let data = directory();
    let server = Server::start(data.path(), &[]);
    for line in ["\"$OTS\" --no-input put", "echo x | \"$OTS\" --no-input put -p"] {
        let (seen, code) = Terminal::start(&server, line).finish();
        assert!(code == Some(2) && seen.contains("--no-input"), "{seen}");
    }
    // Without any terminal at all.
    let mut detached = Command::new("setsid");
    detached.args(["-w", OTS, "put", "-p"]).env("OTS_SERVER", &server.url);
    let output = run(detached, b"x");
    assert_eq!(output.status.code(), Some(2));
    assert!(text(&output.stderr).contains("OTS_PASSPHRASE"), "{}", text(&output.stderr));
}

/// What takes longer than half a second shows how far it is, to people only; a server that reads slowly, for that.
#[test]
fn a_slow_upload_shows_its_progress_on_a_terminal_only() {
    const SIZE: usize = 16 << 20;
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            let mut part = vec![0; 1 << 20];
            let length = stream.read(&mut part).unwrap();
            let body = if part[..length].starts_with(b"GET") {
                r#"{"max_size":104857600,"default_ttl_seconds":1,"max_ttl_seconds":1,"claim_lease_seconds":45,"version":"0"}"#.to_owned()
            } else {
                let head = part[..length].windows(4).position(|four| four == b"\r\n\r\n").unwrap() + 4;
                let mut left = SIZE + head - length;
                while left > 0 {
                    left -= stream.read(&mut part).unwrap();
                    std::thread::sleep(Duration::from_millis(100));
                }
                let token = "a".repeat(32);
                format!(
                    r#"{{"token":"{token}","expires_at":"2126-01-01T00:00:00.000Z","message":"","url":"http://127.0.0.1/s/{token}"}}"#
                )
            };
            let head = format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\nconnection: close\r\n\r\n", body.len());
            stream.write_all((head + &body).as_bytes()).unwrap();
        }
    });
    let line = format!("head -c {SIZE} /dev/zero | \"$OTS\" put");
    let (seen, code) = Terminal::start_at(&url, &line).finish();
    assert_eq!(code, Some(0), "{seen}");
    assert!(seen.contains("sending [") && seen.contains("/16.00 MiB"), "{seen}");
    let mut piped = ots();
    piped.args(["put", "--server", &url]);
    let output = run(piped, &vec![0; SIZE]);
    assert!(output.status.success() && output.stderr.is_empty(), "{}", text(&output.stderr));
}
