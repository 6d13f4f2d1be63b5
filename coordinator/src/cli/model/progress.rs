//! How files of a model come, on stderr: a bar on a terminal, plain lines elsewhere.

use std::io::{IsTerminal, stderr};
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressStyle};
use patchsweep_hub::Listener;
use patchsweep_process::talk;

use crate::cli::quantities::bytes;

/// Between two plain lines about one file.
const LINE_EVERY: Duration = Duration::from_secs(30);

/// Shows one file after the other.
pub(super) struct Transfers {
    is_terminal: bool,
    /// Of the file in hand.
    bar: Option<ProgressBar>,
    name: String,
    size: u64,
    printed: Instant,
}

impl Transfers {
    pub(super) fn new() -> Self {
        let is_terminal = stderr().is_terminal();
        Self { is_terminal, bar: None, name: String::new(), size: 0, printed: Instant::now() }
    }
}

fn bar(file: &str, size: u64, have: u64) -> ProgressBar {
    let bar = ProgressBar::new(size).with_position(have).with_message(file.to_owned());
    let style = "{bar:32} {percent:>3}%  {msg}  {binary_bytes}/{binary_total_bytes}  {binary_bytes_per_sec}";
    if let Ok(style) = ProgressStyle::with_template(style) {
        bar.set_style(style);
    }
    bar.reset_eta();
    bar
}

impl Listener for Transfers {
    fn begins(&mut self, file: &str, size: u64, have: u64) {
        self.ends();
        (self.name, self.size, self.printed) = (file.to_owned(), size, Instant::now());
        if self.is_terminal {
            self.bar = Some(bar(file, size, have));
        } else if have > 0 {
            talk!("fetching {file}, {}, going on at {}", bytes(size), bytes(have));
        } else {
            talk!("fetching {file}, {}", bytes(size));
        }
    }

    fn has(&mut self, came: u64) {
        if let Some(bar) = &self.bar {
            bar.set_position(came);
        } else if self.printed.elapsed() >= LINE_EVERY {
            self.printed = Instant::now();
            talk!("fetching {}, {} of {}", self.name, bytes(came), bytes(self.size));
        }
    }

    fn ends(&mut self) {
        if let Some(bar) = self.bar.take() {
            bar.finish_and_clear();
        }
    }

    fn waits(&mut self, file: &str) {
        talk!("waiting for another process that fetches {file}");
    }

    /// Signals end the command by themselves.
    fn is_cancelled(&self) -> bool {
        false
    }
}

impl Drop for Transfers {
    /// What ended it is printed on a line of its own.
    fn drop(&mut self) {
        self.ends();
    }
}
