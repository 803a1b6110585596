//! What the command line says, as it is said: its usual answers and each kind of error, a subject a snapshot. A change here is
//! one that users see; `INSTA_UPDATE=always cargo test --test it transcripts` writes it down. What whoever runs a server is told stands in
//! `transcripts_operator`.

use std::net::TcpListener;

use ots::crypto::envelope::{self, Label};
use reqwest::Method;

use crate::{
    common::{Server, directory},
    session::{Session, answering},
};

#[test]
fn usual() {
    let data = directory();
    let server = Server::start(data.path(), &[]);
    let mut person = Session::new(&server.url);
    person.about("A text, read once.");
    person.types("printf %s hunter2 | ots put");
    person.keeps("LINK", "printf %s hunter2 | ots put");
    person.types("ots status \"$LINK\"");
    person.types("ots get \"$LINK\"");
    person.types("ots get \"$LINK\"");
    person.about("A file, with a time to live and a passphrase.");
    person.types("echo 'of a file' > key.pem");
    person.keeps("LINK", "OTS_PASSPHRASE=sesame ots put --ttl 15m key.pem");
    person.types("ots status \"$LINK\"");
    person.types("OTS_PASSPHRASE=sesame ots get -o received.pem \"$LINK\" && cmp key.pem received.pem");
    person.about("For three readers; and only the tokens, which go with a known server.");
    person.types("echo hello | ots put --copies 3");
    person.types("echo hello | ots put --token");
    person.about("Taken back.");
    person.keeps("LINK", "echo mistake | ots put");
    person.types("ots burn \"$LINK\"");
    person.types("printf '%s\\n' \"$LINK\" | ots status -");
    person.about("What nobody has to think up.");
    person.types("ots generate | tr 'A-Za-z2-9' x");
    person.types("ots generate --words --separator . | tr a-z- x | tr -s x");
    person.types("ots generate --length 8");
    person.types("ots put --generate | tail -n 1 | tr 'A-Za-z2-9' x");
    person.about("The server.");
    person.types("ots health");
    person.types("ots -V");
    insta::assert_snapshot!(person.transcript());
}

#[test]
fn end_to_end() {
    let data = directory();
    let server = Server::start(data.path(), &[]);
    let mut person = Session::new(&server.url);
    person.types("echo 'of a file' > key.pem");
    person.types("ots put --encrypt key.pem");
    person.keeps("LINK", "ots put --encrypt key.pem");
    person.types("ots status \"$LINK\"");
    person.types("mkdir inbox && cd inbox && ots get --remote-name \"$LINK\" && ls && cat key.pem");
    person.about("Link and key apart.");
    person.keeps("LINK", "echo halves | ots put --encrypt --key-file key.txt");
    person.types("echo \"$LINK\"; cat key.txt");
    person.types("ots get \"$LINK\"");
    person.types("ots get --key-file key.txt \"$LINK\"");
    person.about("White space at a passphrase's edge, which nobody sees.");
    person.keeps("LINK", "echo hello | OTS_PASSPHRASE=sesame ots put --encrypt");
    person.types("OTS_PASSPHRASE=' sesame' ots get \"$LINK\"");
    insta::assert_snapshot!(person.transcript());
}

#[test]
fn json() {
    let data = directory();
    let server = Server::start(data.path(), &[]);
    let mut person = Session::new(&server.url);
    person.types("printf %s hunter2 | ots put --json");
    person.keeps("LINK", "printf %s hunter2 | ots put");
    person.types("ots status --json \"$LINK\"");
    person.types("ots get --json \"$LINK\"");
    person.types("ots get --json \"$LINK\"");
    person.keeps("LINK", "printf '\\xff' | ots put");
    person.types("ots get --json \"$LINK\"");
    person.keeps("LINK", "echo x | ots put --encrypt --name notes.txt");
    person.types("ots get --json \"$LINK\"");
    person.keeps("LINK", "echo x | ots put");
    person.types("ots burn --json \"$LINK\"");
    person.types("ots health --json");
    person.about("Errors are objects, too.");
    person.types("ots status --json --server http://127.0.0.1:1 \"${LINK##*/}\"");
    person.types("echo x | ots put --json --ttl 31d");
    person.types("ots put --json missing.txt");
    person.types("ots get --json nonsense");
    insta::assert_snapshot!(person.transcript());
}

