//! Group commits: entries are written in the order in which they were appended, many at a time.

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc, watch};
use tokio::time::{Instant, sleep, sleep_until};

use super::sealed::Sealed;
use super::{Entry, StateError, Store};
use crate::telemetry;

/// Commits are at least this far apart, so that entries gather; an entry waits no longer than this for its turn.
const PAUSE: Duration = Duration::from_millis(20);

/// How long to wait after a failed commit.
const RETRY: Duration = Duration::from_secs(1);

/// Entries that may wait.
const MOST_ENTRIES: usize = 8192;

/// Bytes that entries which wait may hold; a larger one waits alone.
pub(super) const MOST_BYTES: usize = 12 << 20;

/// A commit of this many bytes does not wait for more.
const FULL_COMMIT_BYTES: usize = 4 << 20;

/// What the budget of bytes is counted in.
const UNIT: usize = 256;

/// Appends entries. There is one per store; it gives each entry the next number, from 1.
#[derive(Debug)]
pub struct Journal {
    entries: mpsc::Sender<Waiting>,
    budget: Arc<Semaphore>,
    last: u64,
    committed: watch::Receiver<u64>,
    state: watch::Receiver<CommitterState>,
}

/// Whether entries get to the disk.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CommitterState {
    /// As of the last commit.
    Working,
    /// Not now. Nothing is lost: the entries are kept and tried again every second.
    Stalled {
        /// Why.
        reason: String,
        /// Since the first try that failed.
        since: Instant,
    },
}

/// The task that commits has ended, which it does only when its journal has or its runtime is shut down.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the journal is closed")]
pub struct JournalClosed;

#[derive(Debug)]
struct Waiting {
    entry: Sealed,
    /// Its share of the budget until it is on disk.
    share: OwnedSemaphorePermit,
}

impl Journal {
    /// Commits on a thread of its own.
    pub fn start(store: Store) -> Result<Self, StateError> {
        let (journal, committer) = Self::inline(store);
        let runtime =
            tokio::runtime::Builder::new_current_thread().enable_time().build().map_err(StateError::Thread)?;
        let thread = std::thread::Builder::new().name("committer".to_owned());
        thread.spawn(move || runtime.block_on(committer)).map_err(StateError::Thread)?;
        Ok(journal)
    }

    /// Commits inside the returned future, which the caller spawns: for simulations, where threads would make a difference.
    /// It ends when the journal is gone and everything is committed.
    pub fn inline(store: Store) -> (Self, impl Future<Output = ()> + Send + use<>) {
        let (entries, waiting) = mpsc::channel(MOST_ENTRIES);
        let (tell_committed, committed) = watch::channel(0);
        let (tell_state, state) = watch::channel(CommitterState::Working);
        let budget = Arc::new(Semaphore::new(MOST_BYTES / UNIT));
        let task = Committer { store, waiting, committed: tell_committed, state: tell_state };
        (Self { entries, budget, last: 0, committed, state }, task.run())
    }

    /// Queues an entry and returns its number; waits while too many others do. An entry is queued or not, also when the
    /// wait is given up.
    pub async fn append(&mut self, entry: Entry) -> Result<u64, JournalClosed> {
        let entry = Sealed::from(entry);
        let units = entry.bytes().div_ceil(UNIT).min(MOST_BYTES / UNIT);
        let units = u32::try_from(units).map_err(|_| JournalClosed)?;
        let place = self.entries.reserve().await.map_err(|_| JournalClosed)?;
        let share = self.budget.clone().acquire_many_owned(units).await.map_err(|_| JournalClosed)?;
        place.send(Waiting { entry, share });
        self.last += 1;
        Ok(self.last)
    }

    /// Bytes of the entries that are not on disk yet; of one that is larger than all that may wait, only so many.
    #[must_use]
    pub fn waiting_bytes(&self) -> usize {
        MOST_BYTES - self.budget.available_permits() * UNIT
    }

    /// The number of the last entry that was appended.
    #[must_use]
    pub fn last(&self) -> u64 {
        self.last
    }

    /// The number up to which all entries are on disk.
    #[must_use]
    pub fn committed(&self) -> watch::Receiver<u64> {
        self.committed.clone()
    }

