//! SIGTERM and SIGINT: the first asks to end in order, the second ends at once.

use std::io;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use signal_hook::consts::{SIGINT, SIGTERM};
use signal_hook::flag;
use tokio::signal::unix::{Signal, SignalKind, signal};

/// Exit codes of the second signal: 128 and its number, as shells say it.
const CODES: [(i32, i32); 2] = [(SIGTERM, 143), (SIGINT, 130)];

/// The signals of a process that serves.
#[derive(Debug)]
pub(super) struct Signals {
    terminate: Signal,
    interrupt: Signal,
}

impl Signals {
    /// From now on.
    pub(super) fn listen() -> io::Result<Self> {
        let signals = Self { terminate: signal(SignalKind::terminate())?, interrupt: signal(SignalKind::interrupt())? };
        let asked = Arc::new(AtomicBool::new(false));
        for (signal, code) in CODES {
            flag::register_conditional_shutdown(signal, code, Arc::clone(&asked))?;
        }
        for (signal, _) in CODES {
            flag::register(signal, Arc::clone(&asked))?;
        }
        Ok(signals)
    }

    /// Completes at the first one.
    pub(super) async fn asked_to_stop(mut self) {
        tokio::select! {
            _ = self.terminate.recv() => {}
            _ = self.interrupt.recv() => {}
        }
    }
}