#[test]
fn gone() {
    let data = directory();
    let server = Server::start(data.path(), &[]);
    let mut person = Session::new(&server.url);
    person.keeps("LINK", "echo x | ots put");
    person.types("ots get \"$LINK\"");
    for command in ["get", "status", "status --wait", "burn"] {
        person.types(&format!("ots {command} \"$LINK\""));
    }
    person.about("What never was is the same.");
    person.types("ots get aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa");
    person.about("Waited for, and nobody came.");
    person.keeps("LINK", "echo x | ots put --ttl 3");
    person.types("ots status --wait \"$LINK\"");
    insta::assert_snapshot!(person.transcript());
}

#[test]
fn unreachable() {
    let mut person = Session::new("http://127.0.0.1:1");
    person.about("Nobody listens.");
    person.types("echo x | ots put");
    for command in ["status", "burn"] {
        person.types(&format!("ots {command} aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"));
    }
    person.types("ots health");
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    person.sets("OTS_SERVER", format!("http://{}", silent.local_addr().unwrap()));
    person.about("Nobody answers.");
    person.types("ots get --timeout 1 aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa");
    person.types("ots health --timeout 1");
    insta::assert_snapshot!(person.transcript());
}

#[test]
fn other_servers() {
    let mut person = Session::new("http://example.com");
    person.about("Plain http over a network.");
    person.types("echo x | ots put");
    person.about("Not a server of ours.");
    person.sets("OTS_SERVER", answering("HTTP/1.1 200 OK\r\ncontent-length: 5\r\nconnection: close\r\n\r\nhello"));
    person.types("ots get aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa");
    person.sets(
        "OTS_SERVER",
        answering("HTTP/1.1 502 Bad Gateway\r\ncontent-length: 5\r\nconnection: close\r\n\r\nhello"),
    );
    person.types("echo x | ots put");
    person.types("ots health");
    person.about("http and https.");
    person.types("ots health --server \"${OTS_SERVER/http:/https:}\"");
    person.sets("OTS_SERVER", answering("\u{15}\u{3}\u{3}"));
    person.types("ots health");
    person.about("Broken off.");
    person.sets("OTS_SERVER", answering(""));
    person.types("ots status aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa");
    person.sets("OTS_SERVER", answering("HTTP/1.1 200 OK\r\ncontent-length: 5\r\nconnection: close\r\n\r\nhe"));
    person.types("ots status aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa");
    person.about("Without a token.");
    person.sets("OTS_SERVER", answering("HTTP/1.1 201 Created\r\nconnection: close\r\n\r\n{\"token\":\"\",\"expires_at\":\"2126-01-01T00:00:00.000Z\",\"message\":\"\",\"url\":\"http://host\"}"));
    person.types("echo x | ots put");
    person.about("Elsewhere.");
    person.sets(
        "OTS_SERVER",
        answering("HTTP/1.1 301 Moved Permanently\r\nlocation: https://ots.example.org/x?y\r\ncontent-length: 0\r\nconnection: close\r\n\r\n"),
    );
    person.types("ots status aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa");
    insta::assert_snapshot!(person.transcript());
}

#[test]
fn refused() {
    let data = directory();
    let server = Server::start(data.path(), &[]);
    let mut person = Session::new(&server.url);
    person.about("A passphrase.");
    person.keeps("LINK", "echo x | OTS_PASSPHRASE=sesame ots put");
    person.types("ots get --no-input \"$LINK\"");
    person.types("OTS_PASSPHRASE=wrong ots get \"$LINK\"");
    person.types("for try in 2 3 4 5 6 7 8; do OTS_PASSPHRASE=wrong ots get \"$LINK\" 2>/dev/null; done");
    person.types("OTS_PASSPHRASE=wrong ots get \"$LINK\"");
    person.types("OTS_PASSPHRASE=wrong ots get \"$LINK\"");
    person.types("OTS_PASSPHRASE=sesame ots get \"$LINK\"");
    person.about("A key.");
    person.keeps("LINK", "echo x | ots put --encrypt");
    person.types("ots get \"${LINK%#*}\"");
    person.types("ots get \"${LINK%?}\"");
    person.types("ots get \"${LINK%#*}#AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\"");
    person.types("echo nonsense > key.txt; ots get --key-file key.txt \"${LINK%#*}\"");
    person.types("ots get \"$LINK\"");
    person.about("Both.");
    person.keeps("LINK", "echo x | OTS_PASSPHRASE=sesame ots put --encrypt");
    person.types("OTS_PASSPHRASE=wrong ots get \"$LINK\"");
    insta::assert_snapshot!(person.transcript());
}

