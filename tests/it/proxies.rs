//! The samples of packaging/, run as they stand there: no token, passphrase or content is in any file that the proxy writes, a large
//! secret passes, and a reload in the middle of a read costs nobody anything.
//!
//! They need `nginx` and `caddy`; without them those tests say that they are skipped, and with `CI` set they fail.

mod single_sign_on;

use std::{
    fs,
    path::Path,
    process::{Child, Command, Stdio},
    sync::LazyLock,
    time::Duration,
};

use data_encoding::BASE64URL_NOPAD;
use reqwest::{Client, Method, StatusCode, redirect::Policy};

use crate::common::{CLAIM, Server, contains, directory, files, heavy, ots, run, text, until, wait_for_exit};

const CONTENT: &[u8] = b"a content that no proxy keeps; ";
/// What docs/proxy.md has `ots serve` started with, but for the name; and the largest secrets that there are.
const OPTIONS: [&str; 3] = ["--trusted-proxy=127.0.0.1", "--max-size=100MiB", "--claim-lease=2m"];
const PASSPHRASE: &str = "a passphrase that no proxy keeps";

/// A proxy that was started; stopped again when the test is done, with the processes that it started.
struct Proxy(Child);

impl Drop for Proxy {
    fn drop(&mut self) {
        let _ = Command::new("kill").arg(self.0.id().to_string()).status();
        let _ = wait_for_exit(&mut self.0, Duration::from_secs(20));
    }
}

fn program(name: &str) -> Option<String> {
    let places = [name.to_owned(), format!("/usr/sbin/{name}")];
    let found = places.into_iter().find(|place| {
        let mut command = Command::new(place);
        command.arg(if name == "nginx" { "-v" } else { "version" });
        command.output().is_ok_and(|output| output.status.success())
    });
    if found.is_none() {
        assert!(std::env::var_os("CI").is_none(), "this test needs {name}");
        eprintln!("skipped: this test needs {name}");
    }
    found
}

fn sample(name: &str) -> String {
    fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("packaging").join(name)).unwrap()
}

/// With each text in place of the other, which has to be there.
fn replaced(mut sample: String, changes: &[(&str, &str)]) -> String {
    for (from, to) in changes {
        assert!(sample.contains(from), "the sample has no {from}");
        sample = sample.replace(from, to);
    }
    sample
}

