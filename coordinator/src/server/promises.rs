//! What is said to the outside only once the journal holds what it rests on.

use std::collections::VecDeque;
use std::fmt;

use patchsweep_proto::ids::{Lease, SweepId, WorkerId};
use patchsweep_proto::scores::TileScores;
use patchsweep_proto::status::SweepStatus;
use tracing::Span;

/// Something to be said or done once everything written to the journal before it is on disk.
pub(super) enum Promise {
    /// The worker may forget this lease's result.
    Acknowledge {
        /// Whose.
        worker: WorkerId,
        /// Which.
        lease: Lease,
    },
    /// A tile's scores came again: hold them against those that are kept.
    Compare {
        /// The second one's name.
        worker: String,
        /// Of the second lease.
        span: Span,
        /// Under which they came.
        lease: Lease,
        /// The second ones.
        scores: Box<TileScores>,
    },
    /// A sweep has ended so.
    Publish {
        /// The sweep.
        sweep: SweepId,
        /// As it ended.
        status: Box<SweepStatus>,
        /// Its span, which ends with this.
        span: Span,
    },
    /// The answer to a request.
    Answer(Box<dyn FnOnce() + Send>),
}

impl fmt::Debug for Promise {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Acknowledge { .. } => "Acknowledge",
            Self::Compare { .. } => "Compare",
            Self::Publish { .. } => "Publish",
            Self::Answer(_) => "Answer",
        })
    }
}

/// Promises in the order in which they were made.
#[derive(Debug, Default)]
pub(super) struct Promises {
    /// Each with the number of journal entries that it waits for; ascending.
    waiting: VecDeque<(u64, Promise)>,
}

impl Promises {
    /// Holds a promise back until so many journal entries are on disk.
    pub(super) fn hold(&mut self, entries: u64, promise: Promise) {
        self.waiting.push_back((entries, promise));
    }

    /// The next promise that may be kept now.
    pub(super) fn next(&mut self, committed: u64) -> Option<Promise> {
        let (entries, _) = self.waiting.front()?;
        if *entries > committed {
            return None;
        }
        self.waiting.pop_front().map(|(_, promise)| promise)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn promises_wait_for_their_entries_and_keep_their_order() {
        let mut promises = Promises::default();
        let acknowledge = |id| Promise::Acknowledge {
            worker: WorkerId(id),
            lease: Lease {
                epoch: patchsweep_proto::ids::Epoch(1),
                sweep: SweepId("s".into()),
                tile: patchsweep_proto::ids::TileId(0),
                attempt: patchsweep_proto::ids::Attempt(1),
            },
        };
        for (entries, id) in [(0, 1), (2, 2), (2, 3), (3, 4)] {
            promises.hold(entries, acknowledge(id));
        }
        let mut released = |committed| {
            std::iter::from_fn(|| promises.next(committed))
                .map(|promise| match promise {
                    Promise::Acknowledge { worker, .. } => worker.0,
                    other => panic!("{other:?} was never made"),
                })
                .collect::<Vec<_>>()
        };
        assert_eq!(released(1), [1]);
        assert_eq!(released(1), [0; 0]);
        assert_eq!(released(2), [2, 3]);
        assert_eq!(released(9), [4]);
    }
}
