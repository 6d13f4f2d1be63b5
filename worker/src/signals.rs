//! When a worker is asked to leave.

use std::future::pending;
use std::io;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use signal_hook::consts::{SIGINT, SIGTERM};
use signal_hook::flag;
use tokio::signal::unix::{Signal, SignalKind, signal};

/// Exit codes of a second signal, as shells count them.
const CODES: [(i32, i32); 2] = [(SIGTERM, 143), (SIGINT, 130)];

/// SIGTERM and SIGINT: the first asks to leave, the second ends the process at once.
pub(crate) struct Signals {
    terminate: Signal,
    interrupt: Signal,
}

impl Signals {
    /// From now on. The second signal ends the process in the signal handler, without any of the usual clearing up: libtorch
    /// must not be taken apart while it computes.
    pub(crate) fn listen() -> io::Result<Self> {
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

    /// How long the tile in hand may take, when the worker has been asked to leave: `grace` after a signal. With
    /// `until_stdin_closes` the end of standard input means that the parent process has gone, or wants no more of it; and
    /// a terminal's SIGINT goes to the parent as well, which then decides.
    pub(crate) async fn asked_to_leave(mut self, grace: Duration, until_stdin_closes: bool) -> Duration {
        let stdin_closed = async {
            if until_stdin_closes {
                stdin_closes().await;
            } else {
                pending::<()>().await;
            }
        };
        tokio::select! {
            biased;
            _ = self.terminate.recv() => tracing::info!("SIGTERM: leaving; a second signal ends at once"),
            _ = self.interrupt.recv(), if !until_stdin_closes => tracing::info!("SIGINT: leaving; a second signal ends at once"),
            () = stdin_closed => return Duration::ZERO,
        }
        grace
    }
}

/// A read of standard input cannot be interrupted, so it has a thread of its own that nobody waits for.
async fn stdin_closes() {
    let (closed, notified) = tokio::sync::oneshot::channel();
    std::thread::spawn(move || {
        let _ = std::io::copy(&mut std::io::stdin(), &mut std::io::sink());
        let _ = closed.send(());
    });
    let _ = notified.await;
}
