//! Links as people have them: each way that one was seen to arrive, and what is refused with its cause.

use proptest::prelude::*;

use super::*;

const TOKEN: &str = "abcdefghijklmnopqrstuvwxyz234567";
/// 32 bytes of 0xff, nearly: every kind of character that a key has.
const KEY: &str = "-_abcdefghijklmnopqrstuvwxyz0123456789ABCDE";

fn parsed(text: &str) -> (Option<String>, Option<String>, bool) {
    let link: Link = text.parse().unwrap_or_else(|error| panic!("{text}: {error}"));
    assert_eq!(link.token.expose().as_str(), TOKEN, "{text}");
    (link.server.map(Into::into), link.key.map(|key| key.to_string()), link.key_apart)
}

#[test]
fn every_form_of_a_link_is_taken() {
    for (text, server, key) in [
        (TOKEN.to_owned(), None, None),
        (format!("{TOKEN}#k-y"), None, Some("k-y")),
        (format!(" https://host/s/{TOKEN}\n"), Some("https://host/"), None),
        (format!("http://host:8000/under/s/{TOKEN}/?utm=1#key"), Some("http://host:8000/under/"), Some("key")),
        (format!("https://host/s/{}", TOKEN.to_uppercase()), Some("https://host/"), None),
    ] {
        let found = parsed(&text);
        assert_eq!((found.0.as_deref(), found.1.as_deref(), found.2), (server, key, false), "{text}");
    }
}

/// What stands before an @ is sent along, and hides which host is asked.
#[test]
fn a_user_before_the_host_is_refused() {
    for before in ["bob:hunter2pw@", "https://good.example@", "bob@"] {
        let text = format!("https://{}host/s/{TOKEN}#{KEY}", before.trim_start_matches("https://"));
        let error = text.parse::<Link>().unwrap_err();
        assert_eq!(error, InvalidLink::User, "{text}");
        assert!(!error.to_string().contains("hunter2pw"));
    }
}

/// Only Google's own hosts have its wrapper.
#[test]
fn what_only_looks_like_a_guard_guards_nothing() {
    let wrapped = |host: &str| format!("https://{host}/url?q=https%3A%2F%2Fots.example.org%2Fs%2F{TOKEN}");
    for host in ["www.google.com", "google.de", "www.google.co.uk"] {
        assert_eq!(parsed(&wrapped(host)).0.as_deref(), Some("https://ots.example.org/"), "{host}");
    }
    for host in ["www.google.evil.invalid", "google.evil", "www.google.com.evil.invalid", "notgoogle.com"] {
        assert!(wrapped(host).parse::<Link>().is_err(), "{host}");
    }
}

/// `#` and nothing after it says that the key travels apart; no `#` says that there is none.
#[test]
fn a_key_that_travels_apart_leaves_a_mark() {
    for (text, apart) in [
        (format!("https://host/s/{TOKEN}#"), true),
        (format!("<https://host/s/{TOKEN}#>."), true),
        (format!("https://host/s/{TOKEN}%23"), true),
        (format!("{TOKEN}#"), true),
        (format!("https://host/s/{TOKEN}"), false),
        (TOKEN.to_owned(), false),
    ] {
        let (_, key, marked) = parsed(&text);
        assert_eq!((key, marked), (None, apart), "{text}");
    }
    assert!(!parsed(&format!("https://host/s/{TOKEN}#{KEY}")).2);
}