/// A port that was free a moment ago.
fn free_port() -> u16 {
    std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

fn client() -> Client {
    let _ = rustls::crypto::ring::default_provider().install_default();
    let client = Client::builder().no_proxy().redirect(Policy::none()).http1_only();
    client.tls_danger_accept_invalid_certs(true).build().unwrap()
}

/// What people, clients and mistakes send: each answer's status, and what must be in no file.
async fn use_it(proxy: &str, server: Server, ready: impl FnOnce(), reload: impl FnOnce()) -> Vec<String> {
    let client = client();
    let ots = || {
        let mut command = ots();
        command.args(["-s", proxy]).env("OTS_CA_CERT", certificate().path().join("cert.pem"));
        command
    };
    let ask = |method: Method, path: &str| client.request(method, format!("{proxy}{path}"));
    until("the proxy answers", Duration::from_secs(20), || async {
        ask(Method::GET, "/health").send().await.is_ok_and(|answer| answer.status() == 200)
    })
    .await;
    ready();
    let content = CONTENT.repeat(20_000);
    let mut command = ots();
    command.arg("put").env("OTS_PASSPHRASE", PASSPHRASE);
    let link = text(&run(command, &content).stdout).trim().to_owned();
    assert!(link.starts_with(&format!("{proxy}/s/")), "the scheme and the host are those that were asked: {link}");
    let token = link.rsplit('/').next().unwrap().to_owned();
    assert_eq!(token.len(), 32, "{link}");
    for (path, status) in [
        (format!("/s/{token}"), StatusCode::OK),
        (format!("/api/v1/secrets/{token}/status?{token}"), StatusCode::OK),
        (format!("/?{token}"), StatusCode::OK),
    ] {
        assert_eq!(ask(Method::GET, &path).send().await.unwrap().status(), status, "{path}");
    }
    // Mangled, in every way; and as a referrer.
    for path in
        ["/s/T.", "/s/T%23KEYKEYKEY", "/S/T", "/T", "/s//T", "/docs/T", "/api/v1/T", "/assets/T/T", "/s/%2e%2e/T"]
    {
        let request = ask(Method::GET, &path.replace('T', &token)).header("referer", &link);
        let forged = request.header("forwarded", "for=192.0.2.1").header("x-forwarded-for", "192.0.2.2");
        forged.header("x-forwarded-host", "evil.example").send().await.unwrap();
    }
    let mut command = ots();
    command.args(["get", &token]).env("OTS_PASSPHRASE", PASSPHRASE).env("OTS_CLAIM", CLAIM);
    let read = run(command, b"");
    assert!(read.stdout == content, "{}", text(&read.stderr));
    large_and_reloaded(proxy, &client, &ots, reload).await;
    let refused = ask(Method::POST, "/api/v1/secrets").header("content-type", "application/octet-stream");
    let refused = refused.body("").send().await.unwrap();
    assert_eq!(refused.status(), StatusCode::UNPROCESSABLE_ENTITY);
    assert_eq!(refused.headers()["content-type"], "application/problem+json", "ots says it, in words");
    for unheard in ["don't count", "name different clients"] {
        assert!(!server.log().contains(unheard), "{}", server.log());
    }
    assert!(server.stop().success());
    let answer = ask(Method::GET, &format!("/s/{token}")).send().await.unwrap();
    assert_eq!(answer.status(), StatusCode::BAD_GATEWAY);
    let encoded = BASE64URL_NOPAD.encode(PASSPHRASE.as_bytes());
    [token, "KEYKEYKEY".to_owned(), encoded, PASSPHRASE.to_owned(), CLAIM.to_owned(), text(CONTENT)].into()
}

/// 100 MiB pass in both ways; and whoever is reading when the proxy is reloaded gets all of it, and can acknowledge it.
async fn large_and_reloaded(proxy: &str, client: &Client, ots: &dyn Fn() -> Command, reload: impl FnOnce()) {
    let _heavy = heavy();
    let large = CONTENT.repeat((100 << 20) / CONTENT.len());
    let mut command = ots();
    command.arg("put");
    let put = run(command, &large);
    let link = text(&put.stdout).trim().to_owned();
    let secret = link.replace("/s/", "/api/v1/secrets/");
    assert!(secret.len() > link.len(), "{}", text(&put.stderr));
    let reveal = || {
        let request = client.post(format!("{secret}/reveal")).header("idempotency-key", CLAIM);
        request.header("accept", "application/octet-stream").send()
    };
    let mut answer = reveal().await.unwrap();
    assert_eq!(answer.status(), StatusCode::OK, "{proxy}");
    let mut read = answer.chunk().await.unwrap().unwrap().to_vec();
    reload();
    while let Some(part) = answer.chunk().await.unwrap() {
        read.extend_from_slice(&part);
    }
    assert!(read == large, "{} bytes", read.len());
    let acknowledged = client.delete(&secret).header("idempotency-key", CLAIM).send().await.unwrap();
    assert_eq!(acknowledged.status(), StatusCode::NO_CONTENT);
    assert_eq!(reveal().await.unwrap().status(), StatusCode::NOT_FOUND);
}

/// A certificate for this machine, made once, with its key.
fn certificate() -> &'static tempfile::TempDir {
    static MADE: LazyLock<tempfile::TempDir> = LazyLock::new(|| {
        let place = directory();
        let mut openssl = Command::new("openssl");
        openssl.args(["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2"]);
        openssl.args(["-subj", "/CN=localhost", "-addext", "subjectAltName=IP:127.0.0.1"]);
        openssl.args(["-addext", "basicConstraints=critical,CA:false", "-keyout", "key.pem", "-out", "cert.pem"]);
        let output = openssl.current_dir(place.path()).output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        place
    });
    &MADE
}

fn assert_holds_nothing(place: &Path, secrets: &[String]) {
    for file in files(place) {
        let bytes = fs::read(&file).unwrap();
        for secret in secrets {
            let found = contains(&bytes, secret.as_bytes());
            assert!(!found, "{} has {secret}: {}", file.display(), String::from_utf8_lossy(&bytes));
        }
    }
}

/// nginx with some servers, and around them what Debian's nginx.conf has, in a folder of its own, where another user couldn't write.
fn start_nginx(nginx: &str, place: &Path, written: &Path, servers: &str) -> Proxy {
    let folder = place.to_str().unwrap();
    let user = if rustix::process::geteuid().is_root() { "user root; " } else { "" };
    let paths = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"]
        .map(|name| format!("{name}_temp_path {folder}/{name};"))
        .join(" ");
    let conf = format!(
        "daemon off; {user}pid {folder}/pid; error_log {folder}/main.log info;\nevents {{}}\nhttp {{ {paths}\n\
         access_log {folder}/main-access.log;\n{servers}\n}}\n"
    );
    let path = written.join("nginx.conf");
    fs::write(&path, conf).unwrap();
    let mut command = Command::new(nginx);
    command.args(["-p", folder, "-e", &format!("{folder}/main.log"), "-c"]).arg(&path);
    Proxy(command.stdout(Stdio::null()).spawn().unwrap())
}

