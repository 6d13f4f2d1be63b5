//! The journal as the owning task uses it.

use tokio::sync::watch;

use super::offload::Offload;
use crate::state::{self, CommitterState, Entry, JournalClosed, StateError, Store};

/// Takes entries without waiting; they go to the committer when the task has a moment. It holds no store: the owning task
/// cannot read what is kept, and so never waits for a disk.
#[derive(Debug)]
pub(super) struct Journal {
    log: state::Journal,
    /// Not with the committer yet.
    batch: Vec<Entry>,
    committed: watch::Receiver<u64>,
    state: watch::Receiver<CommitterState>,
}

impl Journal {
    pub(super) fn start(store: Store, offload: Offload) -> Result<Self, StateError> {
        let log = match offload {
            Offload::Threads => state::Journal::start(store)?,
            Offload::Inline => {
                let (log, committer) = state::Journal::inline(store);
                tokio::spawn(committer);
                log
            }
        };
        let (committed, state) = (log.committed(), log.state());
        Ok(Self { log, batch: Vec::new(), committed, state })
    }

    /// Adds an entry behind all others.
    pub(super) fn write(&mut self, entry: Entry) {
        self.batch.push(entry);
    }

    /// Hands what was written to the committer; waits only while very much waits there already.
    pub(super) async fn flush(&mut self) -> Result<(), JournalClosed> {
        for entry in self.batch.drain(..) {
            self.log.append(entry).await?;
        }
        Ok(())
    }

    /// How many entries were written.
    pub(super) fn written(&self) -> u64 {
        self.log.last() + self.batch.len() as u64
    }

    /// How many of them are on disk.
    pub(super) fn committed(&self) -> u64 {
        *self.committed.borrow()
    }

    /// Waits until more are on disk. Cancel-safe.
    pub(super) async fn progress(&mut self) -> Result<(), JournalClosed> {
        self.committed.changed().await.map_err(|_| JournalClosed)
    }

    /// Why nothing can be written now, if so.
    pub(super) fn stalled(&self) -> Option<String> {
        match &*self.state.borrow() {
            CommitterState::Working => None,
            CommitterState::Stalled { reason, .. } => Some(reason.clone()),
        }
    }

    /// Bytes of entries that are not on disk yet.
    pub(super) fn waiting_bytes(&self) -> usize {
        self.log.waiting_bytes()
    }

    /// Waits until everything is on disk and lets go of the files.
    pub(super) async fn close(self) {
        self.log.close().await;
    }
}
