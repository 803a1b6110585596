//! What the repository says of itself is so: the README's commands run, and the man pages and completions are what the binary
//! makes.

use std::{fs, path::Path, process::Command};

use crate::common::{OTS, Server, directory, files, ots, run};

const ROOT: &str = env!("CARGO_MANIFEST_DIR");

/// The page's shell blocks, in order, in one shell with `ots` on its path, a server to talk to, and that server's data: what they say.
fn commands_of(page: &str) -> String {
    let (data, place) = (directory(), directory());
    let server = Server::start(data.path(), &[]);
    let text = fs::read_to_string(Path::new(ROOT).join(page)).unwrap();
    let blocks: Vec<&str> = text.split("```sh\n").skip(1).map(|rest| rest.split("```").next().unwrap()).collect();
    assert!(!blocks.is_empty(), "{page} has no commands");
    let script = format!("set -eu\n{}", blocks.join("\n"));
    let binaries = Path::new(OTS).parent().unwrap().display();
    let mut shell = Command::new("bash");
    shell.args(["-c", &script]).current_dir(place.path()).env("OTS_SERVER", &server.url);
    shell.env("OTS_DATA_DIR", data.path()).env_remove("SECRET_KEY");
    shell.env("PATH", format!("{binaries}:{}", std::env::var("PATH").unwrap())).env("HOME", place.path());
    let output = run(shell, b"");
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(output.status.success(), "{page}: {said}\n{}", String::from_utf8_lossy(&output.stderr));
    said
}

#[test]
fn the_readmes_commands_run() {
    let said = commands_of("README.md");
    assert!(said.contains("a password") && said.contains("for two eyes") && said.contains("received"), "{said}");
    assert!(said.contains("\"status\":\"healthy\""), "{said}");
    assert_eq!(said.matches("Secret stored successfully").count(), 2, "{said}");
}

#[test]
fn the_operators_commands_run() {
    let said = commands_of("docs/operating.md");
    assert!(said.contains("healthy\n") && said.contains("whole\n"), "{said}");
}

/// What a page of ours leads to is there, its headings too.
#[test]
fn links_between_the_pages_lead_somewhere() {
    let root = Path::new(ROOT);
    let mut pages = files(&root.join("docs"));
    pages.push(root.join("README.md"));
    pages.retain(|page| page.extension().is_some_and(|extension| extension == "md"));
    for page in &pages {
        let text = fs::read_to_string(page).unwrap();
        for link in text.split("](").skip(1).filter_map(|rest| rest.split(')').next()) {
            if link.contains("://") || link.contains(char::is_whitespace) {
                continue;
            }
            let (path, heading) = link.split_once('#').unwrap_or((link, ""));
            let target = if path.is_empty() { page.clone() } else { page.parent().unwrap().join(path) };
            assert!(target.exists(), "{}: {link}", page.display());
            if !heading.is_empty() {
                let target = fs::read_to_string(&target).unwrap().to_lowercase();
                let heading = heading.replace('-', " ");
                assert!(target.contains(&format!("# {heading}\n")), "{}: {link}", page.display());
            }
        }
    }
}

/// Every option and variable of the help is in the README's table or among its words.
#[test]
fn the_readme_knows_every_variable() {
    let readme = fs::read_to_string(Path::new(ROOT).join("README.md")).unwrap();
    for command in ots::cli::command().get_subcommands().chain([&ots::cli::command()]) {
        for variable in command.get_arguments().filter_map(|argument| argument.get_env()) {
            let variable = variable.to_str().unwrap();
            assert!(readme.contains(variable), "{variable} of {} is missing", command.get_name());
        }
    }
    for code in ["| 3 | gone", "| 4 |", "| 5 |", "| 6 |", "| 7 |", "| 8 |", "| 130, 141 |"] {
        assert!(readme.contains(code), "{code}");
    }
}

