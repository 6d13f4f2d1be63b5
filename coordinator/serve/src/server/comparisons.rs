//! Scores that came a second time, held against those that are kept. That reads the disk, so a task of its own does it.

use patchsweep_core::error_chain;
use patchsweep_core::ids::Lease;
use patchsweep_core::scores::TileScores;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tracing::Span;

use super::offload::Offload;
use crate::merge::compare::{Apart, Tolerances, furthest};
use crate::state::{StateError, Store};

/// Comparisons that may wait; promises behind one that finds no room wait with it.
const MOST_WAITING: usize = 64;

/// Second scores of a tile.
#[derive(Debug)]
pub(super) struct Comparison {
    /// Who computed them.
    pub(super) worker: String,
    /// Of their lease.
    pub(super) span: Span,
    /// Under which they came.
    pub(super) lease: Lease,
    /// The scores.
    pub(super) scores: Box<TileScores>,
    /// How far they may be from the first ones.
    pub(super) tolerances: Tolerances,
}

/// Compares one pair of scores after the other.
#[derive(Debug)]
pub(super) struct Comparisons {
    queue: mpsc::Sender<Comparison>,
    task: JoinHandle<()>,
}

impl Comparisons {
    pub(super) fn start(store: Store, offload: Offload) -> Self {
        let (queue, mut waiting) = mpsc::channel::<Comparison>(MOST_WAITING);
        let task = tokio::spawn(async move {
            while let Some(comparison) = waiting.recv().await {
                let store = store.clone();
                let read = offload.run("comparing", move || (comparison.apart(&store), comparison)).await;
                if let Ok((apart, comparison)) = read {
                    comparison.report(apart);
                }
            }
        });
        Self { queue, task }
    }

    /// Whether one more may wait.
    pub(super) fn has_room(&self) -> bool {
        self.queue.capacity() > 0
    }

    /// Takes one more, if there is room.
    pub(super) fn add(&self, comparison: Comparison) {
        if self.queue.try_send(comparison).is_err() {
            tracing::warn!("a tile's second scores are not compared with its first ones");
        }
    }

    /// Waits until those that wait are done.
    pub(super) async fn close(self) {
        drop(self.queue);
        let _ = self.task.await;
    }
}

impl Comparison {
    /// Warns if the scores differ by more than rounding.
    fn report(&self, apart: Result<Option<(Apart, String)>, StateError>) {
        let _entered = self.span.enter();
        match apart {
            Ok(Some((apart, first))) if apart.is_too_far() => {
                let (second, Apart { difference, tolerance }) = (&self.worker, apart);
                tracing::warn!(difference, tolerance, first, second, "two workers disagree on a tile's scores");
            }
            Ok(_) => {}
            Err(error) => tracing::warn!(error = error_chain(&error), "cannot compare results"),
        }
    }

    /// From the kept scores of the same tile, and who computed those.
    fn apart(&self, store: &Store) -> Result<Option<(Apart, String)>, StateError> {
        let kept = store.result(&self.lease.sweep, self.lease.tile)?;
        Ok(kept.map(|kept| (furthest(&self.tolerances, &kept.completed.scores, &self.scores), kept.worker)))
    }
}
