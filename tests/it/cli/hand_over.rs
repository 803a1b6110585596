//! `ots put --qr` and `--copy`: what becomes of a link besides its line on stdout.

use std::{
    fs,
    path::Path,
    time::{Duration, Instant},
};

use super::{client, pty::Terminal, text};
use crate::common::{Server, directory, run};

/// A code as a phone sees it: half blocks made into pixels, and read.
fn scan(shown: &str) -> Result<String, String> {
    const PIXELS: usize = 6;
    // Both halves of each character, true where it is light.
    let mut rows: Vec<Vec<bool>> = Vec::new();
    for line in shown.lines() {
        let coloured = line.starts_with("\x1b[38;5;16;48;5;231m");
        let line = line.trim_start_matches("\x1b[38;5;16;48;5;231m").trim_end_matches("\x1b[0m");
        for half in ['▀', '▄'] {
            rows.push(line.chars().map(|block| (block == '█' || block == half) != coloured).collect());
        }
    }
    let (width, height) = (rows[0].len(), rows.len());
    let grey = |x: usize, y: usize| if rows[y / PIXELS][x / PIXELS] { 255 } else { 0 };
    let mut picture = rqrr::PreparedImage::prepare_from_greyscale(width * PIXELS, height * PIXELS, grey);
    let grids = picture.detect_grids();
    grids
        .first()
        .ok_or(format!("no code in\n{shown}"))?
        .decode()
        .map(|(_, read)| read)
        .map_err(|error| error.to_string())
}

/// The lines of a code among others, without what colours them around.
fn code_in(seen: &str) -> String {
    let of_code = |line: &&str| line.contains('█') || line.starts_with("\x1b[38;5;16");
    seen.lines().map(|line| line.trim_end_matches('\r')).filter(of_code).collect::<Vec<_>>().join("\n")
}

#[test]
fn a_code_reads_as_the_link() {
    let data = directory();
    let server = Server::start(data.path(), &[]);
    for arguments in [&["put", "--qr"][..], &["put", "--qr", "-e"], &["put", "--qr", "-e", "--color", "always"]] {
        let output = run(server.client(arguments), b"x");
        let (link, shown) = (text(&output.stdout), text(&output.stderr));
        assert_eq!(link.lines().count(), 1, "stdout has the link alone");
        assert_eq!(shown.contains('\x1b'), arguments.contains(&"always"), "{shown}");
        assert_eq!(scan(shown.trim_end_matches('\n')).as_deref(), Ok(link.trim()), "{shown}");
    }
    // What goes another way isn't in the code either.
    let key = data.path().join("key.txt");
    let output = run(server.client(&["put", "--qr", "-e", "--key-file", key.to_str().unwrap()]), b"x");
    assert_eq!(scan(&code_in(&text(&output.stderr))).as_deref(), Ok(text(&output.stdout).trim()));
    assert!(text(&output.stdout).ends_with("#\n"));
    let output = run(server.client(&["put"]), b"x");
    assert!(output.stderr.is_empty(), "only when it is asked for");
}

/// Black on white by colours of its own, whatever the terminal's are; and without, when colours aren't wanted.
#[test]
fn a_code_on_a_terminal_is_black_on_white_and_whole_or_not_there() {
    let data = directory();
    let server = Server::start(data.path(), &[]);
    for (before, coloured) in [("", true), ("NO_COLOR=1 ", false)] {
        let (seen, code) = Terminal::start(&server, &format!("printf x | {before}\"$OTS\" put -e --qr")).finish();
        let link = seen.lines().find(|line| line.starts_with("http")).unwrap().trim_end();
        assert_eq!((code, seen.contains("\x1b[38;5;16;48;5;231m")), (Some(0), coloured), "{seen}");
        assert_eq!(scan(&code_in(&seen)).as_deref(), Ok(link), "{seen}");
    }
    for size in ["cols 40", "rows 12"] {
        let (seen, code) = Terminal::start(&server, &format!("stty {size}; printf x | \"$OTS\" put -e --qr")).finish();
        assert!(code == Some(0) && seen.contains("no QR code: it needs 41 columns and 21 rows"), "{seen}");
        assert!(!seen.contains('█') && seen.contains("http"), "the link is there, and no part of a code: {seen}");
    }
}

/// Writes a program that keeps what it gets, beside itself: its arguments, its environment, its input.
fn tool(folder: &Path, name: &str, script: &str) {
    use std::os::unix::fs::PermissionsExt as _;
    let path = folder.join(name);
    fs::write(&path, format!("#!/bin/sh\ncd '{}'\n{script}\n", folder.display())).unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
}

const KEEPS: &str = "echo \"$0 $*\" > arguments; env > environment; cat > input; (exec sleep 100) & echo $! > left";