#[tokio::test(flavor = "multi_thread")]
async fn damaged() {
    let data = directory();
    let server = Server::start(data.path(), &[]);
    let mut person = Session::new(&server.url);
    let sealed = envelope::seal(b"hunter2", &Label::default(), None).unwrap();
    let mut flipped = sealed.envelope.clone();
    flipped[100] ^= 1;
    for (about, damaged) in [
        ("A bit is another.", flipped),
        ("The end is missing.", sealed.envelope[..200].to_vec()),
        ("Nearly all is missing.", b"OTS1".to_vec()),
        ("A later version's.", [b"OTS2", &sealed.envelope[4..]].concat()),
        ("No envelope at all.", vec![b'x'; 300]),
    ] {
        let proof = data_encoding::BASE64URL_NOPAD.encode(sealed.proof.expose().as_bytes());
        let request = server.request(Method::POST, "/api/v1/secrets?encrypted=true").header("ots-passphrase", proof);
        let request = request.header("content-type", "application/octet-stream").body(damaged);
        let created: serde_json::Value = request.send().await.unwrap().json().await.unwrap();
        person.sets("LINK", format!("{}#{}", created["url"].as_str().unwrap(), sealed.key.expose().as_str()));
        person.about(about);
        person.types("ots get \"$LINK\"");
    }
    insta::assert_snapshot!(person.transcript());
}

#[test]
fn rejected() {
    const BUSY: &str = "{\"type\":\"about:blank\",\"title\":\"Service Unavailable\",\"status\":503,\"detail\":\"The server \
                        has more to do than it can hold; try again in a second\",\"code\":\"busy\"}";
    let data = directory();
    let server = Server::start(data.path(), &["--max-size", "100KiB", "--max-ttl", "2d"]);
    let mut person = Session::new(&server.url);
    person.types("head -c 102401 /dev/zero | ots put");
    person.types("head -c 10M /dev/zero | ots put");
    person.types("head -c 102400 /dev/zero | ots put --encrypt");
    person.types("echo x | ots put --ttl 3d");
    person.about("A server that is busy.");
    let head = "HTTP/1.1 503 Service Unavailable\r\ncontent-type: application/problem+json\r\nconnection: close\r\n";
    let busy = format!("{head}content-length: {}\r\n\r\n{BUSY}", BUSY.len());
    person.sets("OTS_SERVER", answering(busy.leak()));
    person.types("echo x | ots put");
    insta::assert_snapshot!(person.transcript());
}

#[test]
fn files() {
    let data = directory();
    let server = Server::start(data.path(), &[]);
    let mut person = Session::new(&server.url);
    person.about("Nothing is sent.");
    person.types("ots put hunter2");
    person.types("ots put .");
    person.types("ots put < /dev/null");
    person.types("echo x | ots put --passphrase-file missing.txt");
    person.types("echo mine > mine.txt; echo x | ots put --encrypt --key-file mine.txt");
    person.types("echo x | ots put --encrypt --key-file missing/key.txt");
    person.types("echo x | ots put --ca-cert missing.pem");
    person.types("echo x | ots put --server https://127.0.0.1:1 --ca-cert mine.txt");
    person.about("Nothing is read.");
    person.keeps("LINK", "echo x | ots put");
    person.types("ots get -o mine.txt \"$LINK\"");
    person.types("ots get -o missing/new.txt \"$LINK\"");
    person.types("ots get -o . \"$LINK\"");
    person.about("Read, and not written.");
    person.types("ots get \"$LINK\" > /dev/full");
    person.types("OTS_CLAIM=0123456789abcdef ots get \"$LINK\"");
    person.keeps("LINK", "echo x | ots put");
    person.types("ots get -o received.txt \"$LINK\" --force --json | true; ls");
    person.keeps("LINK", "echo x | ots put");
    person.types("ots get \"$LINK\" --json | true");
    person.about("Stored, and its link not printed.");
    person.types("echo x | ots put > /dev/full");
    person.types("echo x | ots put | true");
    person.types("echo x | ots put >&-");
    insta::assert_snapshot!(person.transcript());
}