#[tokio::test(flavor = "multi_thread")]
async fn nginx_keeps_nothing() {
    let Some(nginx) = program("nginx") else { return };
    let (data, place) = (directory(), directory());
    let server = Server::start(data.path(), &OPTIONS);
    let (port, plain) = (free_port(), free_port());
    let folder = place.path().to_str().unwrap();
    let certificates = certificate().path().display();
    let sample = replaced(
        sample("nginx.conf"),
        &[
            ("listen 80;", &format!("listen 127.0.0.1:{plain};")),
            ("listen [::]:80;", ""),
            ("listen 443 ssl;", &format!("listen 127.0.0.1:{port} ssl sndbuf=4k;")), // readers are slower than ots
            ("listen [::]:443 ssl;", ""),
            ("/etc/letsencrypt/live/ots.example.org/fullchain.pem", &format!("{certificates}/cert.pem")),
            ("/etc/letsencrypt/live/ots.example.org/privkey.pem", &format!("{certificates}/key.pem")),
            ("/var/log/nginx/", &format!("{folder}/")),
            ("127.0.0.1:8000", &server.address()),
            ("proxy_set_header Host $host;", "proxy_set_header Host $http_host;"), // the port isn't the scheme's
        ],
    );
    let written = directory();
    let proxy = start_nginx(&nginx, place.path(), written.path(), &sample);
    let pid = proxy.0.id().to_string();
    let reload = || assert!(Command::new("kill").args(["-HUP", &pid]).status().unwrap().success());
    // A body that waits in a file has none to wait in from now on.
    let no_buffers = || {
        for name in ["client_body", "proxy"] {
            fs::remove_dir(place.path().join(name)).unwrap();
            fs::write(place.path().join(name), "").unwrap();
        }
    };
    let secrets = use_it(&format!("https://127.0.0.1:{port}"), server, no_buffers, reload).await;
    let typed = client().get(format!("http://127.0.0.1:{plain}/s/{}", secrets[0])).send().await.unwrap();
    assert_eq!(typed.status(), StatusCode::MOVED_PERMANENTLY);
    let log = || fs::read_to_string(place.path().join("ots.log")).unwrap();
    // It writes the line once the answer is sent.
    until("the last request is logged", Duration::from_secs(10), || async { log().contains(" GET - 301 ") }).await;
    assert_holds_nothing(place.path(), &secrets);
    for line in [" POST /api/v1/secrets 201 ", " GET - 200 ", " POST - 200 ", " GET - 502 ", " GET /assets/ "] {
        assert!(log().contains(line), "{line}: {}", log());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn caddy_keeps_nothing() {
    let Some(caddy) = program("caddy") else { return };
    let (data, place, written) = (directory(), directory(), directory());
    let server = Server::start(data.path(), &OPTIONS);
    let (port, admin) = (free_port(), free_port());
    let folder = place.path().to_str().unwrap();
    let sample = replaced(
        sample("Caddyfile"),
        &[
            ("{\n\t# Caddy's own", &format!("{{\n\tadmin 127.0.0.1:{admin}\n\tauto_https off\n\t# Caddy's own")),
            ("\nots.example.org {", &format!("\nhttp://127.0.0.1:{port} {{")),
            ("/var/log/caddy/", &format!("{folder}/")),
            ("127.0.0.1:8000", &server.address()),
        ],
    );
    let path = written.path().join("Caddyfile");
    fs::write(&path, sample).unwrap();
    let mut command = Command::new(&caddy);
    command.args(["run", "--adapter", "caddyfile", "--config"]).arg(&path).current_dir(folder);
    command.env("HOME", folder).env("XDG_DATA_HOME", folder).env("XDG_CONFIG_HOME", folder);
    command.stdout(Stdio::null()).stderr(fs::File::create(place.path().join("main.log")).unwrap());
    let _proxy = Proxy(command.spawn().unwrap());
    let reload = || {
        let mut command = Command::new(&caddy);
        command.args([
            "reload",
            "--force",
            "--adapter",
            "caddyfile",
            "--address",
            &format!("127.0.0.1:{admin}"),
            "--config",
        ]);
        let output = command.arg(&path).env("HOME", written.path()).output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    };
    let secrets = use_it(&format!("http://127.0.0.1:{port}"), server, || {}, reload).await;
    let log = || fs::read_to_string(place.path().join("ots.log")).unwrap();
    until("the last request is logged", Duration::from_secs(10), || async { log().contains(r#""status":502"#) }).await;
    assert_holds_nothing(place.path(), &secrets);
    assert!(log().contains(r#""status":201"#), "{}", log());
    assert!(fs::read_to_string(place.path().join("main.log")).unwrap().contains("http.log.error"), "it logs errors");
}
