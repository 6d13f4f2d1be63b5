//! SIGTERM and SIGINT: the first asks to end in order, the second ends at once.

use std::fmt;
use std::io;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use signal_hook::consts::{SIGINT, SIGTERM};
use signal_hook::flag;
use tokio::signal::unix::{Signal, SignalKind, signal};

/// Exit codes of the second signal: 128 and its number, as shells say it.
const CODES: [(i32, i32); 2] = [(SIGTERM, 143), (SIGINT, 130)];

/// The signals that ask a process to end.
#[derive(Debug)]
pub struct Signals {
    terminate: Signal,
    interrupt: Signal,
}

/// Which signal came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Asked {
    /// SIGTERM.
    Terminate,
    /// SIGINT: Ctrl-C in a terminal, which all processes of the terminal get.
    Interrupt,
}

impl Signals {
    /// From now on. The second signal ends the process in the signal handler, without any of the usual clearing up:
    /// libtorch must not be taken apart while it computes, and a full disk must not hold a coordinator.
    pub fn listen() -> io::Result<Self> {
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

    /// The next one. Cancel-safe.
    pub async fn next(&mut self) -> Asked {
        tokio::select! {
            biased;
            _ = self.terminate.recv() => Asked::Terminate,
            _ = self.interrupt.recv() => Asked::Interrupt,
        }
    }
}

impl fmt::Display for Asked {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Terminate => "SIGTERM",
            Self::Interrupt => "SIGINT",
        })
    }
}