#[test]
fn what_people_and_programs_put_around_a_link_is_taken_off() {
    let link = format!("https://ots.example.org/s/{TOKEN}#{KEY}");
    let encoded: String = url::form_urlencoded::byte_serialize(link.as_bytes()).collect();
    let proofpoint_2 = link.replace('-', "-2D").replace('_', "-5F").replace(':', "-3A").replace('#', "-23");
    let proofpoint_2 = proofpoint_2.replace('/', "_");
    let broken = |by: &str| format!("{}{by}{}{by}{}", &link[..30], &link[30..70], &link[70..]);
    for text in [
        format!("<{link}>"),
        format!("<URL:{link}>"),
        format!("<{link}|the secret>"),
        format!("\"{link}\""),
        format!("'{link}'"),
        format!("“{link}”"),
        format!("„{link}“"),
        format!("«{link}»"),
        format!("« {link} »"),
        format!("‘{link}’"),
        format!("`{link}`"),
        format!("**{link}**"),
        format!("({link}),"),
        format!("[the secret]({link})"),
        format!("[{link}]({link})."),
        format!("[the secret]({link} \"a title\")"),
        format!("[{link}]"),
        format!("{link}."),
        format!("{link}, "),
        format!("{link};"),
        format!("{link}:"),
        format!("{link}!?"),
        format!("{link}/"),
        format!("{link}…"),
        format!("{link}?utm_source=mail"),
        format!("{link}&data=05"),
        link.replace('#', "/#"),
        link.replace('#', "%23"),
        link.replace('#', "%2523"),
        link.replace('#', "&#35;"),
        link.replace("https://", ""),
        link.replace("https:", ""),
        link.replace("https", "HTTPS"),
        broken("\n"),
        broken("\r\n"),
        broken("=\r\n"),
        broken("\n> "),
        broken(" "),
        broken("\u{200b}"),
        broken("\u{ad}"),
        format!("\u{feff}{link}\u{200e}"),
        format!("https://eur01.safelinks.protection.outlook.com/?url={encoded}&data=05%7C02&reserved=0"),
        format!("https://eur01.safelinks.protection.outlook.com/?url={encoded}&amp;data=05%7C02&amp;reserved=0"),
        format!("<https://nam02.safelinks.protection.outlook.com/ap/t-1/?url={encoded}&data=x>"),
        format!(
            "https://statics.teams.cdn.office.net/evergreen-assets/safelinks/1/atp-safelinks.html?url={encoded}&locale=en"
        ),
        format!(
            "https://eur01.safelinks.protection.outlook.com/?url={}&data=05#{KEY}",
            encoded.split("%23").next().unwrap()
        ),
        format!("https://urldefense.proofpoint.com/v2/url?u={proofpoint_2}&d=DwMF&c=x&r=y&m=z&s=s&e="),
        format!("https://urldefense.com/v3/__{}__;Iw!!Abc!xyz$", link.replace('#', "*")),
        format!("https://urldefense.com/v3/__{}__;Iw!!Abc!xyz$", link.replace('#', "*").replace("//", "/")),
        format!("https://www.google.com/url?q={encoded}&sa=D&source=hangouts"),
        format!("https://www.google.co.uk/url?sa=t&url={encoded}"),
        format!("https://linkprotect.cudasvc.com/url?a={encoded}&c=E,1"),
        // One guard within another.
        format!(
            "https://eur01.safelinks.protection.outlook.com/?url={}&data=05",
            url::form_urlencoded::byte_serialize(format!("https://www.google.com/url?q={encoded}").as_bytes())
                .collect::<String>()
        ),
    ] {
        let found = parsed(&text);
        assert_eq!((found.0.as_deref(), found.1.as_deref()), (Some("https://ots.example.org/"), Some(KEY)), "{text}");
    }
}

#[test]
fn a_missing_scheme_is_https_and_http_on_this_machine() {
    for (host, server) in [
        ("ots.example.org", "https://ots.example.org/"),
        ("ots.example.org:8443/under", "https://ots.example.org:8443/under/"),
        ("localhost:8000", "http://localhost:8000/"),
        ("127.0.0.1:8000", "http://127.0.0.1:8000/"),
        ("[::1]:8000", "http://[::1]:8000/"),
        ("localhost.example.org", "https://localhost.example.org/"),
    ] {
        assert_eq!(parsed(&format!("{host}/s/{TOKEN}")).0.as_deref(), Some(server), "{host}");
    }
}

#[test]
fn what_is_no_link_is_refused_with_its_cause() {
    let link = format!("https://host/s/{TOKEN}#{KEY}");
    for (text, error) in [
        (String::new(), InvalidLink::Empty),
        ("\"\"".to_owned(), InvalidLink::Empty),
        ("hunter2".to_owned(), InvalidLink::Neither),
        ("hunter2 and more".to_owned(), InvalidLink::Several),
        (TOKEN[1..].to_owned(), InvalidLink::Neither),
        ("https://host/s/short".to_owned(), InvalidLink::CutToken(5)),
        (format!("https://host/s/{}", &TOKEN[..31]), InvalidLink::CutToken(31)),
        (format!("https://host/s/{TOKEN}and"), InvalidLink::LongToken(35)),
        ("https://host/s/".to_owned(), InvalidLink::NoToken),
        ("https://host/".to_owned(), InvalidLink::NoToken),
        ("https://host/s/a_b".to_owned(), InvalidLink::NoToken),
        (format!("see {link}"), InvalidLink::Several),
        (format!("https://host/s/{TOKEN} https://host/s/{TOKEN}"), InvalidLink::Several),
        (format!("{link}\n{link}"), InvalidLink::Several),
        (format!("ftp://host/s/{TOKEN}"), InvalidLink::Scheme),
        (format!("https://host/t/r-{TOKEN}"), InvalidLink::Receipt),
        (format!("r-{TOKEN}"), InvalidLink::Receipt),
        (format!("<https://host/r/{TOKEN}#{KEY}>"), InvalidLink::Request),
        ("https://eu.onetimesecret.com/secret/abcdefghijkl".to_owned(), InvalidLink::Other("Onetime Secret")),
        ("https://secrets.example.org/secret/abcdefghijkl".to_owned(), InvalidLink::Other("Onetime Secret")),
        ("https://yopass.se/#/s/0a1b2c3d-0000-0000-0000-000000000000/key".to_owned(), InvalidLink::Other("Yopass")),
        ("https://paste.example.org/#/f/0a1b2c3d/key".to_owned(), InvalidLink::Other("Yopass")),
        ("https://privatebin.net/?0123456789abcdef#4xyz".to_owned(), InvalidLink::Other("PrivateBin")),
        ("https://bin.example.org/?0123456789abcdef#4xyz".to_owned(), InvalidLink::Other("PrivateBin")),
        ("https://pwpush.com/p/abcdefghijkl".to_owned(), InvalidLink::Other("Password Pusher")),
        ("https://eu.pwpush.com/en/p/abcdefghijkl/r".to_owned(), InvalidLink::Other("Password Pusher")),
        ("https://bin.bloat.cat/GE4DQU".to_owned(), InvalidLink::Other("wastebin")),
        ("https://scrt.link/s/abcdefgh#key".to_owned(), InvalidLink::Other("scrt.link")),
    ] {
        assert_eq!(text.parse::<Link>().err(), Some(error), "{text}");
    }
}

