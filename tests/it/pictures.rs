//! The README's picture of a terminal: what `ots` says, drawn. Only the server's address and the token are others, since each run has its
//! own. `OTS_PICTURES=docs/pictures` renews it.

use std::{fs, path::Path, process::Command};

use crate::common::{OTS, Server, directory, run, text};

/// What stands for the token of a run.
const SAMPLE: &str = "u6rgeakdc5ytdnnaubbdjlp7myhw2igk";
const NAME: &str = "https://ots.example.org";
const LINE: usize = 22;

#[test]
fn the_readmes_terminal_is_the_real_one() {
    let data = directory();
    let server = Server::start(data.path(), &[]);
    let mut shown = Vec::new();
    let mut token = SAMPLE.to_owned();
    for typed in [
        "printf %s 'correct horse battery staple' | ots put".to_owned(),
        format!("ots get {NAME}/s/{SAMPLE}"),
        format!("ots get {NAME}/s/{SAMPLE}"),
    ] {
        let binaries = Path::new(OTS).parent().unwrap().display();
        let mut shell = Command::new("sh");
        shell.arg("-c").arg(typed.replace(NAME, &server.url).replace(SAMPLE, &token));
        shell.env("PATH", format!("{binaries}:{}", std::env::var("PATH").unwrap()));
        shell.env("OTS_SERVER", &server.url).env("HOME", data.path()).current_dir(data.path());
        let output = run(shell, b"");
        let said = text(&output.stdout) + &text(&output.stderr);
        if let Some((_, made)) = said.trim_end().split_once("/s/") {
            made.clone_into(&mut token);
        }
        shown.push(format!("$ {typed}"));
        shown.extend(said.replace(&server.url, NAME).replace(&token, SAMPLE).lines().map(str::to_owned));
        shown.push(String::new());
    }
    assert!(shown.iter().any(|line| line == "correct horse battery staple"), "{shown:?}");
    assert!(shown.iter().any(|line| line.starts_with("ots: the secret is gone")), "{shown:?}");
    shown.pop();
    let drawn = drawing(&shown);
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    if let Some(folder) = std::env::var_os("OTS_PICTURES") {
        fs::write(root.join(folder).join("terminal.svg"), &drawn).unwrap();
    }
    let kept = fs::read_to_string(root.join("docs/pictures/terminal.svg")).unwrap();
    let renew = "OTS_PICTURES=docs/pictures cargo test --test it -- pictures";
    assert!(kept == drawn, "docs/pictures/terminal.svg is stale: {renew}");
}

/// The lines as a terminal shows them.
fn drawing(lines: &[String]) -> String {
    let height = lines.len() * LINE + 40;
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 760 {height}\" width=\"760\" height=\"{height}\">\n\
         <rect width=\"760\" height=\"{height}\" rx=\"10\" fill=\"#1c1e2a\"/>\n\
         <g font-family=\"ui-monospace, Menlo, Consolas, 'DejaVu Sans Mono', monospace\" font-size=\"14.5\">\n"
    );
    for (row, line) in lines.iter().enumerate().filter(|(_, line)| !line.is_empty()) {
        let colour = if line.starts_with("$ ") { "#9db4ff" } else { "#e8e9f2" };
        let shown = line.replace('&', "&amp;").replace('<', "&lt;");
        let y = 34 + row * LINE;
        svg.push_str(&format!("<text x=\"22\" y=\"{y}\" fill=\"{colour}\">{shown}</text>\n"));
    }
    svg + "</g>\n</svg>\n"
}
