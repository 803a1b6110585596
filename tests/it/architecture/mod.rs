//! The house keeps its rules: a module calls only those that it may, also inside `server/`; every file says what it is for; none
//! is longer than a person reads at once.
//!
//! What calls what is read from the sources: `use` trees, and the paths in the code between them.

mod paths;

use std::{
    fs,
    path::{Path, PathBuf},
};

use paths::{module_of, paths_in};

const ROOT: &str = env!("CARGO_MANIFEST_DIR");
const LONGEST: usize = 400;

/// Each module of the crate, and those that it may call. None but these may be there.
const ARROWS: [(&str, &[&str]); 14] = [
    ("secret", &[]),
    ("memory", &[]),
    ("api", &["secret"]),
    ("crypto", &["memory", "secret"]),
    ("tally", &[]),
    ("audit", &["crypto", "secret", "tally"]),
    ("store", &["memory", "secret", "tally"]),
    ("vault", &["audit", "crypto", "memory", "secret", "store", "tally"]),
    ("client", &["api", "crypto", "memory", "secret"]),
    ("server", &["api", "audit", "crypto", "memory", "secret", "store", "tally", "vault"]),
    ("acme", &["client", "server", "store"]),
    ("webhook", &["client", "crypto", "secret", "store", "tally"]),
    (
        "cli",
        &[
            "acme", "api", "audit", "client", "crypto", "memory", "secret", "server", "store", "tally", "vault",
            "webhook",
        ],
    ),
    ("main", &["cli"]),
];

/// The parts of `server`: each calls only those that stand before it, and not those beside it. Its `mod.rs` comes last.
const LINE: [&[&str]; 22] = [
    &["creation", "face", "guards"],
    &["settings"],
    &["activity"],
    &["route"],
    &["traffic"],
    &["places"],
    &["request_id"],
    &["problem"],
    &["json"],
    &["reply"],
    &["body"],
    &["call"],
    &["metrics"],
    &["intake"],
    &["negotiate"],
    &["resources", "pages"],
    &["openapi", "cors"],
    &["router"],
    &["floods"],
    &["tls"],
    &["listener"],
    &["connection"],
];

#[test]
fn modules_call_in_one_direction() {
    let wrong: Vec<String> =
        sources("src", &["rs"]).iter().flat_map(|(file, source)| calls_back(file, source)).collect();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn every_file_says_what_it_is_for() {
    let rust = ["src", "tests", "benches", "fuzz"].iter().flat_map(|folder| sources(folder, &["rs"]));
    let silent: Vec<String> = rust.filter(|(_, source)| !source.starts_with("//! ")).map(|(file, _)| file).collect();
    assert!(silent.is_empty(), "these don't begin with //!: {silent:?}");
}

#[test]
fn no_file_is_longer_than_a_person_reads_at_once() {
    let kinds = ["rs", "mjs", "js", "css", "html"];
    let all = ["src", "tests", "benches", "fuzz"].iter().flat_map(|folder| sources(folder, &kinds));
    let long: Vec<String> = all.filter_map(|(file, source)| too_long(&file, &source)).collect();
    assert!(long.is_empty(), "{}", long.join("\n"));
}

fn too_long(file: &str, source: &str) -> Option<String> {
    let lines = source.lines().count();
    (lines > LONGEST).then(|| format!("{file} has {lines} lines"))
}

/// The files of these kinds below a folder of the repository, by their path in it. What tools leave there isn't ours.
fn sources(folder: &str, kinds: &[&str]) -> Vec<(String, String)> {
    let mut folders = vec![Path::new(ROOT).join(folder)];
    let mut found = Vec::new();
    let of_tools = |path: &PathBuf| ["target", "node_modules", "corpus"].iter().any(|name| path.ends_with(name));
    while let Some(folder) = folders.pop() {
        for path in fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()) {
            if path.is_dir() {
                folders.extend(Some(path).filter(|path| !of_tools(path)));
            } else if path.extension().is_some_and(|kind| kinds.iter().any(|known| kind == *known)) {
                let name = path.strip_prefix(ROOT).unwrap().to_str().unwrap().replace('\\', "/");
                found.push((name, fs::read_to_string(&path).unwrap()));
            }
        }
    }
    assert!(!found.is_empty(), "{folder} has no files");
    found
}