#[test]
fn usage() {
    let data = directory();
    let server = Server::start(data.path(), &[]);
    let mut person = Session::new(&server.url);
    person.about("The command line can't be understood.");
    person.types("ots get");
    person.types("ots gett");
    person.types("ots get --outptu x");
    person.types("ots put --ttl soon");
    person.types("ots put --ttl 1mo");
    person.types("ots put --ttl 0");
    person.types("ots put --copies 0");
    person.types("ots put --server host");
    person.types("ots get --force aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa");
    person.types("ots put --encrypt notes.txt more.txt");
    person.types("ots get --output");
    person.types("ots put --color purple");
    person.types("ots put --token=yes");
    person.types("ots put --ttl 1h --ttl 2h");
    person.types("ots put -p --passphrase-file x");
    person.types("OTS_TTL=soon ots put");
    person.types("ots put --name $'\\xff'");
    person.types("ots aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa");
    person.types(
        "ots https://ots.example.org/s/aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa#AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA",
    );
    person.types("touch notes.txt; ots notes.txt");
    person.types("ots share");
    person.types("ots --json");
    person.types("ots put --json --ttl soon");
    person.types("ots get aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa another --json");
    person.about("It can't be meant.");
    person.types("ots get nonsense");
    person.types("ots get https://ots.example.org/s/short");
    person.types("echo x | ots put --ttl 1.5s");
    person.types("echo x | ots put --name x");
    person.types("echo x | ots put --key-file x");
    person.types("echo x | ots put --encrypt --key-file x --copies 2");
    person.types("echo x | OTS_PASSPHRASE= ots put --no-input --passphrase");
    person.keeps("LINK", "echo x | ots put");
    person.types("ots get \"$LINK#AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\"");
    person.types("ots get --remote-name \"$LINK\"");
    person.types("ots get --key-file x \"$LINK\"");
    person.types("OTS_CLAIM=short ots get \"$LINK\"");
    person.types("echo x | OTS_PASSPHRASE= ots put");
    person.types("echo x | OTS_PASSPHRASE=$'\\xff' ots put");
    person.types("printf '\\xff' > notes.txt; echo x | ots put --passphrase-file notes.txt");
    person.types("echo x | ots put --encrypt --name \"$(head -c 70000 /dev/zero | tr '\\0' x)\"");
    person.keeps("LINK", "echo x | ots put --encrypt");
    person.types("ots get --key-file x \"$LINK\"");
    insta::assert_snapshot!(person.transcript());
}

#[test]
fn links() {
    let data = directory();
    let server = Server::start(data.path(), &[]);
    let mut person = Session::new(&server.url);
    person.about("As a mail and a chat bring them.");
    person.keeps("LINK", "echo x | ots put --encrypt");
    person.types("ots status \"<$LINK>.\"");
    person.types("ots status \"[the secret]($LINK)\"");
    person.types("ots status \"${LINK#http://}\"");
    person.types("ots status \"${LINK/\\#/%23}\"");
    person.types("printf '%s\\n' \"> ${LINK:0:40}\" \"> ${LINK:40}\" | ots get -");
    person.about("What isn't whole.");
    person.types("ots get \"${LINK%???????#*}\"");
    person.types("ots get \"${LINK%#*}word\"");
    person.types("ots get \"here it is: $LINK\"");
    person.types("ots get \"$LINK $LINK\"");
    person.types("ots get ''");
    person.types("ots get ftp://ots.example.org/s/aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa");
    person.types("ots get https://ots.example.org/");
    person.types("ots get - < .");
    person.about("Other links.");
    person.types("ots get https://ots.example.org/t/r-aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa");
    person.types("ots get https://ots.example.org/r/aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa");
    person.types("ots get https://yopass.se/#/s/abcdefgh/key");
    insta::assert_snapshot!(person.transcript());
}
