//! An entry as it waits for the disk: what is kept of it is encoded, once, however often a commit is tried.

use patchsweep_core::ids::{Lease, SweepId, TileId};
use patchsweep_proto::v1;
use prost::Message;

use super::checksum::{Address, seal};
use super::records::KeptState;
use super::tables::kind;
use super::{Entry, FailedAttempt};

/// An entry whose record is made, but for those that change records which are there.
#[derive(Debug)]
pub(super) enum Sealed {
    Sweep { sweep: SweepId, record: Vec<u8> },
    Extended { sweep: SweepId, record: Vec<u8> },
    Result { sweep: SweepId, tile: TileId, record: Vec<u8> },
    Failure(FailedAttempt),
    GivenUp { sweep: SweepId, tile: TileId },
    Resumed { sweep: SweepId, tiles: Vec<TileId> },
    Ended { sweep: SweepId, record: Vec<u8> },
    Removed { sweeps: Vec<SweepId>, is_idle: bool },
}

impl From<Entry> for Sealed {
    fn from(entry: Entry) -> Self {
        match entry {
            Entry::Sweep(kept) => {
                let message = v1::StoredSweep::from(&*kept);
                let record = seal(Address::of_sweep(kind::SWEEP, &kept.id), &message);
                Self::Sweep { sweep: kept.id, record }
            }
            Entry::Extended(kept) => {
                let message = v1::StoredSweep::from(&*kept);
                let record = seal(Address::of_sweep(kind::SWEEP, &kept.id), &message);
                Self::Extended { sweep: kept.id, record }
            }
            Entry::Result(kept) => {
                let message = v1::StoredResult::from(&*kept);
                let Lease { sweep, tile, .. } = kept.lease.clone();
                let record = seal(Address::of_tile(kind::RESULT, &sweep, tile), &message);
                Self::Result { sweep, tile, record }
            }
            Entry::Failure(attempt) => Self::Failure(attempt),
            Entry::GivenUp { sweep, tile } => Self::GivenUp { sweep, tile },
            Entry::Resumed { sweep, tiles } => Self::Resumed { sweep, tiles },
            Entry::Ended { sweep, state, seconds, at } => {
                let message = v1::StoredState::from(&KeptState { state, seconds, ended: Some(at) });
                let record = seal(Address::of_sweep(kind::STATE, &sweep), &message);
                Self::Ended { sweep, record }
            }
            Entry::Removed { sweeps, is_idle } => Self::Removed { sweeps, is_idle },
        }
    }
}

impl Sealed {
    /// The bytes that it holds: what a queue of entries is bounded by.
    pub(super) fn bytes(&self) -> usize {
        /// Itself, with names and what the queue needs.
        const OVERHEAD: usize = 256;
        OVERHEAD
            + match self {
                Self::Sweep { record, .. }
                | Self::Extended { record, .. }
                | Self::Result { record, .. }
                | Self::Ended { record, .. } => record.capacity(),
                Self::Failure(attempt) => v1::StoredFailure::from(attempt).encoded_len(),
                Self::Resumed { tiles, .. } => size_of_val(tiles.as_slice()),
                Self::Removed { sweeps, .. } => sweeps.iter().map(|sweep| size_of::<SweepId>() + sweep.0.len()).sum(),
                Self::GivenUp { .. } => 0,
            }
    }
}
