//! Makes the pages' assets in `OUT_DIR`: `src/web/` bundled by esbuild through npm, which brings the ciphers that browsers lack;
//! without npm our own sources as they are, for browsers that have the ciphers themselves. Each is compressed beforehand.
//!
//! `OTS_WEB_BUNDLE=required` makes a missing bundle an error (CI and packages), `none` leaves it out without trying.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a build that can't go on has to stop")]

use aide::{redoc::Redoc, swagger::Swagger};
use std::{
    collections::hash_map::DefaultHasher,
    env, fs,
    hash::Hasher as _,
    io::Write as _,
    path::{Path, PathBuf},
    process::Command,
};

/// What `ReDoc` would show of another host's, and an empty picture in its place.
const REDOC_LOGO: &str = "https://cdn.redoc.ly/redoc/logo-mini.svg";
const NOTHING: &str = "data:image/gif;base64,R0lGODlhAQABAAAAACH5BAEKAAEALAAAAAABAAEAAAICTAEAOw==";

/// The document, as both pages name it.
const DOCUMENT: &str = "openapi.json";

/// What pages, workers and tests load by its name; what these import comes with them.
const SCRIPTS: [&str; 13] = [
    "answer.js",
    "choices.js",
    "collecting.js",
    "envelope.js",
    "generate.js",
    "lost.js",
    "receipt.js",
    "receipts.js",
    "request.js",
    "sealed_box.js",
    "secret.js",
    "share.js",
    "worker.js",
];
const STYLES: [&str; 2] = ["plain.css", "style.css"];
/// What the last of them takes in.
const IMPORTED: [&str; 4] = ["colours.css", "controls.css", "face.css", "notes.css"];

/// The words of passphrases: the command line's own file, so that both draw from the same.
const WORDS: &str = "src/secret/generated/words.txt";

fn main() {
    println!("cargo:rerun-if-changed=build.rs");
    println!("cargo:rerun-if-changed={WORDS}");
    println!("cargo:rerun-if-changed=src/web");
    println!("cargo:rerun-if-env-changed=OTS_WEB_BUNDLE");
    let sources = Path::new(&env::var_os("CARGO_MANIFEST_DIR").unwrap()).join("src/web");
    let out = PathBuf::from(env::var_os("OUT_DIR").unwrap());
    let wanted = env::var("OTS_WEB_BUNDLE").unwrap_or_default();
    let made = if wanted == "none" {
        Err("OTS_WEB_BUNDLE=none".to_owned())
    } else {
        empty(&out.join("assets"));
        bundle(&sources, &out)
    };
    if let Err(reason) = &made {
        assert!(wanted != "required", "OTS_WEB_BUNDLE=required, but the pages can't be bundled: {reason}");
        let needs = "without it the pages need a browser that has ChaCha20-Poly1305 itself and can't take passphrases end to end, or requests at all";
        println!("cargo:warning=the pages are built without the npm bundle ({reason}); {needs}");
        empty(&out.join("assets"));
        copy(&sources, &out.join("assets"));
    }
    viewers(&out);
    fs::copy(WORDS, out.join("assets/words.txt")).unwrap();
    fs::copy(sources.join("icon.svg"), out.join("assets/icon.svg")).unwrap();
    fs::write(out.join("assets.rs"), table(&out.join("assets"), made.is_ok())).unwrap();
}

fn empty(directory: &Path) {
    let _ = fs::remove_dir_all(directory);
    fs::create_dir_all(directory).unwrap();
}

/// Installs what the lock file says, once for each lock file, and bundles.
fn bundle(sources: &Path, out: &Path) -> Result<(), String> {
    let packages = out.join("npm");
    fs::create_dir_all(&packages).map_err(|error| error.to_string())?;
    let lock = fs::read(sources.join("package-lock.json")).map_err(|error| error.to_string())?;
    let installed = packages.join("installed");
    if fs::read(&installed).ok().as_ref() != Some(&lock) {
        for file in ["package.json", "package-lock.json"] {
            fs::copy(sources.join(file), packages.join(file)).map_err(|error| error.to_string())?;
        }
        let npm = if cfg!(windows) { "npm.cmd" } else { "npm" };
        let quiet = ["ci", "--ignore-scripts", "--no-audit", "--no-fund", "--fetch-retries=1", "--loglevel=error"];
        run(Command::new(npm).args(quiet).current_dir(&packages))?;
        fs::write(&installed, &lock).map_err(|error| error.to_string())?;
    }
    let mut esbuild = Command::new("node");
    esbuild.arg(packages.join("node_modules/esbuild/bin/esbuild")).current_dir(sources);
    esbuild.args(SCRIPTS.map(|script| format!("js/{script}"))).args(STYLES);
    esbuild.args(["--bundle", "--minify", "--format=esm"]);
    // The notices that the packages' licences want stay, at the end of the files.
    esbuild.args([
        "--splitting",
        "--target=es2022",
        "--legal-comments=eof",
        "--log-level=error",
        "--entry-names=[name]",
    ]);
    esbuild.arg(format!("--outdir={}", out.join("assets").display()));
    run(esbuild.env("NODE_PATH", packages.join("node_modules")))
}

