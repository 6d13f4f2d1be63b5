//! The tables of the database.

use redb::TableDefinition;

/// What a file of this format says of itself.
pub(super) const FORMAT: &str = "patchsweep state 5";

/// [`FORMAT`] as it stands, and sealed: the coordinator's id, the epoch, and whether sweeps were removed whose room the
/// file has not given back.
pub(super) const META: TableDefinition<'_, &str, &[u8]> = TableDefinition::new("meta");
pub(super) const FORMAT_KEY: &str = "format";
pub(super) const COORDINATOR_KEY: &str = "coordinator";
pub(super) const EPOCH_KEY: &str = "epoch";
pub(super) const SPACIOUS_KEY: &str = "spacious";

/// A sealed `StoredSweep` per sweep.
pub(super) const SWEEPS: TableDefinition<'_, &str, &[u8]> = TableDefinition::new("sweeps");

/// A sealed `StoredState` per sweep.
pub(super) const STATES: TableDefinition<'_, &str, &[u8]> = TableDefinition::new("states");

/// A sealed `StoredResult` per sweep and tile that is done.
pub(super) const RESULTS: TableDefinition<'_, (&str, u32), &[u8]> = TableDefinition::new("results");

/// A sealed `StoredFailures` per sweep and tile of which an attempt went wrong.
pub(super) const FAILURES: TableDefinition<'_, (&str, u32), &[u8]> = TableDefinition::new("failures");

/// What a checksum says that a record is.
pub(super) mod kind {
    pub(in super::super) const META: &str = "meta";
    pub(in super::super) const SWEEP: &str = "sweep";
    pub(in super::super) const STATE: &str = "state";
    pub(in super::super) const RESULT: &str = "result";
    pub(in super::super) const FAILURES: &str = "failures";
}
