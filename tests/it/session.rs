//! A person at a shell, and what is typed and said there; what differs from run to run stands in capitals.

use std::{
    io::{Read, Write},
    net::TcpListener,
    path::Path,
    process::{Command, Output},
};

use crate::common::{OTS, directory, run};

/// In a folder of their own, with `ots` on the path.
pub struct Session {
    place: tempfile::TempDir,
    variables: Vec<(&'static str, String)>,
    text: String,
}

impl Session {
    pub fn new(server: &str) -> Self {
        Self { place: directory(), variables: vec![("OTS_SERVER", server.to_owned())], text: String::new() }
    }

    /// Says what comes now.
    pub fn about(&mut self, words: &str) {
        self.text.push_str(&format!("# {words}\n"));
    }

    /// Types a line, and notes what comes of it.
    pub fn types(&mut self, line: &str) {
        let output = self.shell(line);
        self.text.push_str(&format!("$ {line}\n"));
        self.text.push_str(&lines(&output.stdout, ""));
        self.text.push_str(&lines(&output.stderr, "stderr| "));
        let code = output.status.code().unwrap();
        self.text.push_str(&if code == 0 { "\n".to_owned() } else { format!("exit {code}\n\n") });
    }

    /// Keeps what a line prints in a variable.
    pub fn keeps(&mut self, variable: &'static str, line: &str) {
        let output = self.shell(line);
        assert!(output.status.success(), "{line}: {}", String::from_utf8_lossy(&output.stderr));
        self.text.push_str(&format!("$ {variable}=$({line})\n"));
        self.sets(variable, String::from_utf8(output.stdout).unwrap().trim().to_owned());
    }

    pub fn sets(&mut self, variable: &'static str, value: String) {
        self.variables.retain(|(known, _)| *known != variable);
        self.variables.push((variable, value));
    }

    fn shell(&self, line: &str) -> Output {
        let mut shell = Command::new("bash");
        let path = format!("{}:{}", Path::new(OTS).parent().unwrap().display(), std::env::var("PATH").unwrap());
        shell.args(["-c", line]).current_dir(self.place.path()).env_clear().env("PATH", path);
        shell
            .env("HOME", "/nonexistent")
            .env("COLUMNS", "100")
            .envs(self.variables.iter().map(|(name, value)| (name, value)));
        run(shell, b"")
    }

    /// What was typed and said, without what differs from run to run.
    pub fn transcript(&self) -> String {
        scrubbed(&self.text.replace(self.place.path().to_str().unwrap(), "FOLDER"))
    }
}

fn lines(output: &[u8], before: &str) -> String {
    String::from_utf8_lossy(output).lines().map(|line| format!("{before}{line}").trim_end().to_owned() + "\n").collect()
}

/// Puts words in capitals in place of tokens, keys, claims, times, ports and versions.
fn scrubbed(text: &str) -> String {
    let in_word = |character: char| character.is_ascii_alphanumeric() || matches!(character, '_' | '-');
    let mut clean = String::new();
    let mut rest = text;
    while let Some(first) = rest.chars().next() {
        let word = rest.split(|character| !in_word(character)).next().unwrap();
        let (length, shown) = match word.as_bytes() {
            [] => (first.len_utf8(), &rest[..first.len_utf8()]),
            _ if clean.ends_with("OTS_CLAIM=") && word.len() == 32 => (32, "CLAIM"),
            _ if clean.ends_with("is kept for you for ") => (rest.find(';').unwrap(), "LEFT"),
            _ if clean.ends_with("(in ") => (rest.find(')').unwrap(), "LEFT"),
            _ if clean.ends_with("127.0.0.1:") && !["1", "8000"].contains(&word) => (word.len(), "PORT"),
            word if word.len() == 32 && word.iter().all(|byte| matches!(byte, b'a'..=b'z' | b'2'..=b'7')) => {
                (32, "TOKEN")
            }
            word if word.len() == 43 => (43, "KEY"),
            [b'2', b'0', _, _, b'-', _, _, b'-', _, _, b'T', ..] => (rest.find('Z').unwrap() + 1, "TIME"),
            word => (word.len(), &rest[..word.len()]),
        };
        clean.push_str(shown);
        rest = &rest[length..];
    }
    // Health tells these once they have happened.
    let late = ["commit", "sweep", "checkpoint"].map(|what| format!(",\"last_{what}_at\":\"TIME\""));
    let clean = late.iter().fold(clean, |clean, late| clean.replace(late, ""));
    // As a PostgreSQL of the tests' own has it, which waits for no disk.
    let clean = clean.replace("\"durability\":\"asynchronous\"", "\"durability\":\"one node\"");
    clean.replace(env!("CARGO_PKG_VERSION"), "VERSION")
}

/// Something that isn't a server of ours: gives every request the same answer.
pub fn answering(answer: &'static str) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            let _ = stream.read(&mut [0; 4096]);
            let _ = stream.write_all(answer.as_bytes());
        }
    });
    url
}
