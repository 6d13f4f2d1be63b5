//! What goes to the outside only once the journal holds what it rests on.

use std::collections::VecDeque;
use std::fmt;

use patchsweep_core::ids::{Lease, SweepId, WorkerId};
use patchsweep_core::status::SweepStatus;
use tracing::Span;

use super::comparisons::Comparison;
use super::handle::RunId;

/// Something to be sent or done once everything written to the journal before it is on disk.
pub(super) enum Promise {
    /// The worker may forget this lease's result.
    Acknowledge {
        /// Whose.
        worker: WorkerId,
        /// Which.
        lease: Lease,
    },
    /// A tile's scores came again: hold them against those that are kept.
    Compare(Comparison),
    /// A sweep has ended so.
    Publish {
        /// The sweep.
        sweep: SweepId,
        /// As it ended.
        status: Box<SweepStatus>,
        /// Its span, which ends with this.
        span: Span,
    },
    /// All tiles of a run of a sweep have ended that decide which other cells are computed.
    Choose {
        /// The sweep.
        sweep: SweepId,
        /// The run.
        run: RunId,
    },
    /// Those that come next may be granted.
    Extend {
        /// The sweep.
        sweep: SweepId,
        /// Its run.
        run: RunId,
    },
    /// The answer to a request.
    Answer(Box<dyn FnOnce() + Send>),
}

impl fmt::Debug for Promise {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Acknowledge { .. } => "Acknowledge",
            Self::Compare(_) => "Compare",
            Self::Publish { .. } => "Publish",
            Self::Choose { .. } => "Choose",
            Self::Extend { .. } => "Extend",
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

    /// The next promise that may be kept now. One to compare scores waits for room among the comparisons, and those behind
    /// it wait with it.
    pub(super) fn next(&mut self, committed: u64, has_room: bool) -> Option<Promise> {
        let (entries, promise) = self.waiting.front()?;
        if *entries > committed || (matches!(promise, Promise::Compare(_)) && !has_room) {
            return None;
        }
        self.waiting.pop_front().map(|(_, promise)| promise)
    }
}

#[cfg(test)]
mod tests {
    use patchsweep_core::ids::{Attempt, Epoch, TileId};
    use patchsweep_core::scores::TileScores;

    use super::*;

    fn lease() -> Lease {
        Lease { epoch: Epoch(1), sweep: SweepId("s".into()), tile: TileId(0), attempt: Attempt(1) }
    }

    fn acknowledge(id: u64) -> Promise {
        Promise::Acknowledge { worker: WorkerId(id), lease: lease() }
    }

    /// The workers whose acknowledgements may go out.
    fn released(promises: &mut Promises, committed: u64, has_room: bool) -> Vec<u64> {
        let next = || promises.next(committed, has_room);
        let worker = |promise| match promise {
            Promise::Acknowledge { worker, .. } => worker.0,
            Promise::Compare(_) => 0,
            other => panic!("{other:?} was never made"),
        };
        std::iter::from_fn(next).map(worker).collect()
    }

    #[test]
    fn promises_wait_for_their_entries_and_keep_their_order() {
        let mut promises = Promises::default();
        for (entries, id) in [(0, 1), (2, 2), (2, 3), (3, 4)] {
            promises.hold(entries, acknowledge(id));
        }
        assert_eq!(released(&mut promises, 1, true), [1]);
        assert_eq!(released(&mut promises, 1, true), [0; 0]);
        assert_eq!(released(&mut promises, 2, true), [2, 3]);
        assert_eq!(released(&mut promises, 9, true), [4]);
    }

    #[test]
    fn what_stands_behind_a_comparison_that_finds_no_room_waits_with_it() {
        let mut promises = Promises::default();
        let plan = patchsweep_plan::fixtures::plan(patchsweep_core::status::PlanOptions::default());
        let tolerances = crate::merge::compare::Tolerances::of(&plan.context);
        let scores = Box::new(TileScores { metrics: 1, scores: Vec::new(), prompt_effects: Vec::new() });
        let worker = "w".to_owned();
        promises.hold(1, acknowledge(1));
        promises
            .hold(1, Promise::Compare(Comparison { worker, span: Span::none(), lease: lease(), scores, tolerances }));
        promises.hold(1, acknowledge(2));
        assert_eq!(released(&mut promises, 1, false), [1]);
        assert_eq!(released(&mut promises, 1, false), [0; 0]);
        assert_eq!(released(&mut promises, 1, true), [0, 2]);
    }
}