    /// Whether entries get to the disk.
    #[must_use]
    pub fn state(&self) -> watch::Receiver<CommitterState> {
        self.state.clone()
    }

    /// Waits until everything is committed and the committer has let go of the store. While the disk is full that is
    /// forever: bound it.
    pub async fn close(self) {
        let Self { entries, mut committed, .. } = self;
        drop(entries);
        while committed.changed().await.is_ok() {}
    }
}

struct Committer {
    store: Store,
    waiting: mpsc::Receiver<Waiting>,
    committed: watch::Sender<u64>,
    state: watch::Sender<CommitterState>,
}

impl Committer {
    async fn run(mut self) {
        let mut last = 0;
        let mut next_commit = Instant::now();
        // Memory has no disk to spare.
        let pause = if self.store.is_durable() { PAUSE } else { Duration::ZERO };
        while let Some(first) = self.waiting.recv().await {
            let (entries, shares) = self.gather(first, next_commit).await;
            next_commit = Instant::now() + pause;
            self.commit(&entries).await;
            drop(shares);
            last += entries.len() as u64;
            self.committed.send_replace(last);
            if entries.iter().any(|entry| matches!(entry, Sealed::Removed { is_idle: true, .. })) {
                drop(entries);
                self.shrink();
            }
        }
        // A reader that waits for the end of `committed` may open the same files then.
        let Self { store, committed, .. } = self;
        drop(store);
        drop(committed);
    }

    /// What waits, and what comes until the next commit is due.
    async fn gather(&mut self, first: Waiting, next_commit: Instant) -> (Vec<Sealed>, Vec<OwnedSemaphorePermit>) {
        let due = sleep_until(next_commit);
        tokio::pin!(due);
        let mut bytes = first.entry.bytes();
        let (mut entries, mut shares) = (vec![first.entry], vec![first.share]);
        while bytes < FULL_COMMIT_BYTES {
            let next = tokio::select! {
                biased;
                next = self.waiting.recv() => next,
                () = &mut due => None,
            };
            let Some(Waiting { entry, share }) = next else { break };
            bytes += entry.bytes();
            entries.push(entry);
            shares.push(share);
        }
        (entries, shares)
    }

    /// Makes the file smaller, if nobody reads it now; else it is made smaller when it is opened the next time.
    fn shrink(&self) {
        let (before, began) = (self.store.bytes(), Instant::now());
        match self.store.shrink() {
            Ok(()) => {
                let (after, seconds) = (self.store.bytes(), began.elapsed().as_secs_f64());
                tracing::info!(before, after, seconds, "state gives back the room of removed sweeps");
                telemetry::STATE_BYTES.set(&[], after);
            }
            Err(error) => {
                let reason = patchsweep_core::error_chain(&error);
                tracing::info!(reason, "state keeps the room of removed sweeps until the next start");
            }
        }
    }

    /// Tries until it succeeds.
    async fn commit(&self, entries: &[Sealed]) {
        let mut began = Instant::now();
        while let Err(error) = self.store.write_sealed(entries) {
            let reason = patchsweep_core::error_chain(&error);
            self.stall(reason);
            sleep(RETRY).await;
            began = Instant::now();
        }
        telemetry::COMMIT_DURATION.observe(&[], began.elapsed());
        telemetry::COMMITTED_ENTRIES.add(&[], entries.len() as u64);
        telemetry::STATE_BYTES.set(&[], self.store.bytes());
        self.state.send_if_modified(|state| {
            let stalled = *state != CommitterState::Working;
            if stalled {
                tracing::info!("state is written again");
            }
            *state = CommitterState::Working;
            stalled
        });
    }

    fn stall(&self, reason: String) {
        self.state.send_if_modified(|state| {
            let since = match state {
                CommitterState::Stalled { reason: known, .. } if *known == reason => return false,
                CommitterState::Stalled { since, .. } => *since,
                CommitterState::Working => Instant::now(),
            };
            tracing::error!(reason, "state cannot be written; results are kept in memory and tried again every second");
            *state = CommitterState::Stalled { reason, since };
            true
        });
    }
}
