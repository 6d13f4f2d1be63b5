//! What a coordinator keeps on disk: sweeps as they were planned, their tiles' scores and failures, and how they ended.
//!
//! A [`Store`] is one redb file below a folder. Every record in it is a message of `state.proto` behind a checksum that
//! also covers its key; [`Store::open`] checks all of them on an image of the file before it changes a byte of it.
//! A [`Journal`] writes entries in the order in which they are appended and says up to which they are durable.

mod checksum;
mod committer;
mod entry;
mod error;
mod header;
mod open;
mod overlay;
mod records;
mod recovery;
mod sealed;
mod shrink;
mod snapshot;
mod storage;
mod store;
mod tables;
mod writer;

pub use committer::{CommitterState, Journal, JournalClosed};
pub use entry::{Arrival, Completed, Entry, FailedAttempt, KeptResult, KeptSweep, TileFailures};
pub use error::{Defect, StateError};
pub use recovery::{Recovered, RecoveredSweep, RunningSweep};
pub use snapshot::Snapshot;
pub use store::Store;

#[cfg(test)]
pub(crate) use tests::sample;
#[cfg(test)]
mod tests;
