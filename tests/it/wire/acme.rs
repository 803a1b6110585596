//! Certificates that the server orders itself, of pebble: an authority for tests, which connects to the names as Let's Encrypt does.

use std::{
    fs,
    path::Path,
    process::{Child, Command, Stdio},
    sync::Arc,
    time::{Duration, SystemTime},
};

use reqwest::{Certificate, Client, StatusCode, Version, tls::TlsInfo};
use rustls::{
    ClientConfig, RootCertStore,
    pki_types::{CertificateDer, ServerName, pem::PemObject as _},
};
use tokio::{io::AsyncReadExt as _, net::TcpStream};
use tokio_rustls::TlsConnector;

use super::Authority;
use crate::{
    common::{SECRET_KEY, Server, assert_fails, directory, files, on_disk, ots, run, text, until},
    watch::Watched,
};

const SOON: Duration = Duration::from_secs(60);
const ISSUED: &str = "a certificate was issued for ";

/// The authority, and the DNS that it asks: every name leads to this machine. Both are gone when this is.
struct Pebble {
    children: Vec<Child>,
    /// That of the certificate which pebble itself shows.
    trusted: Authority,
    ports: [u16; 4],
    /// Where it connects to, of each name.
    port: u16,
}

impl Pebble {
    /// Not running yet. None where there is no pebble.
    fn new() -> Option<Self> {
        if Command::new("pebble").arg("-h").output().is_err() {
            assert!(std::env::var_os("CI").is_none(), "this test needs pebble, of Debian's package of that name");
            return None;
        }
        let free = || std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let held = [free(), free(), free(), free(), free()];
        let [directory, management, dns, dns_management, port] = held.map(|free| free.local_addr().unwrap().port());
        let trusted = Authority::new();
        trusted.install(&trusted.issue_here());
        Some(Self { children: Vec::new(), trusted, ports: [directory, management, dns, dns_management], port })
    }

    /// Starts both. What an earlier one knew is gone.
    async fn start(&mut self, seconds_valid: u32) {
        self.stop();
        let [directory, management, dns, dns_management] = self.ports.map(|port| format!("127.0.0.1:{port}"));
        let place = self.trusted.directory.path();
        let config = serde_json::json!({ "pebble": {
            "listenAddress": directory, "managementListenAddress": management,
            "certificate": place.join("cert.pem"), "privateKey": place.join("key.pem"),
            "httpPort": 1, "tlsPort": self.port, "certificateValidityPeriod": seconds_valid,
        } });
        let config = self.trusted.keep("pebble.json", &config.to_string());
        let mut names = Command::new("pebble-challtestsrv");
        names.args(["-dns01", &dns, "-management", &dns_management, "-defaultIPv6", ""]);
        names.args(["-http01", "", "-https01", "", "-tlsalpn01", ""]);
        let mut pebble = Command::new("pebble");
        pebble.env("PEBBLE_VA_NOSLEEP", "1").arg("-config").arg(config).args(["-dnsserver", &dns]);
        for command in [&mut names, &mut pebble] {
            command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
            self.children.push(command.spawn().unwrap());
        }
        let client = self.trusted.client().build().unwrap();
        until("pebble answers", SOON, || async { client.get(self.directory()).send().await.is_ok() }).await;
    }

    fn stop(&mut self) {
        for mut child in self.children.drain(..) {
            child.kill().unwrap();
            child.wait().unwrap();
        }
    }

    fn directory(&self) -> String {
        format!("https://127.0.0.1:{}/dir", self.ports[0])
    }

    /// The root of what it issues: another one each time it starts.
    async fn root(&self) -> Vec<u8> {
        let client = self.trusted.client().build().unwrap();
        let root = client.get(format!("https://127.0.0.1:{}/roots/0", self.ports[1])).send().await.unwrap();
        root.bytes().await.unwrap().to_vec()
    }

    /// A server that orders a certificate of it.
    fn serving(&self, data: &Path, domains: &str) -> Command {
        self.serving_at(self.port, data, domains)
    }

    /// The same, where it doesn't connect to.
    fn serving_at(&self, port: u16, data: &Path, domains: &str) -> Command {
        let mut command = ots();
        command.env("SECRET_KEY", SECRET_KEY).env("OTS_CA_CERT", self.trusted.directory.path().join("ca.pem"));
        command.env("OTS_ALLOWED_HOST", "a.test,b.test");
        command.args(["serve", "--listen", &format!("127.0.0.1:{port}"), "--data-dir"]).arg(data);
        command.args(["--acme", domains, "--acme-contact", "it@example.org", "--acme-directory", &self.directory()]);
        command
    }

    /// A client that trusts this root alone, and knows where the names lead.
    fn client(&self, root: &[u8]) -> Client {
        let server = ([127, 0, 0, 1], self.port).into();
        let client = self.trusted.client().tls_certs_only([Certificate::from_pem(root).unwrap()]).tls_info(true);
        client.resolve("a.test", server).resolve("b.test", server).build().unwrap()
    }
}

