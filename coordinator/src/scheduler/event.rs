//! What the scheduler is told, and what it says.

use patchsweep_proto::ids::{Lease, SweepId, WorkerId};

use super::TileInfo;

/// What happened.
#[derive(Clone, Debug)]
pub enum Event {
    /// A sweep was submitted.
    Submitted {
        /// Unknown so far.
        sweep: SweepId,
        /// In tile order.
        tiles: Vec<TileInfo>,
    },
    /// A worker registered.
    Joined {
        /// Unknown so far.
        worker: WorkerId,
        /// Leases that it takes at once.
        credit: u32,
    },
    /// A worker said that it lives.
    Heard {
        /// The worker.
        worker: WorkerId,
    },
    /// A worker takes no more leases and hands back those that it holds.
    Leaving {
        /// The worker.
        worker: WorkerId,
    },
    /// A worker's stream ended.
    Lost {
        /// The worker.
        worker: WorkerId,
    },
    /// Scores came.
    Finished {
        /// From this worker.
        worker: WorkerId,
        /// Under this lease.
        lease: Lease,
    },
    /// A worker could not compute a tile.
    Failed {
        /// The worker.
        worker: WorkerId,
        /// Its lease.
        lease: Lease,
        /// What it said.
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
    /// A client cancelled a sweep.
    Cancelled {
        /// The sweep.
        sweep: SweepId,
    },
    /// Time went by.
    Tick,
}

/// What to do.
#[derive(Clone, Debug, PartialEq, Eq)]
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
    /// Keep these scores: the first for their tile. Comes before the acknowledgement.
    Keep {
        /// The lease under which they came.
        lease: Lease,
    },
    /// Close a silent worker's stream.
    Disconnect {
        /// The worker.
        worker: WorkerId,
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
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// Every tile's scores are kept.
    Done,
    /// A tile failed too often.
    Failed {
        /// Which, and what was said last.
        reason: String,
    },
    /// By a client.
    Cancelled,
}
