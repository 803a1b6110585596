//! Requests' texts: each comes back as it was, and what was cut, changed or added to is refused with its cause.

use proptest::prelude::*;

use super::*;
use crate::secret::{InvalidLink, InvalidRequestLink, RequestLink};

const TOKEN: &str = "abcdefghijklmnopqrstuvwxyz234567";
const COLLECTING: &str = "zyxwvutsrqponmlkjihgfedcba765432";
const KEY: &str = "-_abcdefghijklmnopqrstuvwxyz0123456789ABCDE";
const FINGERPRINT: &str = "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";

fn label(text: &str) -> Result<RequestLabel, InvalidRequestLabel> {
    RequestLabel::new(text.to_owned().into())
}

fn collecting(passphrase: bool, text: Option<&str>) -> CollectingKey {
    CollectingKey {
        link: format!("https://host:8000/under/r/{TOKEN}#{FINGERPRINT}").parse().unwrap(),
        token: COLLECTING.parse().unwrap(),
        key: KEY.parse().unwrap(),
        passphrase,
        label: text.map(|text| label(text).unwrap()),
    }
}

fn parts(key: &CollectingKey) -> (String, String, String, bool, Option<&str>) {
    let (token, secret) = (key.token.expose().to_string(), key.key.expose().to_string());
    (key.link.to_text().to_string(), token, secret, key.passphrase, key.label.as_ref().map(RequestLabel::expose))
}

#[test]
fn keys_and_fingerprints_come_back_and_print_nothing() {
    let key = RequestKey::generate().unwrap();
    assert_eq!(key.expose().parse::<RequestKey>().unwrap().as_bytes(), key.as_bytes());
    let fingerprint: Fingerprint = KEY.parse().unwrap();
    assert!(fingerprint.expose().as_str() == KEY && fingerprint.is(&fingerprint.clone()));
    assert!(!fingerprint.is(&FINGERPRINT.parse().unwrap()));
    let printed = format!("{key:?} {fingerprint:?} {:?} {:?}", label("x").unwrap(), collecting(true, None));
    assert_eq!(printed, "RequestKey(…) Fingerprint(…) RequestLabel(…) CollectingKey(…)");
    assert_eq!(FINGERPRINT[1..].parse::<Fingerprint>().unwrap_err(), InvalidLinkKey::Cut(42));
    assert_eq!(format!("{}B", &FINGERPRINT[1..]).parse::<RequestKey>().unwrap_err(), InvalidLinkKey::Changed);
}

#[test]
fn a_label_is_one_line_that_shows_what_it_says() {
    for text in ["?", "the staging DB's password", " ", "das Päßwort 密码 👩‍💻", &"é".repeat(255)] {
        assert_eq!(label(text).unwrap().expose(), text);
    }
    assert_eq!(label("").unwrap_err(), InvalidRequestLabel::Empty);
    assert_eq!(label(&"a".repeat(511)).unwrap_err(), InvalidRequestLabel::Long(511));
    for unseen in ['\n', '\0', '\u{7f}', '\u{85}', '\u{200b}', '\u{202e}', '\u{2066}', '\u{feff}'] {
        assert_eq!(label(&format!("a{unseen}b")).unwrap_err(), InvalidRequestLabel::Unseen, "{unseen:?}");
    }
}

#[test]
fn a_requests_link_is_taken_as_people_have_it() {
    let whole = format!("https://host/r/{TOKEN}#{FINGERPRINT}");
    for text in [
        whole.clone(),
        format!(" <{whole}>.\n"),
        format!("host/r/{TOKEN}#{FINGERPRINT}"),
        format!("https://host/r/{TOKEN}%23{FINGERPRINT}"),
        format!("https://host/r/{}/?utm=1#{FINGERPRINT}&utm=2", TOKEN.to_uppercase()),
        format!("> https://host/r/{TOKEN}#\n> {FINGERPRINT}"),
    ] {
        let link: RequestLink = text.parse().unwrap_or_else(|error| panic!("{text}: {error}"));
        assert_eq!(link.to_text().as_str(), whole, "{text}");
    }
    let under: RequestLink = format!("http://localhost:8000/a/b/r/{TOKEN}#{FINGERPRINT}").parse().unwrap();
    assert_eq!(under.server.as_str(), "http://localhost:8000/a/b/");
    assert_eq!(format!("{under:?}"), "RequestLink(…)");
}

#[test]
fn what_is_no_requests_link_is_refused_with_its_cause() {
    use InvalidRequestLink::{Link, NoFingerprint, NoRequest, Secret};
    for (text, error) in [
        (String::new(), Link(InvalidLink::Empty)),
        ("hello".to_owned(), NoRequest),
        (TOKEN.to_owned(), NoRequest),
        (format!("https://host/{TOKEN}#{FINGERPRINT}"), NoRequest),
        (format!("https://host/s/{TOKEN}#{FINGERPRINT}"), Secret),
        (format!("https://host/r/{TOKEN}"), NoFingerprint),
        (format!("https://host/r/{TOKEN}#"), NoFingerprint),
        (
            format!("https://host/r/{TOKEN}#{}", &FINGERPRINT[3..]),
            InvalidRequestLink::Fingerprint(InvalidLinkKey::Cut(40)),
        ),
        (format!("https://host/r/{TOKEN}#{FINGERPRINT}A"), InvalidRequestLink::Fingerprint(InvalidLinkKey::Long(44))),
        (format!("https://host/r/{}#{FINGERPRINT}", &TOKEN[2..]), Link(InvalidLink::CutToken(30))),
        (format!("https://host/r/{TOKEN}x#{FINGERPRINT}"), Link(InvalidLink::LongToken(33))),
        (format!("ftp://host/r/{TOKEN}#{FINGERPRINT}"), Link(InvalidLink::Scheme)),
        (format!("https://bob:pw@host/r/{TOKEN}#{FINGERPRINT}"), Link(InvalidLink::User)),
        (format!("see https://host/r/{TOKEN}#{FINGERPRINT} there"), Link(InvalidLink::Several)),
    ] {
        let found = text.parse::<RequestLink>().unwrap_err();
        assert_eq!(found, error, "{text}");
        assert!(!found.to_string().contains(&TOKEN[2..]) && !found.to_string().contains("AAAA"), "{found}");
    }
}

