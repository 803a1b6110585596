//! How far a transfer is, for a person who waits.

use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use crate::cli::Global;

/// What takes less long shows no progress.
const PATIENCE: Duration = Duration::from_millis(500);

/// A progress bar that appears when something takes long and a person looks at stderr.
#[derive(Clone)]
pub(in crate::cli) struct Progress {
    bar: ProgressBar,
    shown_at: Option<Instant>,
}

impl Progress {
    pub(in crate::cli) fn new(global: &Global, doing: &'static str, total: u64) -> Self {
        let bar = ProgressBar::with_draw_target(Some(total), ProgressDrawTarget::hidden());
        let template = "{msg} [{bar:28}] {binary_bytes}/{binary_total_bytes} {binary_bytes_per_sec} {eta}";
        if let Ok(style) = ProgressStyle::with_template(template) {
            bar.set_style(style);
        }
        bar.set_message(doing);
        let dumb = std::env::var_os("TERM").is_some_and(|term| term == "dumb");
        Self { bar, shown_at: (global.chatty() && !dumb).then(|| Instant::now() + PATIENCE) }
    }

    /// So many bytes have passed.
    pub(in crate::cli) fn at(&self, bytes: u64) {
        if self.shown_at.is_some_and(|at| Instant::now() >= at) && self.bar.is_hidden() {
            self.bar.set_draw_target(ProgressDrawTarget::stderr());
        }
        self.bar.set_position(bytes);
    }
}

/// Leaves no trace, whatever ends the transfer.
impl Drop for Progress {
    fn drop(&mut self) {
        self.bar.finish_and_clear();
    }
}
