//! What the command line says to whoever runs a server: where things are, keys, configuration, checks. As in `transcripts`.

use crate::{
    common::{Server, directory},
    session::{Session, answering},
};

#[test]
fn serve() {
    let data = directory();
    let server = Server::start(data.path(), &[]);
    let mut person = Session::new(&server.url);
    person.sets("DATA", data.path().to_str().unwrap().to_owned());
    person.about("What can't be meant.");
    person.types("ots serve --dev --listen 0.0.0.0:8000");
    person.types("ots serve --max-size 101MiB");
    person.types("ots serve --max-size none");
    person.types("ots serve --max-connections 0");
    person.types("ots serve --listen localhost:8000");
    person.types("ots serve --listen 8000");
    person.types("ots serve --public-url 'https://ots.example.org/?a=b'");
    person.types("ots serve --max-ttl 500ms");
    person.types("ots serve --claim-lease 1h");
    person.types("ots serve --default-ttl 2d --max-ttl 1d");
    person.types("ots serve --cleanup-interval 5m");
    person.types("ots serve --database postgres://host/database");
    person.types("ots serve --database mysql:x");
    person.about("What can't be.");
    person.sets("ADDRESS", server.address());
    person.types("ots serve --dev --listen \"$ADDRESS\"");
    person.types("ots serve --dev --data-dir \"$DATA\"");
    person.types("touch file; ots serve --dev --data-dir file");
    person.types("mkdir other; head -c 5000 /dev/zero | tr '\\0' x > other/ots.db; ots serve --dev --data-dir other");
    let transcript = person.transcript().replace(data.path().to_str().unwrap(), "DATA");
    insta::assert_snapshot!(transcript);
}

#[test]
fn facing_the_internet() {
    let data = directory();
    let server = Server::start(data.path(), &[]);
    let mut person = Session::new(&server.url);
    // Whatever starts all the same finds its address taken.
    person.sets("OTS_LISTEN", server.address());
    person.sets("OTS_DATA_DIR", "data".to_owned());
    person.about("Whom to believe.");
    person.types("ots serve --trusted-proxy proxy.example.org");
    person.types("ots serve --trusted-proxy 10.0.0.0/40");
    person.types("ots serve --user-header X-Forwarded-User");
    person.types("ots serve --user-header 'a b' --trusted-proxy 127.0.0.1");
    person.about("How much.");
    person.types("ots serve --rate-limit fast");
    person.types("ots serve --rate-limit creates=0/m");
    person.types("ots serve --rate-limit reads=1/m");
    person.types("ots serve --quota-secrets many");
    person.about("Under which name.");
    person.types("ots serve --allowed-host https://ots.example.org/");
    person.types("ots serve --cors-origin https://www.example.org/page");
    person.types("ots serve --cors-origin '*'");
    person.about("Who may create.");
    person.types("ots serve --create-keys missing");
    person.types("ots serve --create-keys \"$(ots keygen ci 2>/dev/null)\"");
    person.types("echo 'ci 0123' > keys; ots serve --create-keys keys");
    person.types("ots serve --create-keys keys --no-create");
    person.types("ots keygen 'a b'");
    person.types("ots keygen --expires yesterday ci");
    person.about("With TLS.");
    person.types("ots serve --tls-cert cert.pem");
    person.types("ots serve --tls-cert cert.pem --tls-key key.pem");
    person.types("echo nonsense > cert.pem; cp cert.pem key.pem; ots serve --tls-cert cert.pem --tls-key key.pem");
    person.about("On sockets.");
    person.types("ots serve --listen unix:missing/ots.sock");
    person.types("ots serve --listen fd:");
    person.types("ots serve --socket-mode 0999 --listen unix:ots.sock");
    person.about("Watched.");
    person.types("ots serve --audit missing/audit.jsonl");
    person.types("ots serve --metrics-listen everywhere");
    insta::assert_snapshot!(person.transcript().replace(data.path().to_str().unwrap(), "DATA"));
}

#[test]
fn admin() {
    let data = directory();
    let mut server = Some(Server::start(data.path(), &["--quota-secrets", "1"]));
    let mut person = Session::new(&server.as_ref().unwrap().url);
    person.sets("OTS_DATA_DIR", data.path().to_str().unwrap().to_owned());
    person.sets("SECRET_KEY", crate::common::SECRET_KEY.to_owned());
    person.keeps("LINK", "echo x | ots put");
    for about in ["While the server runs.", "While it doesn't."] {
        person.about(about);
        person.types("ots admin stats | grep -v ^WAL");
        person.types("ots admin stats --json | sed 's/,.wal_bytes.*/}/'");
        person.types("ots admin keys");
        person.types("ots admin sweep");
        drop(server.take());
    }
    person.about("There is nothing.");
    person.types("ots admin stats --data-dir missing");
    person.types("ots admin sweep --data-dir missing");
    person.types("SECRET_KEY= ots admin keys --data-dir missing");
    insta::assert_snapshot!(person.transcript().replace(data.path().to_str().unwrap(), "DATA"));
}

