//! Whom headers name, in the forms that proxies write and in those that forgers do.

use hyper::header::HeaderValue;
use proptest::prelude::*;

use super::*;

/// Trusts 10.0.0.0/8, this machine and `fd00::/8`.
fn trusted() -> TrustedProxies {
    TrustedProxies::new(&["10.0.0.0/8", "127.0.0.1", "fd00::/8"].map(|text| text.parse().unwrap()))
}

fn headers<'a>(lines: impl IntoIterator<Item = (&'static str, &'a str)>) -> HeaderMap {
    let value = |text: &str| HeaderValue::from_bytes(text.as_bytes()).unwrap();
    lines.into_iter().map(|(name, text)| (HeaderName::from_static(name), value(text))).collect()
}

fn client(lines: &[(&'static str, &str)]) -> Named {
    let mut all = HeaderMap::new();
    for (name, text) in lines {
        all.append(*name, HeaderValue::from_bytes(text.as_bytes()).unwrap());
    }
    read(&all, &trusted()).client
}

fn at(text: &str) -> Named {
    Named::At(text.parse().unwrap())
}

#[test]
fn the_first_from_the_right_that_is_no_proxy() {
    for (text, named) in [
        ("192.0.2.1", at("192.0.2.1")),
        (" 198.51.100.7 ,192.0.2.1", at("192.0.2.1")),
        ("198.51.100.7, 192.0.2.1, 10.0.0.2, 10.9.9.9", at("192.0.2.1")),
        ("10.1.1.1, 192.0.2.1", at("192.0.2.1")),
        ("192.0.2.1:4711", at("192.0.2.1")),
        ("\"192.0.2.1:4711\"", at("192.0.2.1")),
        ("2001:db8::1", at("2001:db8::1")),
        ("[2001:db8::1]", at("2001:db8::1")),
        ("[2001:db8::1]:4711", at("2001:db8::1")),
        ("::ffff:192.0.2.1", at("192.0.2.1")),
        ("192.0.2.1, ::ffff:10.0.0.1", at("192.0.2.1")),
        ("192.0.2.1, fd00::7", at("192.0.2.1")),
        ("192.0.2.1,,", at("192.0.2.1")),
        ("10.0.0.3, 10.0.0.2", at("10.0.0.3")),
        ("127.0.0.1", Named::Nobody),
        ("", Named::Nobody),
        (" , ", Named::Nobody),
        ("unknown", Named::Unknown),
        ("192.0.2.1, _hidden", Named::Unknown),
        ("192.0.2.1, unknown, 10.0.0.1", Named::Unknown),
        ("unknown, 192.0.2.1", at("192.0.2.1")),
        ("fe80::1%eth0", Named::Unknown),
        ("192.0.2.1:port:more", Named::Unknown),
        ("[192.0.2.1]", Named::Unknown),
        ("[2001:db8::1", Named::Unknown),
        ("192.0.2.256", Named::Unknown),
        ("\u{e9}", Named::Unknown),
    ] {
        assert_eq!(client(&[("x-forwarded-for", text)]), named, "{text}");
    }
}

#[test]
fn forwarded_as_the_rfc_writes_it_and_as_proxies_do() {
    for (text, named) in [
        ("for=192.0.2.1", at("192.0.2.1")),
        ("For=\"[2001:db8::1]:4711\"", at("2001:db8::1")),
        ("for=192.0.2.60;proto=http;by=203.0.113.43", at("192.0.2.60")),
        ("for=198.51.100.7, for=192.0.2.1 ; proto=https ,for=10.0.0.1", at("192.0.2.1")),
        ("for=192.0.2.1:4711;host=x", at("192.0.2.1")),
        ("for=[2001:db8::1]", at("2001:db8::1")),
        ("host=\"a, for=1.2.3.4\";for=192.0.2.1", at("192.0.2.1")),
        ("by=\"\\\"a, \";for=192.0.2.1", at("192.0.2.1")),
        ("proto=https", Named::Nobody),
        ("for=192.0.2.1,;,", at("192.0.2.1")),
        ("for=192.0.2.1, proto=https", Named::Unknown),
        ("for=unknown", Named::Unknown),
        ("for=_a.b-c", Named::Unknown),
        ("for=192.0.2.1;for=192.0.2.2", Named::Unknown),
        ("for=\"192.0.2.1", Named::Unknown),
        ("for=\"unclosed, for=192.0.2.1", Named::Unknown),
        ("for=192.0.2.1 for=192.0.2.2", Named::Unknown),
        ("192.0.2.1", Named::Unknown),
        ("for", Named::Unknown),
        ("=192.0.2.1", Named::Unknown),
    ] {
        assert_eq!(client(&[("forwarded", text)]), named, "{text}");
    }
}

#[test]
fn several_lines_are_one() {
    let forged = ("x-forwarded-for", "203.0.113.9");
    assert_eq!(client(&[forged, ("x-forwarded-for", "192.0.2.1, 10.0.0.1")]), at("192.0.2.1"));
    assert_eq!(client(&[("x-forwarded-for", "192.0.2.1"), ("x-forwarded-for", "10.0.0.1")]), at("192.0.2.1"));
    assert_eq!(client(&[("forwarded", "for=\"junk"), ("forwarded", "for=192.0.2.1")]), at("192.0.2.1"));
    assert_eq!(client(&[("forwarded", "for=192.0.2.1"), ("forwarded", "for=\"junk")]), Named::Unknown);
    let mut bytes = HeaderMap::new();
    for (text, named) in [(&b"\xff, 192.0.2.1"[..], at("192.0.2.1")), (b"192.0.2.1, \xff", Named::Unknown)] {
        bytes.insert(FOR, HeaderValue::from_bytes(text).unwrap());
        assert_eq!(read(&bytes, &trusted()).client, named);
    }
    let long = format!("{}192.0.2.1", "1.2.3.4, ".repeat(1_100));
    assert_eq!(client(&[("x-forwarded-for", &long)]), at("192.0.2.1"));
}

#[test]
fn two_headers_have_to_agree() {
    let listed = ("x-forwarded-for", "198.51.100.1, 192.0.2.1");
    assert_eq!(client(&[listed, ("forwarded", "for=\"192.0.2.1:7\"")]), at("192.0.2.1"));
    assert_eq!(client(&[listed, ("forwarded", "proto=https")]), at("192.0.2.1"));
    assert_eq!(client(&[listed, ("forwarded", "for=192.0.2.2")]), Named::Contradicted);
    assert_eq!(client(&[listed, ("forwarded", "for=\"junk")]), Named::Contradicted);
    assert_eq!(client(&[listed, ("forwarded", "for=127.0.0.1")]), Named::Contradicted);
}

/// Of the hop that names the client, if each hop says it.
#[test]
fn scheme_and_host_go_with_the_client() {
    let said = |lines: &[(&'static str, &str)]| {
        let all = headers(lines.iter().copied());
        let said = read(&all, &trusted());
        (said.scheme, said.host.map(str::to_owned))
    };
    let host = |text: &str| Some(text.to_owned());
    let (hops, schemes) = (("x-forwarded-for", "203.0.113.9, 192.0.2.1, 10.0.0.1"), "x-forwarded-proto");
    assert_eq!(
        said(&[(schemes, "https"), ("x-forwarded-host", "ots.example.org")]),
        (Some("https"), host("ots.example.org"))
    );
    assert_eq!(said(&[hops, (schemes, "HTTPS")]).0, Some("https"));
    assert_eq!(said(&[hops, (schemes, "http, https, http")]).0, Some("https"), "the client's hop");
    assert_eq!(said(&[hops, (schemes, "https, http")]).0, Some("http"), "not as many: the nearest");
    assert_eq!(said(&[(schemes, "gopher")]).0, None);
    let forwarded = (
        "forwarded",
        "for=203.0.113.9;host=forged, for=192.0.2.1;host=ots.example.org;proto=https, for=10.0.0.1;proto=http",
    );
    assert_eq!(said(&[forwarded]), (Some("https"), host("ots.example.org")));
    assert_eq!(said(&[forwarded, (schemes, "http")]).0, None, "one says this, one that");
    assert_eq!(said(&[("forwarded", "proto=https;host=\"a:8\"")]), (Some("https"), host("a:8")));
}

proptest! {
    /// Whatever a client sends before what its proxy adds, the proxy's word is what counts.
    #[test]
    fn what_a_client_wrote_changes_nothing(junk in "[ -~\u{e9}]{0,60}", own in "(for=)?[0-9a-f.:, \\[\\]]{0,40}") {
        for forged in [junk, own] {
            let listed = format!("{forged}, 192.0.2.1, 10.0.0.1");
            prop_assert_eq!(client(&[("x-forwarded-for", &listed)]), at("192.0.2.1"));
            prop_assert_eq!(client(&[("x-forwarded-for", &forged), ("x-forwarded-for", "192.0.2.1")]), at("192.0.2.1"));
            prop_assert_eq!(client(&[("forwarded", &forged), ("forwarded", "for=192.0.2.1")]), at("192.0.2.1"));
            // In one line with it, it can only make itself unknown.
            let named = client(&[("forwarded", &format!("{forged}, for=192.0.2.1"))]);
            prop_assert!(named == at("192.0.2.1") || named == Named::Unknown, "{named:?}");
        }
    }

    #[test]
    fn every_address_is_read_in_every_form(address: IpAddr, port: u16) {
        let named = at(&address.to_canonical().to_string());
        prop_assume!(!trusted().has(address));
        let bracketed = if address.is_ipv6() { format!("[{address}]") } else { address.to_string() };
        for text in [address.to_string(), bracketed.clone(), format!("{bracketed}:{port}")] {
            prop_assert_eq!(client(&[("x-forwarded-for", &text)]), named);
            prop_assert_eq!(client(&[("forwarded", &format!("for=\"{text}\""))]), named);
        }
    }
}