fn run(command: &mut Command) -> Result<(), String> {
    let program = command.get_program().to_string_lossy().into_owned();
    let output = command.output().map_err(|error| format!("{program} can't be run: {}", error.kind()))?;
    let said = String::from_utf8_lossy(&output.stderr);
    let line = said.lines().find(|line| !line.trim().is_empty()).unwrap_or_default();
    if output.status.success() { Ok(()) } else { Err(format!("{program} failed: {line}")) }
}

/// Our own sources, with none of the packages.
fn copy(sources: &Path, assets: &Path) {
    for entry in fs::read_dir(sources.join("js")).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_str().unwrap();
        match name {
            "libraries.js" | "xwing.js" => {}
            "none.js" => {
                for library in ["libraries.js", "xwing.js"] {
                    fs::copy(&path, assets.join(library)).unwrap();
                }
            }
            name => drop(fs::copy(&path, assets.join(name)).unwrap()),
        }
    }
    for style in STYLES.into_iter().chain(IMPORTED) {
        fs::copy(sources.join(style), assets.join(style)).unwrap();
    }
}

/// The table that `server/pages/assets.rs` includes; compresses on the way.
fn table(assets: &Path, bundled: bool) -> String {
    let mut files: Vec<PathBuf> = fs::read_dir(assets).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    let mut hasher = DefaultHasher::new();
    let mut entries = String::new();
    for path in files {
        let (name, bytes) = (path.file_name().unwrap().to_str().unwrap(), fs::read(&path).unwrap());
        hasher.write(name.as_bytes());
        hasher.write(&bytes);
        let kind = match path.extension().and_then(|extension| extension.to_str()) {
            Some("js") => "text/javascript; charset=utf-8",
            Some("css") => "text/css; charset=utf-8",
            Some("svg") => "image/svg+xml",
            Some("txt") => "text/plain; charset=utf-8",
            other => panic!("an asset of an unknown kind: {other:?}"),
        };
        let compressed = assets.parent().unwrap().join("compressed");
        fs::create_dir_all(&compressed).unwrap();
        let written = |extension: &str, bytes: Vec<u8>| {
            let path = compressed.join(format!("{name}.{extension}"));
            fs::write(&path, bytes).unwrap();
            path.to_str().unwrap().to_owned()
        };
        let (plain, gzip, brotli) =
            (path.to_str().unwrap(), written("gz", gzip_of(&bytes)), written("br", brotli_of(&bytes)));
        entries.push_str(&format!(
            "    Asset {{ name: {name:?}, kind: {kind:?}, plain: include_bytes!({plain:?}), gzip: include_bytes!({gzip:?}), brotli: include_bytes!({brotli:?}) }},\n"
        ));
    }
    let version = format!("{:016x}", hasher.finish());
    format!(
        "pub(super) const VERSION: &str = {version:?};\npub(crate) const BUNDLED: bool = {bundled};\nstatic ASSETS: &[Asset] = &[\n{entries}];\n"
    )
}

fn gzip_of(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

fn brotli_of(bytes: &[u8]) -> Vec<u8> {
    let mut compressed = Vec::new();
    let parameters = brotli::enc::BrotliEncoderParams::default();
    brotli::BrotliCompress(&mut &*bytes, &mut compressed, &parameters).unwrap();
    compressed
}

/// Writes the scripts and the style of the two pages that show the API, taken out of the pages that aide makes, and compressed. What a
/// page loads has a name of its own, so that its policy needs no hash and its browser reads it once.
fn viewers(out: &Path) {
    let swagger = Swagger::new(DOCUMENT).html();
    let redoc = Redoc::new(DOCUMENT).html();
    assert!(redoc.contains(REDOC_LOGO), "ReDoc's logo has moved: look for other hosts in its script");
    let write = |name: &str, text: &str| fs::write(out.join(name), gzip_of(text.as_bytes())).unwrap();
    write("swagger-ui.css.gz", &inside(&swagger, "<style>", "</style>"));
    write("swagger-ui.js.gz", &inside(&swagger, "<script>", "</script>"));
    write("redoc.js.gz", &inside(&redoc, "<script>", "</script>").replace(REDOC_LOGO, NOTHING));
}

/// What stands between the tags, wherever they come, in its order.
fn inside(html: &str, open: &str, close: &str) -> String {
    let (mut found, mut rest) = (String::new(), html);
    while let Some((_, after)) = rest.split_once(open) {
        let (text, next) = after.split_once(close).unwrap();
        found.push_str(text);
        found.push('\n');
        rest = next;
    }
    assert!(!found.is_empty(), "there is no {open} in the page");
    found
}
