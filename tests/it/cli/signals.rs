//! Ctrl-C, SIGTERM and SIGHUP, at each moment of a command: it ends at once, leaves nothing behind, and says what has become of
//! the secret.

use std::{
    io::{PipeReader, Read, Write},
    process::{Child, Command, Stdio},
    sync::{Arc, Mutex},
    time::{Duration, Instant},
};

use super::{pty::Terminal, text};
use crate::{
    common::{
        self, Server, directory, files,
        lying::{lying, send},
        noise, ots, run,
    },
    house::{TOKEN, status},
};

const SIGNALS: [(&str, i32, &str); 3] =
    [("-INT", 130, "interrupted"), ("-TERM", 143, "terminated"), ("-HUP", 129, "hung up")];
/// A command that is told to end does so within this.
const AT_ONCE: Duration = Duration::from_secs(5);
const INFO: &str =
    r#"{"max_size":104857600,"default_ttl_seconds":1,"max_ttl_seconds":1,"claim_lease_seconds":45,"version":"0"}"#;

pub fn wait_until(what: &str, condition: impl Fn() -> bool) {
    let end = Instant::now() + Duration::from_secs(15);
    while !condition() {
        assert!(Instant::now() < end, "waited in vain until {what}");
        std::thread::sleep(Duration::from_millis(10));
    }
}

/// Sends a signal; gives the exit code and what was said.
fn ends(mut child: Child, signal: &str) -> (Option<i32>, String) {
    let sent = Instant::now();
    assert!(Command::new("kill").args([signal, &child.id().to_string()]).status().unwrap().success());
    let status = common::wait_for_exit(&mut child, AT_ONCE);
    assert!(sent.elapsed() < AT_ONCE);
    let mut said = String::new();
    child.stderr.take().unwrap().read_to_string(&mut said).unwrap();
    (status.code(), said)
}

/// A server that answers as a test says, and then keeps the connection as it is where it says false.
fn stalling(
    answer: impl Fn(&str, &mut std::net::TcpStream) -> std::io::Result<bool> + Send + 'static,
) -> (String, Arc<Mutex<Vec<String>>>) {
    let kept = Mutex::new(Vec::new());
    lying(move |first, stream| {
        if !answer(first, stream)? {
            kept.lock().unwrap().push(stream.try_clone()?);
        }
        Ok(())
    })
}

/// A pipe that takes nothing more, and whose reader reads nothing.
fn full_pipe() -> (PipeReader, Stdio) {
    let (reader, mut writer) = std::io::pipe().unwrap();
    writer.write_all(&vec![b'.'; 64 * 1024]).unwrap(); // what a pipe of Linux takes
    (reader, writer.into())
}

/// Waits until a process waits for room in a pipe, where the kernel says such things.
fn wait_for_blocked_write(child: &Child) {
    let end = Instant::now() + Duration::from_secs(1);
    let tasks = format!("/proc/{}/task", child.id());
    let waits = |task: std::fs::DirEntry| std::fs::read_to_string(task.path().join("wchan")).unwrap_or_default();
    let blocked = || std::fs::read_dir(&tasks).unwrap().any(|task| waits(task.unwrap()).contains("pipe_write"));
    while !blocked() && Instant::now() < end {
        std::thread::sleep(Duration::from_millis(10));
    }
}

#[test]
fn at_a_prompt() {
    let (data, place) = (directory(), directory());
    let server = Server::start(data.path(), &[]);
    let mut put = server.client(&["put"]);
    put.env("OTS_PASSPHRASE", "sesame");
    let link = text(&run(put, b"x").stdout).trim().to_owned();
    let key = place.path().join("key");
    for (signal, code, says) in SIGNALS {
        for (line, prompt, outcome) in [
            (format!("exec \"$OTS\" put -e --key-file '{}'", key.display()), "Secret", "nothing was stored"),
            ("exec \"$OTS\" put -p < /etc/hostname".to_owned(), "Passphrase", "nothing was stored"),
            (format!("exec \"$OTS\" get '{link}'"), "Passphrase", "nothing was read"),
        ] {
            let terminal = Terminal::start(&server, &format!("stty -a > /dev/null; echo ready; read x; {line}"));
            terminal.wait_for("ready");
            let before = terminal.settings();
            terminal.type_in("\r");
            terminal.wait_for(prompt);
            assert_ne!(terminal.settings(), before);
            terminal.type_in("hun");
            let after = terminal.after_signal(signal, AT_ONCE);
            assert_eq!(after.code, Some(code), "{}", after.seen);
            assert!(after.seen.contains(&format!("ots: {says}; {outcome}")), "{}", after.seen);
            assert_eq!(after.settings, before);
            assert!(!after.seen.contains("\x1b[?2004h") || after.seen.contains("\x1b[?2004l"), "{}", after.seen);
            assert!(files(place.path()).is_empty());
        }
    }
    let mut get = server.client(&["get", &link]);
    get.env("OTS_PASSPHRASE", "sesame");
    assert_eq!(run(get, b"").stdout, b"x");
}

