//! The process that started this one.

use std::io;

use tokio::sync::oneshot;

/// Waits until standard input closes: the parent process has gone, or wants no more of this one.
///
/// A read of standard input cannot be interrupted, so it has a thread of its own that nobody waits for.
pub async fn stdin_closes() {
    let (closed, notified) = oneshot::channel();
    std::thread::spawn(move || {
        let _ = io::copy(&mut io::stdin(), &mut io::sink());
        let _ = closed.send(());
    });
    let _ = notified.await;
}