#[test]
fn the_desktops_tool_gets_the_link_on_its_input_and_nothing_else() {
    let (data, tools) = (directory(), directory());
    let server = Server::start(data.path(), &[]);
    tool(tools.path(), "wl-copy", "exit 1"); // no such desktop after all
    tool(tools.path(), "xclip", KEEPS);
    let mut command = server.client(&["put", "--copy", "-e"]);
    command.env("PATH", format!("{}:{}", tools.path().display(), std::env::var("PATH").unwrap()));
    command.envs([("WAYLAND_DISPLAY", "wayland-0"), ("DISPLAY", ":0"), ("OTS_PASSPHRASE", "hunter2")]);
    // What the tool leaves behind must not hold our outputs open: this waits for their end.
    let start = Instant::now();
    let output = run(command, b"x");
    assert!(start.elapsed() < Duration::from_secs(50), "as long as the tool's child runs");
    let kept = |name: &str| fs::read_to_string(tools.path().join(name)).unwrap();
    let left = kept("left");
    std::process::Command::new("kill").arg(left.trim()).status().unwrap();
    let link = text(&output.stdout);
    assert_eq!((output.status.code(), kept("input").as_str()), (Some(0), link.trim_end()));
    assert!(output.stderr.is_empty(), "{}", text(&output.stderr));
    assert!(kept("arguments").ends_with("xclip -selection clipboard\n"), "{}", kept("arguments"));
    assert!(
        !kept("environment").contains("OTS_") && kept("environment").contains("DISPLAY=:0"),
        "{}",
        kept("environment")
    );
}

/// A clipboard that can't be had is said, and costs nobody the link.
#[test]
fn the_link_is_printed_whatever_becomes_of_the_clipboard() {
    let (data, tools) = (directory(), directory());
    let server = Server::start(data.path(), &[]);
    tool(tools.path(), "xclip", "exec sleep 100"); // a display that doesn't answer
    tool(tools.path(), "xsel", "exit 1");
    let mut detached = std::process::Command::new("setsid");
    detached.args(["-w", crate::common::OTS, "put", "--copy", "--timeout", "20"]).env("OTS_SERVER", &server.url);
    detached.env("PATH", format!("{}:{}", tools.path().display(), std::env::var("PATH").unwrap())).env("DISPLAY", ":0");
    let output = run(detached, b"x");
    assert_eq!(output.status.code(), Some(0));
    assert!(
        text(&output.stderr).starts_with("ots: the link isn't on the clipboard: there is no terminal"),
        "{output:?}"
    );
    assert_eq!(client(&server, &["get", text(&output.stdout).trim()]).stdout, b"x");
}

/// What the terminal was told to put on its clipboard.
fn sent_to_clipboard(seen: &str) -> Option<String> {
    let sent = seen.split("\x1b]52;").nth(1)?.split(';').nth(1)?.split('\x07').next()?;
    String::from_utf8(data_encoding::BASE64.decode(sent.as_bytes()).ok()?).ok()
}

#[test]
fn without_a_desktop_the_terminal_gets_the_link() {
    let data = directory();
    let server = Server::start(data.path(), &[]);
    // As over ssh, where the desktop's variables are somebody else's; and wherever the outputs lead to.
    let line = "printf x | SSH_TTY=/dev/pts/9 DISPLAY=:0 \"$OTS\" put --copy > link 2> said; cat link said";
    let line = format!("cd '{}' && {line}", data.path().display());
    let (seen, code) = Terminal::start(&server, &line).finish();
    assert!(code == Some(0) && sent_to_clipboard(&seen).is_some_and(|sent| seen.contains(&sent)), "{seen:?}");
    let (seen, _) = Terminal::start(&server, "printf x | \"$OTS\" put --copy").finish();
    assert!(seen.contains("given to the terminal for the clipboard; not every terminal takes it"), "{seen:?}");
    let (seen, code) = Terminal::start(&server, "printf x | TERM=dumb \"$OTS\" put --copy").finish();
    assert!(code == Some(0) && !seen.contains('\x1b') && seen.contains("isn't on the clipboard"), "{seen:?}");
}

/// tmux as it is set up by itself keeps a program's escape sequence, and passes its own clipboard on.
#[test]
fn through_tmux_too() {
    if std::process::Command::new("tmux").arg("-V").output().is_err() {
        assert!(std::env::var_os("CI").is_none(), "the test needs tmux");
        eprintln!("skipped: no tmux");
        return;
    }
    let data = directory();
    let server = Server::start(data.path(), &[]);
    let link = data.path().join("link");
    let inner =
        format!("printf x | \"$OTS\" put --copy > '{}' 2> /dev/null; echo put has ended; sleep 20", link.display());
    let line =
        format!("unset TMUX; tmux -S '{}' -f /dev/null new-session \"$INNER\"", data.path().join("tmux").display());
    let screen = Terminal::start(&server, &format!("export INNER='{}'; {line}", inner.replace('\'', r"'\''")));
    screen.wait_for("\x1b]52;");
    screen.wait_for("put has ended");
    screen.type_in("\u{3}");
    let (seen, code) = screen.finish();
    let link = fs::read_to_string(link).unwrap();
    assert!(code == Some(0) && link.starts_with("http"), "{seen:?}");
    assert_eq!(sent_to_clipboard(&seen).as_deref(), Some(link.trim_end()), "{seen:?}");
}
