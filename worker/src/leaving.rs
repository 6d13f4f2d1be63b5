//! When a worker is asked to leave.

use std::future::pending;
use std::time::Duration;

use patchsweep_process::parent;
use patchsweep_process::signals::{Asked, Signals};

/// How long the tile in hand may take, when the worker has been asked to leave: `grace` after a signal. With
/// `until_stdin_closes` the end of standard input means that the parent process has gone, or wants no more of it; and
/// a terminal's SIGINT goes to the parent as well, which then decides.
pub(crate) async fn asked_to_leave(mut signals: Signals, grace: Duration, until_stdin_closes: bool) -> Duration {
    let signalled = async {
        loop {
            match signals.next().await {
                Asked::Interrupt if until_stdin_closes => {}
                signal => return signal,
            }
        }
    };
    let stdin_closed = async {
        if until_stdin_closes {
            parent::stdin_closes().await;
        } else {
            pending::<()>().await;
        }
    };
    tokio::select! {
        biased;
        signal = signalled => {
            tracing::info!("{signal}: leaving; a second signal ends at once");
            grace
        }
        () = stdin_closed => Duration::ZERO,
    }
}
