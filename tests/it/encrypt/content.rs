//! The content: byte for byte, of any size, never acknowledged when damaged; and the name that it is saved under.

use std::{
    process::{Command, Output, Stdio},
    time::Duration,
};

use ots::{
    crypto::envelope::{self, Label},
    secret::Passphrase,
};
use reqwest::Method;
use serde_json::Value;

use super::{assert_fails, assert_gives, client, client_in, put, text, with_passphrase};
use crate::common::{self, Server, directory, files, heavy, noise, run};

#[test]
fn bytes_pass_unchanged_and_the_server_never_has_them() {
    let data = directory();
    let server = Server::start(data.path(), &[]);
    for content in [b"x".to_vec(), b"two\n\n".to_vec(), vec![0; 300], (0..=255).collect(), noise(1, 900_000)] {
        let link = put(&server, &[], &content);
        let (address, key) = link.split_once('#').unwrap();
        assert!(address.starts_with(&format!("{}/s/", server.url)) && key.len() == 43, "{link}");
        assert_gives(&client(&server, &["get", &link]), &content);
        assert_fails(&client(&server, &["get", &link]), 3, "gone");
    }
    // A token with its key means the configured server; `-` keeps either out of the process list.
    let token = put(&server, &["--token"], b"y");
    assert_eq!(token.len(), 32 + 1 + 43);
    assert_gives(&client(&server, &["get", &token]), b"y");
    let link = put(&server, &[], b"z");
    assert_gives(&run(server.client(&["get", "-"]), format!("{link}\n").as_bytes()), b"z");
    assert_fails(&run(server.client(&["put", "-e"]), b""), 8, "empty");
}

/// Whoever damages the ciphertext, on the disk or on the way: nothing is written, and nothing is acknowledged.
#[tokio::test(flavor = "multi_thread")]
async fn damaged_ciphertext_is_not_acknowledged() {
    let (data, place) = (directory(), directory());
    let server = Server::start(data.path(), &[]);
    let sealed = envelope::seal(b"hunter2", &Label::default(), None).unwrap();
    let mut flipped = sealed.envelope.clone();
    flipped[100] ^= 1;
    let cut = sealed.envelope[..200].to_vec();
    let later = [b"OTS2", &sealed.envelope[4..]].concat();
    for (damaged, says) in [
        (flipped, "the key doesn't fit, or it was altered"),
        (cut, "the key doesn't fit, or it was altered"),
        (b"short".to_vec(), "too short"),
        (later, "this version"),
    ] {
        let request = server.request(Method::POST, "/api/v1/secrets?encrypted=true");
        let proof = data_encoding::BASE64URL_NOPAD.encode(sealed.proof.expose().as_bytes());
        let request = request.header("content-type", "application/octet-stream").header("ots-passphrase", proof);
        let created: Value = request.body(damaged).send().await.unwrap().json().await.unwrap();
        let token = created["token"].as_str().unwrap().to_owned();
        let link = format!("{}/s/{token}#{}", server.url, sealed.key.expose().as_str());
        let output = client_in(&server, place.path(), &["get", "-o", "out", &link]);
        assert_fails(&output, 6, says);
        let said = text(&output.stderr);
        let claim = said.split("OTS_CLAIM=").nth(1).unwrap().split(' ').next().unwrap();
        // It is still there for whoever asks with the same claim, and for nobody else.
        assert_eq!(server.status(&token).await.status(), 404);
        let again = server.reveal(&token, Some(claim), Some(sealed.proof.expose())).await;
        assert_eq!(again.status(), 200);
        let mut command = server.client(&["get", &link]);
        command.env("OTS_CLAIM", claim);
        assert_fails(&run(command, b""), 6, "OTS_CLAIM=");
    }
    assert!(files(place.path()).is_empty(), "nothing was written: {:?}", files(place.path()));
}

