//! Ends the process at an input that does not end.

use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::thread;
use std::time::Duration;

/// Long enough for a machine that does much else; an input takes milliseconds, and one with the most prompts of a sweep 10
/// seconds.
const PATIENCE: Duration = Duration::from_secs(90);

/// Watches one input after the other.
pub(crate) struct Watchdog {
    moves: SyncSender<()>,
}

impl Watchdog {
    /// `found`: what to say when an input does not end.
    pub(crate) fn new(found: String) -> Self {
        let (moves, heard) = sync_channel(0);
        thread::spawn(move || watch(&heard, &found));
        Self { moves }
    }

    /// Runs something that has to end.
    pub(crate) fn watch<T>(&self, work: impl FnOnce() -> T) -> T {
        self.moves.send(()).expect("the watchdog lives as long as this");
        let done = work();
        self.moves.send(()).expect("the watchdog lives as long as this");
        done
    }
}

fn watch(heard: &Receiver<()>, found: &str) {
    while heard.recv().is_ok() {
        if heard.recv_timeout(PATIENCE) == Err(RecvTimeoutError::Timeout) {
            eprintln!("no end after {} s: {found}", PATIENCE.as_secs());
            std::process::abort();
        }
    }
}
