//! What is pasted at a prompt is the secret's, all of it, and nothing of it the shell's behind it.

use std::{path::Path, time::Duration};

use super::pty::Terminal;
use crate::common::{Server, directory, files, ots, run};

/// As far apart as the pieces of a paste come over a slow network.
const PAUSE: Duration = Duration::from_millis(20);
const SHELLS: [&str; 2] = ["bash", "dash"];

/// So many lines that a shell would run, and that can be found if it does.
fn lines(count: usize) -> String {
    let line = |number| format!("touch leaked-{number} # a line of some length, as of a key in text\n");
    (0..count).map(line).collect::<Vec<_>>().concat()
}

/// What the reader gets of the link that a terminal shows.
fn got(terminal: &Terminal) -> Vec<u8> {
    let seen = terminal.seen();
    let link = seen[seen.find("http://").unwrap()..].split_whitespace().next().unwrap().to_owned();
    let mut get = ots();
    get.args(["get", &link]);
    run(get, b"").stdout
}

/// Pastes a text at `ots put`'s prompt, ends it with `end`, and gives what the reader of the link gets.
fn pasted(server: &Server, shell: &str, text: &str, bracketed: bool, end: &str) -> Vec<u8> {
    let place = directory();
    let terminal = Terminal::shell(&server.url, shell, place.path());
    terminal.type_in("\"$OTS\" put\r");
    terminal.wait_for("Secret (hidden");
    let mut sent = text.replace('\n', "\r");
    if bracketed {
        sent = format!("\x1b[200~{sent}\x1b[201~");
    }
    // Large ones as fast as they are taken: a terminal on the same machine.
    let (piece, pause) = if sent.len() < 10_000 { (512, PAUSE) } else { (4096, Duration::ZERO) };
    terminal.paste(sent.as_bytes(), piece, pause);
    if text.trim_end().contains('\n') {
        terminal.wait_for("several lines; Ctrl-D ends them");
    }
    terminal.type_in(end);
    terminal.wait_for("can be read once; expires");
    let lines = text.lines().count();
    terminal.wait_for(&format!("took {}", if lines == 1 { "1 line, ".to_owned() } else { counted(lines) }));
    assert_nothing_leaked(&terminal, place.path());
    got(&terminal)
}

fn counted(lines: usize) -> String {
    if lines >= 1000 { format!("{},{:03} lines, ", lines / 1000, lines % 1000) } else { format!("{lines} lines, ") }
}

/// The shell reads and echoes what is typed now, and has seen nothing else.
fn assert_nothing_leaked(terminal: &Terminal, place: &Path) {
    terminal
        .type_in("echo \"after $?\"; stty -a | tr ' ;' '\\n\\n' | grep -cx 'echo\\|icanon\\|isig\\|icrnl\\|ixon'\r");
    terminal.wait_for("\n5\r");
    let seen = terminal.seen();
    assert!(!seen.contains("leaked") && !seen.contains("xxxx"), "{seen}");
    assert!(files(place).is_empty(), "{:?}", files(place));
    let prompt = seen.find("Secret").or_else(|| seen.find("Passphrase")).unwrap();
    let prompted = &seen[..prompt];
    if prompted.ends_with("\x1b[?2004h") {
        assert!(seen[prompt..].contains("\x1b[?2004l"), "bracketed paste is off again: {seen}");
    }
}

#[test]
fn a_line_is_ended_by_enter() {
    let data = directory();
    let server = Server::start(data.path(), &[]);
    let long = "x".repeat(100_000);
    for shell in SHELLS {
        for text in ["touch leaked-0", long.as_str()] {
            for bracketed in [false, true] {
                let got = pasted(&server, shell, text, bracketed, "\r");
                assert!(got == text.as_bytes(), "{shell} {bracketed}: {} of {}", got.len(), text.len());
            }
        }
    }
}

#[test]
fn lines_are_ended_by_ctrl_d() {
    let data = directory();
    let server = Server::start(data.path(), &[]);
    for shell in SHELLS {
        for count in [2, 42, 10_000] {
            for bracketed in [false, true] {
                let text = lines(count);
                let got = pasted(&server, shell, &text, bracketed, "\x04");
                assert!(got == text.as_bytes(), "{shell} {count} {bracketed}: {} of {}", got.len(), text.len());
            }
        }
    }
}

