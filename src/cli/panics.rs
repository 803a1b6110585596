//! Panics: mistakes of ours. Where one happened is said, and nothing of what it was about: its message can hold what was being read.

use std::{
    panic::{self, AssertUnwindSafe, Location, PanicHookInfo},
    process::ExitCode,
    thread,
};

use super::{
    arguments,
    error::{CommandError, Exit, report},
    terminal,
};

/// A mistake of ours ended the command.
#[derive(Debug, thiserror::Error)]
#[error("{}", words(.0.as_deref()))]
struct Panicked(Option<String>);

impl CommandError for Panicked {
    fn exit(&self) -> Exit {
        Exit::Other
    }
}

/// Runs the command line's main thread. One that panics is told of as an error is, and ends with a code that scripts know.
pub(super) fn caught(run: impl FnOnce() -> ExitCode) -> ExitCode {
    panic::set_hook(Box::new(tell));
    panic::catch_unwind(AssertUnwindSafe(run)).unwrap_or_else(|_| Exit::Other.code())
}

fn tell(info: &PanicHookInfo<'_>) {
    let place = info.location().map(Location::to_string);
    let thread = thread::current();
    if tracing::dispatcher::has_been_set() {
        let (place, thread) = (place.as_deref().unwrap_or("?"), thread.name().unwrap_or("?"));
        tracing::error!(place, thread, "a mistake in ots itself ended what it was doing; please report the place");
    } else if thread.name() == Some("main") {
        let arguments: Vec<_> = std::env::args_os().collect();
        report(&Panicked(place), arguments::wants_json(&arguments), false);
    } else {
        terminal::say(&format!("ots: {}", words(place.as_deref())));
    }
}

fn words(place: Option<&str>) -> String {
    format!(
        "a mistake in ots itself, at {}: please report the place, and what you did; what was being done is not done, or not whole",
        place.unwrap_or("an unknown place")
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Not a test: what the test below starts, so that its words can be read.
    #[test]
    #[ignore = "panics, for another test to see"]
    fn panics() {
        let code = caught(|| panic!("hunter2 was being read"));
        assert_eq!(code, Exit::Other.code());
        let in_another_thread = thread::spawn(|| panic!("hunter2 again"));
        assert!(in_another_thread.join().is_err());
    }

    #[test]
    fn a_panic_says_its_place_and_nothing_else() {
        let mut itself = std::process::Command::new(std::env::current_exe().unwrap());
        itself.args(["--exact", "cli::panics::tests::panics", "--ignored", "--nocapture"]);
        let output = itself.env("RUST_BACKTRACE", "full").output().unwrap();
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{said}");
        let place = format!("a mistake in ots itself, at {}:", file!());
        assert_eq!(said.matches(&place).count(), 2, "{said}");
        assert!(!said.contains("hunter2") && !said.contains("backtrace"), "{said}");
    }
}