/// During the upload, and while the server is thinking.
#[test]
fn while_putting() {
    let place = directory();
    for (signal, code, says) in SIGNALS {
        for size in [1, 8 << 20] {
            let (url, asked) = stalling(|first, stream| {
                if first.contains("/info") {
                    send(stream, "200 OK", INFO)?;
                }
                Ok(first.contains("/info"))
            });
            let mut put = ots();
            put.args(["put", "-s", &url, "-e", "--key-file", "key"]).current_dir(place.path());
            put.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
            let mut child = put.spawn().unwrap();
            child.stdin.take().unwrap().write_all(&noise(1, size)).unwrap();
            wait_until("it is asked", || asked.lock().unwrap().iter().any(|first| first.starts_with("POST")));
            let (ended, said) = ends(child, signal);
            assert_eq!(ended, Some(code), "{said}");
            assert!(said.contains(&format!("ots: {says}; if the server has stored it")), "{said}");
            assert!(files(place.path()).is_empty(), "no key file: {:?}", files(place.path()));
        }
    }
}

/// While the link waits in a pipe that nobody reads: what was stored is burned.
#[test]
fn while_the_link_is_written() {
    let (data, place) = (directory(), directory());
    let server = Server::start(data.path(), &[]);
    for (number, (signal, code, says)) in SIGNALS.into_iter().enumerate() {
        let (_reader, full) = full_pipe();
        let mut put = server.client(&["put", "-e", "--key-file", "key"]);
        put.current_dir(place.path()).stdin(Stdio::piped()).stdout(full).stderr(Stdio::piped());
        let mut child = put.spawn().unwrap();
        child.stdin.take().unwrap().write_all(b"x").unwrap();
        let answered = |method: &str| server.log().lines().filter(|line| line.contains(method)).count();
        wait_until("it is stored", || answered("POST") > number);
        wait_for_blocked_write(&child);
        let (ended, said) = ends(child, signal);
        assert_eq!(ended, Some(code), "{said}");
        assert!(
            said.contains(&format!("ots: {says}; the link wasn't printed, so the secret has been burned")),
            "{said}"
        );
        wait_until("it is burned", || answered("DELETE") > number);
        assert!(files(place.path()).is_empty(), "no key file: {:?}", files(place.path()));
    }
}

/// While the server is asked for the content, and while that comes: the claim is said, and no part of a file stays.
#[test]
fn while_getting() {
    let place = directory();
    for (signal, code, says) in SIGNALS {
        for comes in [0, 500_000] {
            let (url, asked) = stalling(move |first, stream| {
                if first.contains("/status") {
                    send(stream, "200 OK", &status(1_000_000))?;
                } else if first.contains("/info") {
                    send(stream, "200 OK", INFO)?;
                } else if comes > 0 {
                    write!(stream, "HTTP/1.1 200 OK\r\ncontent-length: 1000000\r\n\r\n")?;
                    stream.write_all(&noise(1, comes))?;
                }
                Ok(first.starts_with("GET"))
            });
            let mut get = ots();
            get.args(["get", "-s", &url, TOKEN, "-o", "my file"]).current_dir(place.path());
            let child = get.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
            wait_until("it is asked", || asked.lock().unwrap().iter().any(|first| first.starts_with("POST")));
            let (ended, said) = ends(child, signal);
            assert_eq!(ended, Some(code), "{said}");
            assert!(said.starts_with(&format!("ots: {says}; the secret is kept for you for 4")), "{said}");
            let command = format!(" ots get 'LINK' -s {url}/ -o 'my file'\n");
            assert!(said.contains(": OTS_CLAIM=") && said.ends_with(&command), "{said}");
            assert!(files(place.path()).is_empty(), "{:?}", files(place.path()));
            assert!(!asked.lock().unwrap().iter().any(|first| first.starts_with("DELETE")));
        }
    }
}