/// A paste that is still coming when the command ends goes nowhere.
#[test]
fn the_rest_of_a_paste_is_no_command() {
    let data = directory();
    let server = Server::start(data.path(), &[]);
    for shell in SHELLS {
        for begin in ["", "\x1b[200~"] {
            for key in ["\x03", "\x1c"] {
                let place = directory();
                let terminal = Terminal::shell(&server.url, shell, place.path());
                terminal.type_in("\"$OTS\" put\r");
                terminal.wait_for("Secret (hidden");
                let half = lines(20).replace('\n', "\r");
                let sent = if begin.is_empty() {
                    format!("{half}{key}{half}")
                } else {
                    format!("{begin}{half}\x1b[201~{key}{begin}{half}\x1b[201~")
                };
                terminal.paste(sent.as_bytes(), 512, PAUSE);
                terminal.wait_for("nothing was stored");
                assert_nothing_leaked(&terminal, place.path());
            }
        }
    }
}

/// A paste of which no end comes, as of a connection that was cut, swallows no key.
#[test]
fn a_paste_without_an_end_is_ended() {
    let data = directory();
    let server = Server::start(data.path(), &[]);
    for shell in SHELLS {
        for (key, says) in
            [("\x03", "nothing was stored"), ("\x1c", "nothing was stored"), ("\x04", "can be read once; expires")]
        {
            let place = directory();
            let terminal = Terminal::shell(&server.url, shell, place.path());
            terminal.type_in("\"$OTS\" put\r");
            terminal.wait_for("Secret (hidden");
            terminal.type_in("\x1b[200~touch leaked-1\rtouch leaked-2");
            terminal.wait_for("several lines; Ctrl-D ends them");
            std::thread::sleep(Duration::from_millis(400)); // a person's pause
            terminal.type_in(key);
            terminal.wait_for(says);
            assert_nothing_leaked(&terminal, place.path());
            if key == "\x04" {
                assert_eq!(got(&terminal), b"touch leaked-1\ntouch leaked-2");
            }
        }
    }
}

/// Behind the end of a paste a key is certain, also when more comes at once; and keys are never stored.
#[test]
fn keys_are_no_text() {
    let data = directory();
    let server = Server::start(data.path(), &[]);
    for shell in SHELLS {
        for (sent, stored) in [
            ("\x1b[200~one\rtwo\r\x1b[201~\x04touch leaked-1\r", "one\ntwo\n"),
            ("\x1b[200~one\x1b[201~\rtouch leaked-1\r", "one"),
            ("two wrong\x17words\x01\r", "two words"),
        ] {
            let place = directory();
            let terminal = Terminal::shell(&server.url, shell, place.path());
            terminal.type_in("\"$OTS\" put\r");
            terminal.wait_for("Secret (hidden");
            terminal.type_in(sent);
            terminal.wait_for("can be read once; expires");
            assert_nothing_leaked(&terminal, place.path());
            assert_eq!(String::from_utf8_lossy(&got(&terminal)), stored);
        }
    }
}

/// A passphrase is a line; what was pasted behind it is forgotten, and that is said.
#[test]
fn lines_behind_a_passphrase_are_no_commands() {
    let data = directory();
    let server = Server::start(data.path(), &[]);
    for shell in SHELLS {
        let mut put = server.client(&["put"]);
        put.env("OTS_PASSPHRASE", "sesame");
        let link = String::from_utf8(run(put, b"the content").stdout).unwrap();
        let place = directory();
        let terminal = Terminal::shell(&server.url, shell, place.path());
        terminal.type_in(&format!("\"$OTS\" get '{}'\r", link.trim()));
        terminal.wait_for("Passphrase");
        std::thread::sleep(Duration::from_millis(200)); // what comes before it listens is dropped
        let sent = format!("sesame\r{}", lines(100).replace('\n', "\r"));
        terminal.paste(sent.as_bytes(), 512, PAUSE);
        terminal.wait_for("the content");
        terminal.wait_for("only the first line was taken");
        assert_nothing_leaked(&terminal, place.path());
    }
}

/// A passphrase longer than the terminal's line isn't cut: it is refused.
#[test]
fn a_passphrase_is_never_cut() {
    let data = directory();
    let server = Server::start(data.path(), &[]);
    let place = directory();
    let terminal = Terminal::shell(&server.url, "bash", place.path());
    terminal.type_in("echo x | \"$OTS\" put -p\r");
    let long = format!("{}\r", "x".repeat(5000));
    terminal.wait_for("Passphrase");
    std::thread::sleep(Duration::from_millis(200));
    terminal.type_in(&long);
    terminal.wait_for("Passphrase again");
    std::thread::sleep(Duration::from_millis(200));
    terminal.type_in(&long);
    terminal.wait_for("a passphrase has 1 to 1,024 bytes");
    assert_nothing_leaked(&terminal, place.path());
}
