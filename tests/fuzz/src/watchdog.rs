//! Ends the process at an input that does not end.

use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::thread;
use std::time::{Duration, Instant};

use rustix::time::{ClockId, clock_gettime};

/// Of this process' computing time: an input takes milliseconds, and one with the most prompts of a sweep 30 seconds. A machine
/// that does much else takes no part of it.
const PATIENCE: Duration = Duration::from_secs(90);

/// Of the clock on the wall, for an input that waits.
const PATIENCE_WITH_WAITING: Duration = Duration::from_mins(30);

/// How often the watchdog looks.
const LOOK: Duration = Duration::from_secs(5);

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
        let (begin, computed) = (Instant::now(), computing_time());
        while heard.recv_timeout(LOOK) == Err(RecvTimeoutError::Timeout) {
            let computed = computing_time().saturating_sub(computed);
            if computed > PATIENCE || begin.elapsed() > PATIENCE_WITH_WAITING {
                eprintln!("no end after {} s of computing: {found}", computed.as_secs());
                std::process::abort();
            }
        }
    }
}

/// Of this process, so far.
fn computing_time() -> Duration {
    let time = clock_gettime(ClockId::ProcessCPUTime);
    Duration::new(time.tv_sec.try_into().unwrap_or(0), time.tv_nsec.try_into().unwrap_or(0))
}