#[test]
fn keys() {
    let data = directory();
    let server = Server::start(data.path(), &[]);
    let mut person = Session::new(&server.url);
    person.keeps("LINK", "echo x | ots put");
    drop(server);
    person.sets("OTS_DATA_DIR", data.path().to_str().unwrap().to_owned());
    person.sets("OTS_LISTEN", "127.0.0.1:0".to_owned());
    person.about("That can't be a key.");
    person.types("SECRET_KEY=a,b ots serve");
    person.types("SECRET_KEY=' a' ots serve");
    person.types("SECRET_KEY=$'\\n' ots serve");
    person.types("SECRET_KEY=$'\\xff' ots serve");
    person.types("printf 'a,b' > key; ots serve --secret-key-file key");
    person.types("ots serve --secret-key-file missing");
    person.types("SECRET_KEY=new SECRET_KEYS_OLD='a, b' ots serve");
    person.types("SECRET_KEY=new SECRET_KEYS_OLD=$'\\xff' ots serve");
    person.types(": > empty; SECRET_KEY=0123456789abcdef ots serve --old-key-file empty");
    person.about("Another key than the one in use.");
    person.types("SECRET_KEY=another ots serve");
    person.types("CREDENTIALS_DIRECTORY=/nonexistent ots serve");
    person.types("ots admin check");
    insta::assert_snapshot!(person.transcript().replace(data.path().to_str().unwrap(), "DATA"));
}

#[test]
fn checks() {
    let data = directory();
    let server = Server::start(data.path(), &[]);
    let mut person = Session::new(&server.url);
    person.sets("OTS_DATA_DIR", data.path().to_str().unwrap().to_owned());
    person.sets("OTS_LISTEN", server.address());
    person.sets("SECRET_KEY", crate::common::SECRET_KEY.to_owned());
    person.about("All is well.");
    person.types("ots admin check");
    person.types("ots admin check --json");
    person.types("env -u OTS_SERVER ots health");
    person.about("There is nothing.");
    person.types("ots admin check --data-dir missing");
    person.types("ots admin chek");
    person.about("There is something else.");
    person.types("mkdir other; head -c 5000 /dev/zero | tr '\\0' x > other/ots.db; ots admin check --data-dir other");
    person.about("The server is unwell.");
    person.sets("OTS_SERVER", answering(UNHEALTHY));
    person.types("ots health");
    person.types("ots health --json");
    person.sets("OTS_SERVER", answering(DEGRADED));
    person.types("ots health");
    insta::assert_snapshot!(person.transcript().replace(data.path().to_str().unwrap(), "DATA"));
}

const UNHEALTHY: &str = "HTTP/1.1 503 Service Unavailable\r\ncontent-type: application/json\r\nconnection: close\r\n\r\n\
    {\"status\":\"unhealthy\",\"database\":\"unavailable\",\"version\":\"1\"}";
const DEGRADED: &str = "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\nconnection: close\r\n\r\n\
    {\"status\":\"degraded\",\"database\":\"connected\",\"version\":\"1\",\"problems\":[{\"code\":\"storage_full\",\
    \"detail\":\"The disk is full: secrets can be read, and none can be stored\"}]}";

#[test]
fn configuration() {
    let mut person = Session::new("http://127.0.0.1:1");
    person.sets("OTS_CONFIG", "config.toml".to_owned());
    person.types("echo x | ots put");
    for (about, text) in [
        ("An option that isn't there.", "tll = \"1h\""),
        ("One that is like none.", "[serve]\nhunter = 2"),
        ("In the wrong place.", "listen = \"0.0.0.0:80\""),
        ("The other way round.", "[serve]\nttl = \"1h\""),
        ("No table.", "serve = true"),
        ("A value that can't be.", "ttl = \"soon\""),
        ("One of a few words.", "[serve]\nlog_format = \"xml\""),
        ("A list where there is one.", "ttl = [\"1h\"]"),
        ("A number where there is a list.", "[serve]\nold_key_file = 1.5"),
        ("No TOML.", "# notes\nttl = "),
        ("A secret: it has no place here.", "passphrase = \"x\""),
    ] {
        person.about(about);
        person.sets("CONFIG", text.to_owned());
        person.types("echo \"$CONFIG\" > config.toml; cat config.toml; echo x | ots put");
    }
    person.about("No text.");
    person.types("printf '\\xff' > config.toml; echo x | ots put --json");
    insta::assert_snapshot!(person.transcript());
}

#[test]
fn pages_and_completions() {
    let mut person = Session::new("http://127.0.0.1:1");
    person.types("ots help health");
    person.types("ots help nonsense");
    person.types("ots completions tcsh");
    person.types("ots completions bash > /dev/full");
    person.types("ots man /dev/null/man");
    person.types("ots admin --json");
    insta::assert_snapshot!(person.transcript());
}
