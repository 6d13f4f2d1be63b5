//! What goes into the scheduler, and what comes out.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use patchsweep_core::ids::{Epoch, Lease, SweepId, TileId, WorkerId};
use patchsweep_core::status::Priority;

use super::{ModelKey, TileInfo};

/// What happened.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Event {
    /// A sweep was submitted, resumed, or read from the journal.
    Submitted {
        /// Not running now.
        sweep: SweepId,
        /// The life in which it was submitted for the first time. In one before, its name was nobody's or that of another
        /// sweep, whose leases say nothing of it.
        since: Epoch,
        /// All its tiles are computed with this one.
        model: ModelKey,
        /// In tile order.
        tiles: Vec<TileInfo>,
        /// Its share of the workers.
        priority: Priority,
        /// What is known of its tiles; without those that are to be tried anew.
        past: BTreeMap<TileId, Past>,
        /// Workers that leave a tile to others, as long as there are any: of a check, those that computed what it checks.
        avoid: BTreeMap<TileId, BTreeSet<WorkerId>>,
    },
    /// A sweep that is submitted next does not end with its tiles: more come once all of them have ended.
    MoreToCome {
        /// The sweep.
        sweep: SweepId,
    },
    /// The tiles of a running sweep that were to come, perhaps none.
    Extended {
        /// The sweep.
        sweep: SweepId,
        /// Behind those that it has.
        tiles: Vec<TileInfo>,
    },
    /// A worker registered.
    Joined {
        /// Unknown so far.
        worker: WorkerId,
        /// Leases that it takes at once.
        credit: u32,
        /// Leases of an earlier session of the same coordinator that it still computes, or whose results were not
        /// acknowledged. Those beyond its credit are revoked.
        held: Vec<Lease>,
        /// Models that it has in memory.
        loaded: BTreeSet<ModelKey>,
    },
    /// A worker reports that it lives.
    Heard {
        /// The worker.
        worker: WorkerId,
    },
    /// A worker reports which models it has in memory. Comes before what its last tile came to.
    Loaded {
        /// The worker.
        worker: WorkerId,
        /// All of them.
        models: BTreeSet<ModelKey>,
    },
    /// A worker takes no more leases and hands back all but some of those that it holds. May come again with fewer.
    Leaving {
        /// The worker.
        worker: WorkerId,
        /// Leases that it still finishes.
        finishing: Vec<Lease>,
    },
    /// A worker is to get no more leases; it keeps those that it holds.
    Draining {
        /// The worker.
        worker: WorkerId,
    },
    /// A worker's stream ended.
    Lost {
        /// The worker.
        worker: WorkerId,
    },
    /// A worker could not compute a tile.
    Failed {
        /// The worker.
        worker: WorkerId,
        /// Its lease.
        lease: Lease,
        /// What it reported.
        reason: String,
    },
    /// A worker's scores can never be merged with the sweep's: its model is another one.
    Unfit {
        /// The worker.
        worker: WorkerId,
        /// The lease that showed it.
        lease: Lease,
        /// Why.
        reason: String,
    },
    /// A worker neither computes nor queues a lease any more, and has no scores for it.
    Released {
        /// The worker.
        worker: WorkerId,
        /// Its lease.
        lease: Lease,
    },
    /// A client cancelled a sweep.
    Cancelled {
        /// The sweep.
        sweep: SweepId,
    },
    /// Time went by.
    Tick,
}

/// Scores came.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Finished {
    /// From this worker.
    pub worker: WorkerId,
    /// Under this lease.
    pub lease: Lease,
    /// How long the worker had it in hand.
    pub busy: Duration,
    /// What of this went into loading the model; zero: it was loaded before.
    pub loading: Duration,
}

/// What becomes of scores that came. It comes before all effects, the acknowledgement among them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Verdict {
    /// They are the first for their tile: keep them.
    Keep,
    /// They came too late or twice: drop them.
    Drop {
        /// The tile's scores are kept, so that these can be compared with them.
        done: bool,
    },
}

/// What the journal says of a tile.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Past {
    /// Its scores are kept.
    Done,
    /// So many attempts failed or were lost.
    Failures(u32),
    /// It gets no more attempts.
    GivenUp {
        /// Why.
        reason: String,
    },
}

/// What to do.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Effect {
    /// Send a grant.
    Grant {
        /// To this worker.
        worker: WorkerId,
        /// The lease.
        lease: Lease,
    },
    /// Tell the worker that its result is no longer needed from it.
    Acknowledge {
        /// The worker.
        worker: WorkerId,
        /// Its lease.
        lease: Lease,
    },
    /// Tell the worker to drop a lease.
    Revoke {
        /// The worker.
        worker: WorkerId,
        /// Its lease.
        lease: Lease,
    },
    /// An attempt failed or was lost, and counts against its tile: write it down.
    RecordFailure {
        /// The worker.
        worker: WorkerId,
        /// Its lease.
        lease: Lease,
        /// What it reported, or how it was lost.
        reason: String,
    },
    /// A tile gets no more attempts: write it down.
    GiveUp {
        /// The sweep.
        sweep: SweepId,
        /// The tile.
        tile: TileId,
        /// What happened to its attempts.
        reason: String,
    },
    /// A worker gets no more leases, because it fails where others do not.
    Quarantine {
        /// The worker.
        worker: WorkerId,
        /// What it last reported.
        reason: String,
    },
    /// Close the stream of a worker that is gone: it fell silent, or came back on another stream.
    Disconnect {
        /// The worker.
        worker: WorkerId,
    },
    /// All tiles of a sweep have ended that has more to come.
    Exhausted {
        /// The sweep.
        sweep: SweepId,
    },
    /// A sweep ended.
    Ended {
        /// The sweep.
        sweep: SweepId,
        /// How.
        outcome: Outcome,
    },
}

/// How a sweep ended.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Outcome {
    /// Every tile's scores are kept.
    Done,
    /// Some tiles were given up; the scores of all others are kept.
    Partial {
        /// Why the last of them was.
        reason: String,
    },
    /// Tiles were given up before any was done.
    Failed {
        /// Why the last of them was.
        reason: String,
    },
    /// By a client.
    Cancelled,
}