/// While the content waits in a pipe that nobody reads: it can be asked for again, with the line that is said.
#[test]
fn while_the_content_is_written() {
    let data = directory();
    let server = Server::start(data.path(), &[]);
    for (signal, code, says) in SIGNALS {
        for size in [10, 1 << 20] {
            let content = noise(1, size);
            let link = server.put(&content);
            let token = link.rsplit('/').next().unwrap().to_owned();
            let (_reader, full) = full_pipe();
            let mut get = server.client(&["get", &link]);
            let child = get.stdin(Stdio::null()).stdout(full).stderr(Stdio::piped()).spawn().unwrap();
            let claimed = || !run(server.client(&["status", &token]), b"").status.success();
            wait_until("it is claimed", claimed);
            wait_for_blocked_write(&child);
            let (ended, said) = ends(child, signal);
            assert_eq!(ended, Some(code), "{said}");
            assert!(said.starts_with(&format!("ots: {says}; the secret is kept for you for 4")), "{said}");
            assert!(super::again::asked_again(&server, &said, &link).stdout == content, "{said}");
        }
    }
}

/// Also when stderr is that pipe: the last words are given up.
#[test]
fn when_nobody_reads_anything() {
    let data = directory();
    let server = Server::start(data.path(), &[]);
    let link = server.put(b"x");
    let (_reader, full) = full_pipe();
    let (_other, full_too) = full_pipe();
    let mut get = server.client(&["get", &link]).stdin(Stdio::null()).stdout(full).stderr(full_too).spawn().unwrap();
    wait_until("it is claimed", || !run(server.client(&["status", &link]), b"").status.success());
    assert!(Command::new("kill").args(["-TERM", &get.id().to_string()]).status().unwrap().success());
    assert_eq!(common::wait_for_exit(&mut get, AT_ONCE).code(), Some(143));
}

/// `status --wait` has nothing to clean up; and what is started to outlive its terminal does.
#[test]
fn while_waiting_for_somebody_to_read() {
    use std::os::unix::process::ExitStatusExt;

    let data = directory();
    let server = Server::start(data.path(), &[]);
    let link = server.put(b"x");
    for (signal, number) in [("-INT", 2), ("-TERM", 15), ("-HUP", 1)] {
        let asked = || server.log().matches("route=\"status\"").count();
        let before = asked();
        let mut wait = server.client(&["status", "--wait", &link]).stdout(Stdio::piped()).spawn().unwrap();
        wait_until("it asks", || asked() > before);
        assert!(Command::new("kill").args([signal, &wait.id().to_string()]).status().unwrap().success());
        assert_eq!(common::wait_for_exit(&mut wait, AT_ONCE).signal(), Some(number));
    }
    // nohup: a hangup that is ignored stays ignored.
    let (mut reader, full) = full_pipe();
    let mut nohup = Command::new("nohup");
    nohup.args([common::OTS, "get", &link]).stdin(Stdio::null()).stdout(full).stderr(Stdio::piped());
    let mut get = nohup.spawn().unwrap();
    drop(nohup); // with its end of the pipe
    wait_until("it is claimed", || !run(server.client(&["status", &link]), b"").status.success());
    assert!(Command::new("kill").args(["-HUP", &get.id().to_string()]).status().unwrap().success());
    let mut written = Vec::new();
    reader.read_to_end(&mut written).unwrap();
    assert!(written.ends_with(b".x") && common::wait_for_exit(&mut get, AT_ONCE).success());
}

/// Ctrl-Z still stops a command once it has asked something: it is heard for the prompt's sake.
#[test]
fn ctrl_z_behind_a_prompt() {
    let place = directory();
    let (url, asked) = stalling(|first, stream| {
        if first.contains("/info") {
            send(stream, "200 OK", INFO)?;
        }
        Ok(first.contains("/info"))
    });
    for shell in ["bash", "dash"] {
        asked.lock().unwrap().clear();
        let terminal = Terminal::shell(&url, shell, place.path());
        terminal.type_in("\"$OTS\" put\r");
        terminal.wait_for("Secret");
        terminal.type_in("hunter2\r");
        wait_until("it is asked", || asked.lock().unwrap().iter().any(|first| first.starts_with("POST")));
        let job = terminal.job().unwrap();
        terminal.type_in("\x1a");
        terminal.wait_for_stop();
        terminal.type_in("echo st$?pped; fg\r");
        terminal.wait_for("pped\r\n");
        super::pty::send(job, "-TERM");
        terminal.wait_for("terminated; if the server has stored it");
    }
}