/// What isn't certain is left as it is, and so refused where the key is used.
#[test]
fn a_key_is_never_guessed() {
    for (end, kept) in [("abc", "abc"), ("a+b", "a+b"), ("a%2Fb", "a%2Fb"), ("a.b", "a.b")] {
        assert_eq!(parsed(&format!("https://host/s/{TOKEN}#{end}")).1.as_deref(), Some(kept));
    }
    // Words after a key belong to it, as far as anybody can tell.
    let with_words = format!("https://host/s/{TOKEN}#{KEY} thanks");
    assert_eq!(parsed(&with_words).1.as_deref(), Some(format!("{KEY}thanks").as_str()));
}

/// Somebody else may have written what is pasted: a text of many layers costs no more than another.
#[test]
fn layers_upon_layers_cost_little() {
    let started = std::time::Instant::now();
    for layer in ["[", "<[", "![", "&amp;", "url:", "&num;", "%23", "](", "**", "https://l.facebook.com/?u=", "\n> "] {
        for bytes in [8 * 1024, 128 * 1024] {
            let layers = layer.repeat(bytes / layer.len());
            let _ = layers.parse::<Link>();
            let _ = format!("https://host/s/{TOKEN}#{layers}").parse::<Link>();
        }
    }
    assert!(started.elapsed() < std::time::Duration::from_secs(10), "{:?}", started.elapsed());
}

proptest! {
    #[test]
    fn any_text_is_a_link_or_an_error(text in "\\PC{0,80}") {
        let _ = text.parse::<Link>();
    }

    /// Whatever is put around a link, in any order, the link is found, or it is refused: no other is.
    #[test]
    fn a_link_is_found_whole_or_not_at_all(
        before in "[<(\\[{\"'`*«“ \n]{0,4}",
        after in "[>)\\]}\"'`*»”.,;:!?/ \n]{0,4}",
        broken_at in 0_usize..80,
        by in "(\n|\r\n|\n> |\u{200b})",
    ) {
        let link = format!("https://host/s/{TOKEN}#{KEY}");
        let (start, end) = link.split_at(broken_at);
        let text = format!("{before}{start}{by}{end}{after}");
        let parsed = text.parse::<Link>();
        prop_assert!(parsed.is_ok(), "{text}");
        if let Ok(link) = parsed {
            prop_assert_eq!(link.token.expose().to_string(), TOKEN);
            prop_assert_eq!(link.key.as_ref().map(|key| key.as_str()), Some(KEY));
        }
    }

    /// A link that was made from a link's parts is the same link.
    #[test]
    fn parts_make_the_same_link(text in "[<\\[(]{0,2}(https?://)?[a-z.]{1,9}(:80)?/(s/)?[a-z2-7]{32}(#|%23|&amp;|\\]\\(|&){0,2}[A-Za-z_%.)&;-]{0,9}[\\])>]{0,2}") {
        if let Ok(link) = text.parse::<Link>() {
            let mut again = link.server.as_ref().map_or_else(
                || link.token.expose().to_string(),
                |server| Link::to_text(server, &link.token).to_string(),
            );
            if link.key_apart {
                again.push('#');
            }
            if let Some(key) = &link.key {
                again.push_str(&format!("#{}", key.as_str()));
            }
            let same = again.parse::<Link>();
            prop_assert!(same.is_ok(), "{text} -> {again}");
            if let Ok(same) = same {
                prop_assert_eq!((same.server, same.key, same.key_apart), (link.server, link.key, link.key_apart));
            }
        }
    }
}
