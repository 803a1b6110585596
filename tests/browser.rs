//! The pages in real browsers: headless Chromium, driven by Node and playwright-core (`tests/browser/`), and Firefox, driven by
//! puppeteer-core. Needs `chromium`, `firefox`, `node` and `npm`; without them the tests say so and pass, and with `CI` set they fail.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stdout,
    clippy::print_stderr
)]

#[allow(dead_code, unreachable_pub, reason = "the tests of the browser use a part of what those in `it` share")]
#[path = "it/common/mod.rs"]
mod common;

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
    sync::OnceLock,
};

use common::{OTS, Server, directory};

const SOURCES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/browser");

/// Where the npm packages are, and the browsers.
struct Tools {
    packages: PathBuf,
    chromium: String,
    firefox: Option<String>,
}

/// What the tests need, installed once for each lock file.
fn tools() -> Option<&'static Tools> {
    static TOOLS: OnceLock<Result<Tools, String>> = OnceLock::new();
    match TOOLS.get_or_init(find_tools) {
        Ok(tools) => Some(tools),
        Err(missing) => {
            assert!(std::env::var_os("CI").is_none(), "{missing}");
            eprintln!("skipped: {missing}");
            None
        }
    }
}

fn find_tools() -> Result<Tools, String> {
    let chromium =
        located(&["chromium", "chromium-browser", "google-chrome"]).ok_or("the pages' tests need chromium")?;
    if !runs("node") || !runs("npm") {
        return Err("the pages' tests need node and npm".to_owned());
    }
    let packages = target().join("browser-tests");
    fs::create_dir_all(&packages).unwrap();
    let lock = fs::read(Path::new(SOURCES).join("package-lock.json")).unwrap();
    let installed = packages.join("installed");
    if fs::read(&installed).ok().as_ref() != Some(&lock) {
        for name in ["package.json", "package-lock.json"] {
            fs::copy(Path::new(SOURCES).join(name), packages.join(name)).unwrap();
        }
        let quiet = ["ci", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error"];
        let output = Command::new("npm").args(quiet).current_dir(&packages).output().unwrap();
        if !output.status.success() {
            return Err(format!("npm can't install: {}", String::from_utf8_lossy(&output.stderr)));
        }
        fs::write(&installed, &lock).unwrap();
    }
    Ok(Tools { packages, chromium, firefox: located(&["firefox-esr", "firefox"]) })
}

fn runs(program: &str) -> bool {
    Command::new(program).arg("--version").output().is_ok_and(|output| output.status.success())
}

/// The path of the first of these commands that there is.
fn located(names: &[&str]) -> Option<String> {
    let name = names.iter().find(|name| runs(name))?;
    let path = Command::new("sh").args(["-c", &format!("command -v {name}")]).output().unwrap().stdout;
    Some(String::from_utf8(path).unwrap().trim().to_owned())
}

/// The build's `target` folder.
fn target() -> PathBuf {
    Path::new(OTS).ancestors().nth(2).unwrap().to_owned()
}

fn run(scenario: &str) {
    run_over(scenario, &[], &[]);
}

/// Runs a scenario, which has these variables, over a server with these options.
fn run_over(scenario: &str, options: &[&str], variables: &[(&str, &str)]) {
    let Some(tools) = tools() else { return };
    if scenario.starts_with("firefox_") && tools.firefox.is_none() {
        assert!(std::env::var_os("CI").is_none(), "{scenario} needs firefox-esr or firefox");
        return eprintln!("skipped: {scenario} needs firefox-esr or firefox");
    }
    let data = directory();
    let server = Server::start(data.path(), options);
    let mut node = Command::new("node");
    node.arg(Path::new(SOURCES).join("scenarios.mjs")).arg(scenario);
    node.env("OTS_SERVER", &server.url).env("OTS_BINARY", OTS).env("OTS_PACKAGES", &tools.packages);
    node.env("OTS_FIREFOX", tools.firefox.as_deref().unwrap_or_default());
    node.env("OTS_CHROMIUM", &tools.chromium).env("OTS_SCREENSHOTS", target().join("screenshots"));
    let pictures = std::env::var_os("OTS_PICTURES").map(|folder| Path::new(env!("CARGO_MANIFEST_DIR")).join(folder));
    node.env("OTS_PICTURES", pictures.unwrap_or_else(|| target().join("screenshots")));
    node.env("OTS_VECTORS", concat!(env!("CARGO_MANIFEST_DIR"), "/tests/vectors"));
    node.env("OTS_SOURCES", concat!(env!("CARGO_MANIFEST_DIR"), "/src/web/js"));
    let output = node.envs(variables.iter().copied()).output().unwrap();
    println!("{}", String::from_utf8_lossy(&output.stdout));
    assert!(output.status.success(), "{scenario}: {}\n{}", String::from_utf8_lossy(&output.stderr), server.log());
}

/// What an operator has the pages say, in colours that nobody could read as they are.
#[test]
fn the_pages_have_their_operators_face() {
    let files = directory();
    let logo = files.path().join("logo.svg");
    let circle = "<svg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 40 40'><script>document.title = 'x'</script><circle cx='20' cy='20' r='18' fill='teal'/></svg>";
    fs::write(&logo, circle).unwrap();
    let logo = format!("--logo={}", logo.display());
    let said = ["--title=Acmé <b>Secrets</b>", "--notice=Staff only. Down on Sunday from 6 to 7 for upkeep.", &logo];
    let law = [
        "--contact=it@example.org",
        "--imprint-url=https://example.org/imprint",
        "--privacy-url=https://example.org/privacy",
    ];
    run_over("the_pages_have_their_operators_face", &[&said[..], &law, &["--accent=#ffe94d"]].concat(), &[]);
}

/// A server that takes secrets only with a key, which the scenario has.
fn run_with_key(scenario: &str) {
    let files = directory();
    let list = files.path().join("keys");
    let made = common::ots().args(["keygen", "page", "--file"]).arg(&list).output().unwrap();
    let (key, list) = (String::from_utf8(made.stdout).unwrap(), list.display().to_string());
    run_over(scenario, &["--create-keys", &list], &[("OTS_CREATE_KEY", key.trim())]);
}

#[test]
fn the_page_asks_for_the_key_and_keeps_it_in_the_tab() {
    run_with_key("the_page_asks_for_the_key_and_keeps_it_in_the_tab");
}

#[test]
fn the_key_is_asked_for_without_javascript() {
    run_with_key("the_key_is_asked_for_without_javascript");
}

#[test]
fn where_nobody_creates_the_page_says_so() {
    run_over("where_nobody_creates_the_page_says_so", &["--no-create"], &[]);
}

#[test]
fn answering_takes_no_key() {
    run_with_key("answering_takes_no_key");
}

#[test]
fn where_nobody_creates_nothing_is_answered() {
    run_over("where_nobody_creates_nothing_is_answered", &["--no-create"], &[]);
}

#[test]
fn asking_takes_the_key_where_there_is_one() {
    run_with_key("asking_takes_the_key_where_there_is_one");
}

#[test]
fn where_nobody_creates_nothing_is_asked() {
    run_over("where_nobody_creates_nothing_is_asked", &["--no-create"], &[]);
    run_over("where_nobody_creates_nothing_is_asked", &["--no-create-page"], &[]);
}

#[test]
fn the_page_asks_and_collects() {
    run_over("the_page_asks_and_collects", &["--max-size", "2MiB"], &[]);
}

/// Text, bytes, and a mebibyte, which is more when it is sealed.
#[test]
fn the_page_answers_a_request() {
    run_over("the_page_answers_a_request", &["--max-size", "2MiB"], &[]);
}

macro_rules! scenarios {
    ($($(#[$about:meta])* $name:ident)*) => {
        $($(#[$about])* #[test] fn $name() { run(stringify!($name)); })*
    };
}

scenarios! {
    every_way_between_command_and_page
    every_way_without_the_browsers_cipher
    /// Promise 1, and promise 2: claimed in this tab, asked for again by it, and by nobody else.
    a_reload_in_the_middle
    offline_in_the_middle_then_again
    leaving_a_secret_that_nobody_has_yet_is_asked_about
    a_double_click
    /// Promise 1.
    two_tabs_racing
    a_wrong_passphrase_and_a_wrong_key_cost_nothing
    ten_wrong_passphrases_burn_it
    without_javascript
    plain_http_elsewhere_does_it_all_and_says_that_it_is_not_safe
    a_build_without_npm
    the_keyboard_is_enough
    the_senders_page
    a_generated_secret
    what_is_generated_takes_its_own_place
    words_that_can_not_be_fetched
    the_page_generates_as_the_command_does
    what_is_destroyed_is_saved_and_nothing_is_asked
    when_the_lease_is_out_the_page_says_that_it_has_the_only_copy
    a_copy_that_fails_is_said
    a_dead_link_is_not_offered
    what_goes_with_the_link_is_said
    times_and_sizes_are_said_as_people_say_them
    /// axe-core on every state, light and dark, and screenshots of each in `target/screenshots/`.
    every_state_looks_right
    the_vectors_pass
    requests_are_answered_and_opened_in_a_browser
    a_name_is_cleaned_as_the_command_does_it
    a_passphrase_is_the_same_however_it_is_typed
    white_space_at_a_passphrases_edge_is_told_of
    the_browsers_history_keeps_the_key_and_no_passphrase
    without_its_script_a_page_sends_nothing_and_says_so
    a_late_script_finds_what_was_typed
    without_its_style_a_page_shows_one_view
    a_passphrase_is_stretched_beside_the_page_or_on_it
    offline_before_and_while_sharing
    offline_before_acknowledging
    a_reload_offline_is_asked_again
    what_the_server_refuses_can_be_typed_anew
    where_the_browser_keeps_nothing
    a_passphrase_that_can_not_be_one_is_sent_nowhere
    a_link_with_signs_around_it_opens
    what_is_no_link_gets_a_page_in_words
    an_escaped_mark_becomes_one_and_the_page_says_what_that_means
    a_key_that_comes_apart_is_asked_for
    a_marked_link_is_never_taken_for_a_plain_one
    link_and_key_are_given_apart
    leaving_a_link_that_nobody_has_is_asked_about
    the_link_is_the_pages_own_where_the_server_has_no_name
    the_pages_say_what_they_are_and_whose
    drops_are_taken_anywhere_and_answered_in_words
    files_that_can_not_be_shared_say_why
    saving_asks_whether_it_arrived
    a_secret_moves_to_another_browser_while_it_is_kept
    where_nothing_can_be_saved_there_are_other_ways
    the_apis_pages_work_with_no_other_host
    the_reveal_page_is_light_and_paints_at_once
    /// By its code, with a script and without, in a language that isn't the API's.
    what_the_server_refuses_is_said_in_the_pages_language
    dates_are_the_readers_own
    the_language_is_chosen_and_the_key_stays
    the_theme_is_chosen_and_kept
    a_time_of_ones_own
    a_passphrase_is_shown_and_hidden_again
    /// Each language, on a narrow screen and in the dark too.
    every_language_fits
    /// `OTS_PICTURES=docs/pictures` renews those that the README shows.
    the_readmes_pictures
    a_receipts_page_keeps_itself_up_to_date
    a_receipt_is_asked_for_less_and_less_often
    a_receipts_button_destroys_what_is_unread
    a_receipt_outlasts_a_server_that_is_away
    the_page_that_shares_shows_what_becomes_of_it
    a_server_without_receipts_is_asked_as_before
    several_receipts_are_shown_together
    a_receipts_page_needs_no_script
    receipts_fit_in_every_language
    the_keyboard_is_enough_to_answer
    a_changed_request_is_found_out_before_anything_is_typed
    /// One of them, and the other is told.
    of_two_who_answer_one_is_told_that_it_was_late
    an_answer_that_may_have_arrived_is_called_so
    what_can_not_be_answered_says_why
    without_its_script_or_ciphers_the_page_says_how_to_answer
    answering_fits_in_every_language
    a_passphrase_of_ones_own_is_asked_for_and_a_wrong_one_costs_nothing
    a_request_is_taken_back_or_ends
    a_changed_answer_or_link_is_found_out
    a_broken_connection_costs_no_answer
    leaving_a_request_that_nobody_kept_is_asked_about
    leaving_an_answer_that_nobody_has_yet_is_asked_about
    the_keyboard_is_enough_to_ask
    without_its_script_or_ciphers_the_page_says_how_to_ask
    requests_fit_in_every_language
    firefox_shares_reveals_and_forgets
    firefox_asks_answers_and_collects
    firefox_keeps_the_key_when_the_language_changes
}
