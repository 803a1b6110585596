//! Links as people have them, from outside: taken, or refused with the cause and at no cost.

use super::{assert_fails, client, text};
use crate::common::{Server, directory, ots, run};

const TOKEN: &str = "abcdefghijklmnopqrstuvwxyz234567";

/// Each way that a link arrives; every command takes it.
#[test]
fn a_link_is_taken_as_it_arrives() {
    let data = directory();
    let server = Server::start(data.path(), &[]);
    let ways: [fn(&str) -> String; 12] = [
        |link| format!("<{link}>"),
        |link| format!("“{link}”"),
        |link| format!("`{link}`,"),
        |link| format!("[the secret]({link})."),
        |link| format!("{link}/"),
        |link| link.replace('#', "%23"),
        |link| link.replace("http://", ""),
        |link| format!("{}\u{200b}{}", &link[..30], &link[30..]),
        |link| format!("{}\r\n{}", &link[..40], &link[40..]),
        |link| {
            let encoded: String = url::form_urlencoded::byte_serialize(link.as_bytes()).collect();
            format!("https://eur01.safelinks.protection.outlook.com/?url={encoded}&amp;data=05%7C02&reserved=0")
        },
        |link| format!("https://urldefense.com/v3/__{}__;Iw!!Abc!x$", link.replace('#', "*")),
        |link| format!("  {link}\n"),
    ];
    for way in ways {
        let link = text(&run(server.client(&["put", "--encrypt"]), b"hunter2").stdout).trim().to_owned();
        let arrived = way(&link);
        assert!(client(&server, &["status", &arrived]).status.success(), "{arrived}");
        let output = client(&server, &["get", &arrived]);
        assert_eq!(output.stdout, b"hunter2", "{arrived}: {}", text(&output.stderr));
    }
    let link = server.put(b"x");
    assert!(client(&server, &["burn", &format!("({link}).")]).status.success());
    assert_fails(&client(&server, &["status", &link]), 3, "gone");
}

/// From standard input a link is whole, though a mail broke it over lines; there is an end to what is read.
#[test]
fn a_broken_link_is_whole_again_from_standard_input() {
    let data = directory();
    let server = Server::start(data.path(), &[]);
    let link = text(&run(server.client(&["put", "--encrypt"]), b"hunter2").stdout).trim().to_owned();
    let (start, end) = link.split_at(link.len() - 20);
    let broken = format!("\n> <{start}=\n> {end}>\n\n");
    assert_eq!(run(server.client(&["get", "-"]), broken.as_bytes()).stdout, b"hunter2");
    assert_fails(&run(server.client(&["get", "-"]), &vec![b'x'; 10 << 20]), 2, "isn't a link");
    assert_fails(&run(server.client(&["get", "-"]), b"\n"), 2, "empty");
    assert_fails(&run(server.client(&["get", "-"]), b"\xff\xfe"), 8, "can't read the link");
}

/// What can't be a link is refused before a server is asked, in words that hold no part of it.
#[test]
fn what_is_no_whole_link_is_refused_with_its_cause() {
    for (given, says) in [
        (format!("https://host/s/{}", &TOKEN[..20]), "its token is cut, 20 of 32 characters"),
        (format!("https://host/s/{TOKEN}extra"), "37 characters in place of a token's 32"),
        (format!("look at https://host/s/{TOKEN}"), "give the link alone"),
        (format!("https://host/t/r-{TOKEN}"), "that link is a receipt"),
        (format!("https://host/r/{TOKEN}#fingerprint"), "that link is a request"),
        ("https://onetimesecret.com/secret/abcdefghijkl".to_owned(), "a link of Onetime Secret, another program"),
        ("https://yopass.se/#/s/abcdefgh/hunter2".to_owned(), "a link of Yopass"),
        ("https://privatebin.net/?0123456789abcdef#hunter2".to_owned(), "a link of PrivateBin"),
        ("https://pwpush.com/p/abcdefghijkl".to_owned(), "a link of Password Pusher"),
    ] {
        // The sender's commands take a receipt.
        let commands: &[&str] = if given.contains("/t/") { &["get"] } else { &["get", "status", "burn"] };
        for &command in commands {
            let mut ots = ots();
            ots.args([command, &given]);
            let output = run(ots, b"");
            assert_fails(&output, 2, says);
            assert!(!text(&output.stderr).contains("hunter2") && !text(&output.stderr).contains(&TOKEN[..20]));
        }
    }
}

/// A key that isn't whole is counted, and costs no try.
#[test]
fn a_cut_key_is_counted_and_costs_nothing() {
    let data = directory();
    let server = Server::start(data.path(), &[]);
    let link = text(&run(server.client(&["put", "--encrypt"]), b"hunter2").stdout).trim().to_owned();
    assert_fails(
        &client(&server, &["get", &link[..link.len() - 12]]),
        5,
        "the key after # in the link is cut: 31 of 43 characters; nothing was read",
    );
    assert_fails(&client(&server, &["get", &format!("{link}thanks")]), 5, "has 49 characters, and a key has 43");
    assert_eq!(client(&server, &["get", &link]).stdout, b"hunter2");
}