#[test]
fn a_collecting_key_comes_back_from_file_and_link() {
    for passphrase in [true, false] {
        for text in [None, Some("the staging DB's password"), Some(r#" "C:\a" 密码 # x = "y" "#)] {
            let key = collecting(passphrase, text);
            let file = key.to_file();
            assert_eq!(parts(&CollectingKey::from_file(&file).unwrap()), parts(&key));
            let windows = format!("\u{feff}{}", file.replace('\n', "\r\n"));
            assert_eq!(parts(&CollectingKey::from_file(&windows).unwrap()), parts(&key));
            let link = key.to_link();
            let again: CollectingKey = link.parse().unwrap();
            assert_eq!(parts(&again), parts(&CollectingKey { label: None, ..collecting(passphrase, None) }));
            assert_eq!(again.to_link(), link);
            assert!(!link.split('#').next().unwrap().contains(COLLECTING), "no server is sent a token by opening it");
        }
    }
    assert_eq!(
        collecting(true, None).to_link().as_str(),
        format!("https://host:8000/under/request#p.{TOKEN}.{COLLECTING}.{KEY}.{FINGERPRINT}")
    );
}

#[test]
fn a_file_that_was_changed_is_refused_with_its_cause() {
    use InvalidCollectingKey::{Line, NoFile, Part, Version};
    let whole = collecting(false, Some("the key")).to_file();
    let changed = |from: &str, to: &str| {
        assert!(whole.contains(from), "{from}");
        CollectingKey::from_file(&whole.replacen(from, to, 1)).unwrap_err()
    };
    assert_eq!(CollectingKey::from_file("").unwrap_err(), NoFile);
    assert_eq!(CollectingKey::from_file("hunter2").unwrap_err(), NoFile);
    assert_eq!(CollectingKey::from_file(&format!("{}{}", *whole, "#".repeat(20_000))).unwrap_err(), NoFile);
    assert_eq!(changed("version = 1", "version = 2"), Version);
    assert_eq!(changed("version = 1", "version = 2\nnew = true"), Version);
    assert_eq!(changed("version = 1", "version = 0"), Part("version"));
    assert_eq!(changed("version = 1\n", ""), Part("version"));
    assert_eq!(changed("version = 1", "version = 1\nnew = true"), Line(5));
    assert_eq!(changed("label = ", "label "), Line(9));
    for name in ["request", "token", "key", "passphrase"] {
        assert_eq!(changed(&format!("{name} = "), &format!("# {name} = ")), Part(name));
    }
    assert_eq!(changed(COLLECTING, &COLLECTING[1..]), Part("token"));
    assert_eq!(changed(KEY, &KEY[1..]), Part("key"));
    assert_eq!(changed(FINGERPRINT, ""), Part("request"));
    assert_eq!(changed("the key", "the\\u0000key"), Part("label"));
    assert_eq!(changed("passphrase = false", "passphrase = 0"), Line(8));
    for error in [changed("key = ", "key = x"), changed(KEY, "x")] {
        assert!(!error.to_string().contains(COLLECTING) && !error.to_string().contains(KEY), "{error}");
    }
}

#[test]
fn a_link_that_was_changed_is_refused() {
    use InvalidCollectingKey::{Cut, NoLink};
    let whole = collecting(true, None).to_link();
    for (text, error) in [
        ("", NoLink),
        ("https://host/request", NoLink),
        ("https://host/request#", Cut),
        (&whole.replace("/request", "/other"), NoLink),
        (&whole.replace("/request", "/my-request"), NoLink),
        (&whole.replace("https:", "ftp:"), NoLink),
        (&whole.replace("https://", "https://bob@"), NoLink),
        (&whole[..whole.len() - 1], Cut),
        (&whole[..whole.len() - 44], Cut),
        (&whole.replace("#p.", "#q."), Cut),
        (&whole.replace("#p.", "#"), Cut),
        (&whole.replace(COLLECTING, &COLLECTING[1..]), Cut),
        (&whole.replace(KEY, &KEY[1..]), Cut),
        (&format!("{}.x", whole.as_str()), Cut),
        (&format!("{}A", whole.as_str()), Cut),
    ] {
        assert_eq!(text.parse::<CollectingKey>().unwrap_err(), error, "{text}");
    }
    let decorated = format!("<{}>", collecting(false, None).to_link().as_str());
    assert!(decorated.parse::<CollectingKey>().is_ok());
}

proptest! {
    #[test]
    fn any_label_that_is_taken_comes_back_from_a_file(text in "\\PC{1,120}") {
        if let Ok(label) = label(&text) {
            let key = CollectingKey { label: Some(label), ..collecting(false, None) };
            let again = CollectingKey::from_file(&key.to_file()).unwrap();
            prop_assert_eq!(parts(&again), parts(&key));
        }
    }

    #[test]
    fn any_text_is_taken_or_refused(text in "\\PC{0,200}|https://h/request#[kp][.a-z2-7]{0,200}|https://h/r/[a-z2-7]{32}#[A-Za-z0-9_-]{40,46}") {
        let _ = CollectingKey::from_file(&text);
        let _ = text.parse::<CollectingKey>();
        let _ = text.parse::<RequestLink>();
    }
}