impl Drop for Pebble {
    fn drop(&mut self) {
        self.stop();
    }
}

async fn says(server: &Server, what: &str, times: usize) {
    let said = || async { server.log().matches(what).count() >= times };
    let all = tokio::time::timeout(SOON, until(what, SOON * 2, said)).await;
    assert!(all.is_ok(), "{what}: {}", server.log());
}

/// The certificate that a name is shown.
async fn shown(client: &Client, url: &str) -> Vec<u8> {
    let response = client.get(url).send().await.unwrap();
    assert_eq!((response.status(), response.version()), (StatusCode::OK, Version::HTTP_2));
    assert_eq!(response.headers()["strict-transport-security"], "max-age=31536000");
    response.extensions().get::<TlsInfo>().unwrap().peer_certificate().unwrap().to_vec()
}

/// It is ordered once, for all names; the next start serves it, also when the authority can't be reached.
#[tokio::test(flavor = "multi_thread")]
async fn a_certificate_is_ordered_and_kept() {
    let Some(mut pebble) = Pebble::new() else { return };
    pebble.start(90 * 86_400).await;
    let (data, root) = (directory(), pebble.root().await);
    let client = pebble.client(&root);
    let (a, b) = (format!("https://a.test:{}/health", pebble.port), format!("https://b.test:{}/health", pebble.port));

    let server = Server::spawn(pebble.serving(data.path(), "a.test,B.test")).unwrap();
    says(&server, ISSUED, 1).await;
    assert!(server.log().contains("issued for a.test, b.test") && server.log().contains("is valid until"));
    let first = shown(&client, &a).await;
    assert_eq!(shown(&client, &b).await, first);
    closes_after_a_challenge(&root, pebble.port).await;
    let mut health = ots();
    health.arg("health").env("OTS_LISTEN", server.address()).env("OTS_ACME", "a.test,b.test");
    assert!(run(health, b"").status.success());
    assert!(server.stop().success());
    is_private(&data.path().join("acme"));
    assert!(on_disk(data.path(), b"mailto:it@example.org"));

    pebble.stop();
    let mut command = pebble.serving(data.path(), "a.test,b.test");
    command.args(["--metrics-listen", "127.0.0.1:0"]);
    let watched = Watched::of(Server::spawn(command).unwrap());
    assert_eq!(shown(&pebble.client(&root), &a).await, first);
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap().as_secs_f64();
    let ends = watched.numbers().await["ots_certificate_expiry_timestamp_seconds"];
    assert!((ends - now - 90.0 * 86_400.0).abs() < 3600.0, "{ends}");
    let log = watched.server.log();
    assert!(!log.contains(ISSUED) && !log.contains("can't reach") && log.contains("is renewed before"), "{log}");
}

/// Whoever speaks an authority's protocol gets a handshake, and never HTTP.
async fn closes_after_a_challenge(root: &[u8], port: u16) {
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from_pem_slice(root).unwrap()).unwrap();
    let mut config = ClientConfig::builder().with_root_certificates(roots).with_no_client_auth();
    let mut connect = async |protocols: &[&str]| {
        config.alpn_protocols = protocols.iter().map(|protocol| protocol.as_bytes().to_vec()).collect();
        let stream = TcpStream::connect(("127.0.0.1", port)).await.unwrap();
        let connector = TlsConnector::from(Arc::new(config.clone()));
        connector.connect(ServerName::try_from("a.test").unwrap(), stream).await
    };
    let mut stream = connect(&["acme-tls/1", "smtp"]).await.unwrap();
    assert_eq!(stream.get_ref().1.alpn_protocol(), Some(&b"acme-tls/1"[..]));
    assert_eq!(stream.read_to_end(&mut Vec::new()).await.unwrap(), 0);
    assert!(connect(&["acme-tls/1"]).await.is_err(), "nobody asks for this name now");
    assert_eq!(connect(&["acme-tls/1", "h2"]).await.unwrap().get_ref().1.alpn_protocol(), Some(&b"h2"[..]));
}

/// Folders and files that nobody else can read, and nothing temporary.
fn is_private(place: &Path) {
    use std::os::unix::fs::PermissionsExt as _;
    let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(place), 0o700);
    let mut names = Vec::new();
    for file in files(place) {
        assert_eq!((mode(&file), mode(file.parent().unwrap())), (0o600, 0o700), "{}", file.display());
        names.push(file.file_name().unwrap().to_str().unwrap().to_owned());
    }
    names.sort();
    assert_eq!(names, ["account.json", "certificate.pem"]);
}