/// Each call of a file to what it may not call.
fn calls_back(file: &str, source: &str) -> Vec<String> {
    let module = module_of(file);
    let Some(name) = module.first() else { return Vec::new() }; // lib.rs, which only names the modules
    let Some((_, may)) = ARROWS.iter().find(|(from, _)| from == name) else {
        return vec![format!("{file}: the architecture has no {name}")];
    };
    let part = module.get(1).filter(|_| name == "server"); // its mod.rs calls all
    if part.is_some_and(|part| place(part).is_none()) {
        return vec![format!("{file}: the server's line has no such part")];
    }
    let calls_back = |path: &[String]| match (path, part) {
        ([other, ..], _) if other != name => !may.contains(&other.as_str()),
        ([_, other, ..], Some(part)) => other != part && place(other).is_none_or(|other| Some(other) >= place(part)),
        _ => false, // `pub(in crate::server)`, say, calls nothing
    };
    let called = paths_in(&module, source);
    called.iter().filter(|path| calls_back(path)).map(|path| format!("{file} calls {}", path.join("::"))).collect()
}

/// Where a part of the server stands in its line.
fn place(part: &str) -> Option<usize> {
    LINE.iter().position(|parts| parts.contains(&part))
}

/// The rules themselves are kept: each of these breaks one, in a way of its own.
#[test]
fn what_breaks_a_rule_is_found() {
    for (file, source) in [
        ("src/store/mod.rs", "use crate::vault::Vault;"),
        ("src/store/sqlite/ops.rs", "use crate::{\n    memory::Budget,\n    vault::{self, Vault},\n};"),
        ("src/secret/token.rs", "fn f() { let budget = crate::memory::Budget::new(1); }"),
        ("src/vault/mod.rs", "fn f() -> super::server::Settings { todo!() }"),
        ("src/vault/mod.rs", "mod tests { use super::super::cli::Exit; }"),
        ("src/api/mod.rs", "pub use crate::secret::Token; pub(crate) use crate::store as theirs;"),
        ("src/main.rs", "fn main() { ots::server::serve() }"),
        ("src/blobs/mod.rs", ""),
        ("src/blobs.rs", "fn f() {}"),
        ("src/server/reply.rs", "use super::{activity::Activity, router};"),
        ("src/server/activity.rs", "use super::settings::Settings; use super::problem;"),
        ("src/server/problem.rs", "use super::Server;"),
        ("src/server/problem.rs", "use super::*;"),
        ("src/server/resources/secrets.rs", "fn f() { crate::server::pages::asset(); }"),
        ("src/server/pages/mod.rs", "use super::resources::secrets;"),
        ("src/server/pages/assets.rs", "use super::super::{intake, openapi::{self, Shown}};"),
        ("src/server/limits.rs", "fn f() {}"),
    ] {
        assert!(!calls_back(file, source).is_empty(), "{file}: {source}");
    }
    for (file, source) in [
        ("src/lib.rs", "pub mod secret;"),
        ("src/main.rs", "fn main() { ots::cli::main() }"),
        ("src/store/mod.rs", "//! As [`crate::vault`] has it.\n/* crate::cli */ const WHY: &str = \"crate::vault\";"),
        (
            "src/store/mod.rs",
            "const RAW: &str = r#\"a \"crate::vault\" \"#; const QUOTE: char = '\"'; fn f<'a>(x: &'a str) {}",
        ),
        ("src/store/sqlite/mod.rs", "use super::super::secret::{SecretId, ClaimHash as Claim};"),
        (
            "src/vault/mod.rs",
            "mod tests { use super::*; mod more { use super::super::Vault; } } use self::create::Created;",
        ),
        ("src/store/mod.rs", "const BYTES: &[u8] = br#\"\"crate::vault\"#; fn f() { for_(x) }"),
        ("src/server/mod.rs", "use connection::serve; use self::router::answer; use crate::server::pages;"),
        ("src/server/resources/secrets.rs", "use crate::server::{call::Call, intake}; use super::info;"),
        ("src/server/resources/info.rs", "pub(in crate::server) fn get() {} mod tests { use super::*; }"),
    ] {
        assert_eq!(calls_back(file, source), [""; 0], "{file}: {source}");
    }
    assert!(
        too_long("src/x.rs", &"\n".repeat(LONGEST + 1)).is_some()
            && too_long("src/x.rs", &"\n".repeat(LONGEST)).is_none()
    );
}