#[test]
fn a_file_is_saved_under_the_name_that_the_sender_gave_cleaned() {
    let (data, sent, got) = (directory(), directory(), directory());
    let server = Server::start(data.path(), &[]);
    let file = sent.path().join("key.pem");
    std::fs::write(&file, "of a file").unwrap();
    let of_file = |arguments: &[&str]| {
        let mut command = server.client(&["put", "-e", file.to_str().unwrap()]);
        command.args(arguments);
        text(&run(command, b"").stdout).trim().to_owned()
    };
    let save = |link: &str, arguments: &[&str]| {
        let mut command = server.client(&["get", "-O", link]);
        command.args(arguments).current_dir(got.path());
        let output = run(command, b"");
        assert!(output.status.success(), "{}", text(&output.stderr));
        output
    };
    let names = || {
        let mut names: Vec<String> =
            files(got.path()).iter().map(|path| path.file_name().unwrap().to_str().unwrap().to_owned()).collect();
        names.sort();
        names
    };
    let output = save(&of_file(&[]), &[]);
    assert!(output.stdout.is_empty() && output.stderr.is_empty(), "{output:?}");
    assert_eq!(std::fs::read(got.path().join("key.pem")).unwrap(), b"of a file");
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        assert_eq!(got.path().join("key.pem").metadata().unwrap().permissions().mode() & 0o777, 0o600);
    }
    // A name that is taken gets a number: the secret has been read, so that is no time to fail.
    let saved: Value = serde_json::from_slice(&save(&of_file(&[]), &["--json"]).stdout).unwrap();
    assert_eq!((&saved["file"], &saved["name"]), (&"key-1.pem".into(), &"key.pem".into()));
    std::fs::write(got.path().join("key.pem"), "old").unwrap();
    save(&of_file(&[]), &["--force"]);
    assert_eq!(std::fs::read(got.path().join("key.pem")).unwrap(), b"of a file");
    assert_eq!(names(), ["key-1.pem", "key.pem"]);

    for (name, saved) in [
        ("../../etc/passwd", "passwd"),
        ("/etc/shadow", "shadow"),
        ("C:\\boot.ini", "boot.ini"),
        (".profile", "profile"),
        ("-rf", "rf"),
        ("a\u{1b}[31mb\n", "a[31mb"),
        ("nul.txt", "_nul.txt"),
        ("", "secret"),
        ("Schlüssel 鍵.txt", "Schlüssel 鍵.txt"),
    ] {
        save(&of_file(&[&format!("--name={name}")]), &[]);
        assert!(names().contains(&saved.to_owned()), "{name:?}: {:?}", names());
    }
    save(&put(&server, &[], b"from a pipe, which has no name"), &[]);
    assert!(names().contains(&"secret-1".to_owned()), "{:?}", names());

    let read: Value =
        serde_json::from_slice(&client(&server, &["--json", "get", &of_file(&["--name", "a.json"])]).stdout).unwrap();
    assert_eq!(read, serde_json::json!({"content": "of a file", "name": "a.json", "type": "application/json"}));
    let long = run(server.client(&["put", "-e", "--name", &"n".repeat(5000)]), b"x");
    assert_fails(&long, 2, "--name");
    // Where nothing can be written, nothing is read.
    let link = of_file(&[]);
    let nowhere = got.path().join("gone");
    std::fs::create_dir(&nowhere).unwrap();
    let mut shell = Command::new("sh");
    shell.args(["-c", "rmdir \"$PWD\"; exec \"$0\" get -O \"$1\""]).arg(common::OTS).arg(&link).current_dir(&nowhere);
    assert_fails(&run(shell, b""), 8, "can't write to");
    assert_gives(&client(&server, &["get", &link]), b"of a file");
}

/// Contents up to 100 MiB, in both directions, with at most three times as much memory on either side.
#[cfg(target_os = "linux")]
#[test]
fn large_content_takes_at_most_three_times_its_size() {
    const SIZE: usize = 96 << 20;
    let _alone = heavy();
    let (data, place) = (directory(), directory());
    let server = Server::start(data.path(), &["--max-size", "100MiB"]);
    let file = place.path().join("large");
    std::fs::write(&file, noise(7, SIZE)).unwrap();
    let most = (3 * SIZE / 1024) as u64;
    // What goes to a database is once more on its way to the socket.
    let most_of_server = if common::engine::is_shared() { most / 3 * 4 } else { most };

    let (output, peak) = with_peak_memory(server.client(&["put", "-e", file.to_str().unwrap()]));
    let link = text(&output.stdout).trim().to_owned();
    eprintln!("put: {} MiB; server: {} MiB", peak / 1024, server.memory("VmHWM") / 1024);
    assert!(output.status.success() && peak < most, "{peak} KiB: {}", text(&output.stderr));
    assert!(server.memory("VmHWM") < most_of_server, "{} KiB", server.memory("VmHWM"));

    let (output, peak) =
        with_peak_memory(server.client(&["get", "-o", place.path().join("got").to_str().unwrap(), &link]));
    eprintln!("get: {} MiB; server: {} MiB", peak / 1024, server.memory("VmHWM") / 1024);
    assert!(output.status.success() && peak < most, "{peak} KiB: {}", text(&output.stderr));
    assert!(server.memory("VmHWM") < most_of_server, "{} KiB", server.memory("VmHWM"));
    assert!(std::fs::read(place.path().join("got")).unwrap() == std::fs::read(&file).unwrap());

    // What doesn't fit is said before it is sent, in the bytes that count.
    std::fs::write(&file, vec![0; 100 << 20]).unwrap();
    let output = client(&server, &["put", "-e", file.to_str().unwrap()]);
    assert_fails(&output, 7, "with its encryption and padding, and the server keeps at most 104857600");
}

/// Runs a command to its end and gives the most memory that it had, in KiB.
#[cfg(target_os = "linux")]
fn with_peak_memory(mut command: Command) -> (Output, u64) {
    let mut child = command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let path = format!("/proc/{}/status", child.id());
    let mut peak = 0;
    while child.try_wait().unwrap().is_none() {
        let status = std::fs::read_to_string(&path).unwrap_or_default();
        let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
        peak = peak.max(line.map_or(0, |line| line.split_whitespace().next().unwrap().parse().unwrap()));
        std::thread::sleep(Duration::from_millis(5));
    }
    (child.wait_with_output().unwrap(), peak)
}

/// What the page and other clients do: the API's own way, as api.md says.
#[tokio::test(flavor = "multi_thread")]
async fn the_api_carries_an_envelope_as_json_too() {
    let data = directory();
    let server = Server::start(data.path(), &[]);
    let passphrase = Passphrase::new("open sesame".to_owned().into()).unwrap();
    let sealed = envelope::seal("über".as_bytes(), &Label::default(), Some(&passphrase)).unwrap();
    let token = server
        .create_with(serde_json::json!({
            "content": data_encoding::BASE64.encode(&sealed.envelope),
            "encoding": "base64",
            "encrypted": true,
            "passphrase": sealed.proof.expose(),
            "passphrase_required": true,
        }))
        .await;
    assert_eq!(server.get(&token).await.status(), 403, "a plain read has no proof");
    assert_eq!(server.reveal(&token, None, None).await.status(), 403);
    let link = format!("{}/s/{token}#{}", server.url, sealed.key.expose().as_str());
    assert_gives(&with_passphrase(&server, "open sesame", &["get", &link], b""), "über".as_bytes());
}