/// With a third of its life left a new one is ordered; here of an authority that has forgotten the account meanwhile.
#[tokio::test(flavor = "multi_thread")]
async fn a_certificate_is_renewed_in_time() {
    let Some(mut pebble) = Pebble::new() else { return };
    pebble.start(30).await;
    let data = directory();
    let url = format!("https://a.test:{}/health", pebble.port);
    let server = Server::spawn(pebble.serving(data.path(), "a.test")).unwrap();
    says(&server, ISSUED, 1).await;
    let first = shown(&pebble.client(&pebble.root().await), &url).await;
    pebble.start(3600).await;
    says(&server, ISSUED, 2).await;
    let second = shown(&pebble.client(&pebble.root().await), &url).await;
    assert_ne!(first, second);
    let log = server.log();
    assert!(!log.contains("ERROR") && !log.contains("WARN"), "{log}");
    // A name more is a certificate more.
    assert!(server.stop().success());
    let server = Server::spawn(pebble.serving(data.path(), "a.test,b.test")).unwrap();
    says(&server, "issued for a.test, b.test", 1).await;
}

/// Until there is a certificate nobody gets in, and it is said why; when what was wrong is mended, SIGHUP has it ordered at once.
#[tokio::test(flavor = "multi_thread")]
async fn what_fails_is_told_once_and_tried_again() {
    let Some(mut pebble) = Pebble::new() else { return };
    let data = directory();
    let server = Server::spawn(pebble.serving(data.path(), "a.test")).unwrap();
    says(&server, "can't reach https://127.0.0.1", 1).await;
    let log = server.log();
    assert!(log.contains("connection refused. Tried again in 1 min, or now by SIGHUP"), "{log}");
    let anybody = pebble.trusted.client().tls_danger_accept_invalid_certs(true).build().unwrap();
    assert!(anybody.get(format!("{}/health", server.url)).send().await.is_err(), "there is no certificate");
    let plain = anybody.get(format!("http://{}/health", server.address())).send().await.unwrap();
    assert_eq!(plain.status(), StatusCode::BAD_REQUEST, "by http it is told to come by https");

    pebble.start(3600).await;
    server.signal("-HUP");
    says(&server, ISSUED, 1).await;
    let log = server.log();
    assert_eq!(log.matches("there is no valid certificate").count(), 1, "{log}");
    shown(&pebble.client(&pebble.root().await), &format!("https://a.test:{}/health", pebble.port)).await;

    let stranger = Authority::new();
    // Elsewhere than where the name leads, and without trust in the authority.
    for (trusts, told) in
        [(true, "b.test doesn't lead the authority here: "), (false, "name that one's with --ca-cert")]
    {
        let data = directory();
        let mut command = pebble.serving_at(0, data.path(), "b.test");
        if !trusts {
            command.env("OTS_CA_CERT", stranger.directory.path().join("ca.pem"));
        }
        let server = Server::spawn(command).unwrap();
        says(&server, told, 1).await;
        assert!(server.log().contains("there is no valid certificate for b.test"), "{}", server.log());
        assert!(server.stop().success());
    }
}

/// What can't be meant doesn't start, and nothing is made.
#[test]
fn what_can_not_be_ordered_is_refused_at_the_start() {
    let certificate = ["--tls-cert", "cert.pem", "--tls-key", "key.pem"];
    let a = ["--acme", "a.test"];
    for (arguments, says) in [
        (&["--acme", "*.example.org"][..], "give each name"),
        (&["--acme", "a.test,192.0.2.1"], "that is an address"),
        (&["--acme", "[::1]"], "that is an address"),
        (&["--acme", "https://a.test"], "without scheme, port and path"),
        (&["--acme", "a.test", "--acme-contact", "it"], "write an address for mail"),
        (&["--acme", "a.test", "--acme-directory", "http://ca.example/"], "write the URL of an ACME directory"),
        (&["--acme-contact", "it@example.org"], "--acme DOMAIN"),
        (&[&a[..], &certificate].concat(), "leave it out, or --tls-cert and --tls-key"),
        (&[&a[..], &certificate[2..]].concat(), "leave it out, or --tls-cert and --tls-key"),
    ] {
        let data = directory();
        let mut command = ots();
        command.env("SECRET_KEY", SECRET_KEY).args(["serve", "--listen", "127.0.0.1:0", "--data-dir"]).arg(data.path());
        command.args(arguments);
        assert_fails(&run(command, b""), 2, says);
        assert_eq!(fs::read_dir(data.path()).unwrap().count(), 0, "nothing is made before");
    }
    let data = directory();
    let mut command = ots();
    command.env("SECRET_KEY", SECRET_KEY).env("OTS_CA_CERT", "/nonexistent/ca.pem");
    command.args(["serve", "--listen", "127.0.0.1:0", "--acme", "a.test", "--data-dir"]).arg(data.path());
    let output = run(command, b"");
    assert_fails(&output, 8, "/nonexistent/ca.pem");
    assert!(!text(&output.stderr).contains("a.test"));
}
