//! Where a tile stands, and what went wrong with it.

use std::collections::BTreeSet;

use patchsweep_core::ids::{Attempt, Epoch, Lease, WorkerId};
use patchsweep_core::length;

use super::TileInfo;

/// Where a tile stands. Kept small, for there may be a million; what few tiles have is kept beside them.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct TileSlot {
    pub(super) info: TileInfo,
    pub(super) next_attempt: Attempt,
    pub(super) stage: Stage,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Stage {
    Ready,
    Leased,
    Done,
    GivenUp,
}

/// What distinguishes the leases of one tile.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct Fence {
    pub(super) epoch: Epoch,
    pub(super) attempt: Attempt,
}

impl From<&Lease> for Fence {
    fn from(lease: &Lease) -> Self {
        Self { epoch: lease.epoch, attempt: lease.attempt }
    }
}

/// Who computes a tile, and under which lease.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct Holder {
    pub(super) worker: WorkerId,
    pub(super) fence: Fence,
}

/// Why an attempt counts against its tile.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Cause {
    /// The worker reported it; it was its `nth` failure.
    Failed { nth: u64 },
    /// The worker did not say anything in time.
    Overdue,
    /// The worker was lost with this tile alone in hand.
    Lost,
}

/// One attempt that counts against its tile.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct Strike {
    pub(super) by: Holder,
    pub(super) cause: Cause,
}

/// What went wrong with a tile so far.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub(super) struct Trouble {
    /// Strikes of earlier lives, of which only the number is known.
    pub(super) earlier: u32,
    pub(super) strikes: Vec<Strike>,
    /// Workers that were lost while they held this tile among others: any of them may have been the reason.
    pub(super) suspicions: Vec<Holder>,
}

impl Trouble {
    pub(super) fn strike_count(&self) -> u32 {
        self.earlier.saturating_add(length(self.strikes.len()))
    }

    /// A suspect is computed alone, so that only it can be blamed the next time.
    pub(super) fn is_suspect(&self) -> bool {
        !self.suspicions.is_empty()
    }

    pub(super) fn is_none(&self) -> bool {
        self.strike_count() == 0 && !self.is_suspect()
    }

    /// Workers that could not compute it; others come first.
    pub(super) fn failed_on(&self) -> BTreeSet<WorkerId> {
        let failed = self.strikes.iter().filter(|strike| strike.cause != Cause::Lost);
        failed.map(|strike| strike.by.worker).collect()
    }

    /// The session whose loss under this lease counts against the tile.
    pub(super) fn lost_under(&self, fence: Fence) -> Option<WorkerId> {
        let strikes = self.strikes.iter().filter(|strike| strike.cause == Cause::Lost).map(|strike| strike.by);
        strikes.chain(self.suspicions.iter().copied()).find(|by| by.fence == fence).map(|by| by.worker)
    }

    /// This worker was not lost after all.
    pub(super) fn acquit(&mut self, worker: WorkerId) {
        self.strikes.retain(|strike| strike.by.worker != worker || strike.cause != Cause::Lost);
        self.suspicions.retain(|by| by.worker != worker);
    }

    /// What this worker could not compute says nothing of the tile.
    pub(super) fn disregard(&mut self, worker: WorkerId) {
        self.strikes.retain(|strike| strike.by.worker != worker);
    }
}