/// `man/` and `completions/` are what the binary makes. To renew them: `ots man man`, and `ots completions SHELL`.
#[test]
fn man_pages_and_completions_are_current() {
    let made = directory();
    let mut command = ots();
    command.args(["man"]).arg(made.path());
    assert!(run(command, b"").status.success());
    let (mut made_pages, mut committed) = (files(made.path()), files(&Path::new(ROOT).join("man")));
    made_pages.sort();
    committed.sort();
    let names = |paths: &[std::path::PathBuf]| {
        paths.iter().map(|path| path.file_name().unwrap().to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(names(&made_pages), names(&committed));
    for (made, committed) in made_pages.iter().zip(&committed) {
        let same = fs::read_to_string(made).unwrap() == fs::read_to_string(committed).unwrap();
        assert!(same, "{} is stale: cargo run -- man man", committed.display());
    }
    for (shell, file) in
        [("bash", "ots.bash"), ("zsh", "_ots"), ("fish", "ots.fish"), ("powershell", "_ots.ps1"), ("elvish", "ots.elv")]
    {
        let mut command = ots();
        command.args(["completions", shell]);
        let made = run(command, b"").stdout;
        let same = fs::read(Path::new(ROOT).join("completions").join(file)).is_ok_and(|committed| committed == made);
        assert!(same, "completions/{file} is stale: cargo run -- completions {shell} > completions/{file}");
    }
}

/// Each page names its options' variables and its exit codes, leads to all others, and is good roff.
#[test]
fn man_pages_are_whole() {
    let pages = files(&Path::new(ROOT).join("man"));
    let names: Vec<String> = pages.iter().map(|page| page.file_stem().unwrap().to_str().unwrap().to_owned()).collect();
    assert!(names.iter().any(|name| name == "ots-completions") && names.len() >= 10, "{names:?}");
    for (page, name) in pages.iter().zip(&names) {
        let text = fs::read_to_string(page).unwrap().replace("\\-", "-");
        assert!(text.contains(".SH \"EXIT STATUS\""), "{name}");
        let others = text.split(".SH \"SEE ALSO\"").nth(1).unwrap();
        for other in &names {
            assert_eq!(others.contains(&format!("{other}(1)")), other != name, "{name} leads to {other}");
        }
        let tree = ots::cli::command();
        let command = name.split('-').skip(1).try_fold(&tree, |command, word| command.find_subcommand(word)).unwrap();
        for arg in command.get_arguments() {
            let Some(variable) = arg.get_env() else { continue };
            let options = text.split(".SH OPTIONS").nth(1).unwrap();
            let value = arg.get_value_names().map(|names| names[0].to_string()).unwrap_or_default();
            let shown = arg.get_long().map_or_else(|| value, |long| format!("\\fB--{long}\\fR"));
            let described = options.split(&shown).nth(1).unwrap().split(".TP").next().unwrap();
            assert!(described.contains(variable.to_str().unwrap()), "{name}: {shown}");
        }
    }
    let serve = fs::read_to_string(Path::new(ROOT).join("man/ots-serve.1")).unwrap().replace("\\-", "-");
    for file in ["ots.db", "ots.db-lock", "ots.db-reserve", "secret.key"] {
        assert!(serve.contains(&format!("DATA/{file}")), "{file}");
    }
    let mut groff = Command::new("groff");
    let said = groff.args(["-man", "-ww", "-z", "-Tutf8"]).args(&pages).output();
    match said {
        Ok(output) => assert!(output.stderr.is_empty(), "{}", String::from_utf8_lossy(&output.stderr)),
        Err(error) => assert!(std::env::var_os("CI").is_none(), "CI needs groff: {error}"),
    }
}

/// What people aren't shown isn't offered either.
#[test]
fn completions_offer_nothing_hidden() {
    for file in files(&Path::new(ROOT).join("completions")) {
        let text = fs::read_to_string(&file).unwrap();
        for hidden in ["ots__subcmd__man", "ots__man", "'man:", "\"man\"", "'man'", " man "] {
            assert!(!text.contains(hidden), "{}: {hidden}", file.display());
        }
        assert!(text.contains("completions") && text.contains("passphrase-file"), "{}", file.display());
    }
}
