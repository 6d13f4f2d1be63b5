//! Reading checked records as of one moment.

use std::borrow::Borrow;
use std::collections::BTreeMap;
use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use patchsweep_core::ids::{SweepId, TileId};
use patchsweep_core::status::SweepState;
use patchsweep_proto::v1;
use prost::Message;
use redb::{
    AccessGuard, Database, Key, ReadOnlyTable, ReadTransaction, ReadableDatabase, ReadableTableMetadata,
    TableDefinition,
};

use super::checksum::{Address, unseal};
use super::records::KeptState;
use super::tables::{FAILURES, META, RESULTS, STATES, SWEEPS, kind};
use super::{Defect, KeptResult, KeptSweep, StateError, TileFailures};

/// What is kept, as of one moment. While there is one, the room of what is removed meanwhile is not used again.
// Fields are dropped in this order: the database stays open as long as it is read.
pub struct Snapshot {
    transaction: ReadTransaction,
    path: PathBuf,
    _database: Arc<Database>,
}

/// Names what a failure is about.
pub(super) fn failed(path: &Path, error: impl Into<redb::Error>) -> StateError {
    let (path, source) = (path.to_owned(), Box::new(error.into()));
    match *source {
        redb::Error::Corrupted(_) => {
            StateError::Damaged { path, record: "its structure".to_owned(), source: Defect::File(source) }
        }
        _ => StateError::Storage { path, source },
    }
}

impl fmt::Debug for Snapshot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Snapshot").field("path", &self.path).finish_non_exhaustive()
    }
}

impl Snapshot {
    pub(super) fn new(database: Arc<Database>, path: &Path) -> Result<Self, StateError> {
        let transaction = database.begin_read().map_err(|error| failed(path, error))?;
        Ok(Self { transaction, path: path.to_owned(), _database: database })
    }

    /// Whether nothing was ever kept here.
    pub(super) fn is_blank(&self) -> Result<bool, StateError> {
        let mut tables = self.transaction.list_tables().map_err(|error| self.failed(error))?;
        Ok(tables.next().is_none())
    }

    /// A record of which there is one, as it stands; `None` also where no table holds such.
    pub(super) fn meta(&self, name: &str) -> Result<Option<Vec<u8>>, StateError> {
        let table = match self.transaction.open_table(META) {
            Ok(table) => table,
            Err(redb::TableError::TableDoesNotExist(_) | redb::TableError::TableTypeMismatch { .. }) => {
                return Ok(None);
            }
            Err(error) => return Err(self.failed(error)),
        };
        let value = table.get(name).map_err(|error| self.failed(error))?;
        Ok(value.map(|value| value.value().to_vec()))
    }

    /// A record of which there is one, if it is there.
    pub(super) fn optional_meta<M: Message + Default>(&self, name: &str) -> Result<Option<M>, StateError> {
        let address = Address { kind: kind::META, name, tile: None };
        let sealed = self.meta(name)?;
        sealed.map(|sealed| unseal(address, &sealed)).transpose().map_err(|defect| self.damaged(address, defect))
    }

    /// A record of which there is one.
    pub(super) fn sealed_meta<M: Message + Default>(&self, name: &str) -> Result<M, StateError> {
        let address = Address { kind: kind::META, name, tile: None };
        self.optional_meta(name)?.ok_or_else(|| self.damaged(address, Defect::Parts("it is not there")))
    }

    pub(super) fn sweep_ids(&self) -> Result<Vec<SweepId>, StateError> {
        let rows = self.table(SWEEPS)?.range::<&str>(..).map_err(|error| self.failed(error))?;
        rows.map(|row| Ok(SweepId(row.map_err(|error| self.failed(error))?.0.value().to_owned()))).collect()
    }

    /// A sweep as it was planned.
    pub fn sweep(&self, sweep: &SweepId) -> Result<Option<KeptSweep>, StateError> {
        let address = Address::of_sweep(kind::SWEEP, sweep);
        let kept = self.get::<_, v1::StoredSweep>(SWEEPS, sweep.0.as_str(), address)?;
        let kept = kept.map(KeptSweep::try_from).transpose().map_err(|defect| self.damaged(address, defect))?;
        match kept {
            Some(kept) if kept.id != *sweep => Err(self.damaged(address, Defect::Parts("it is another sweep's"))),
            kept => Ok(kept),
        }
    }

    /// Where a sweep stands, and the seconds that it took.
    pub fn state(&self, sweep: &SweepId) -> Result<Option<(SweepState, f64)>, StateError> {
        Ok(self.kept_state(sweep)?.map(|kept| (kept.state, kept.seconds)))
    }

    pub(super) fn kept_state(&self, sweep: &SweepId) -> Result<Option<KeptState>, StateError> {
        let address = Address::of_sweep(kind::STATE, sweep);
        let kept = self.get::<_, v1::StoredState>(STATES, sweep.0.as_str(), address)?;
        kept.map(KeptState::try_from).transpose().map_err(|error| self.damaged(address, error.into()))
    }

    /// A tile's scores.
    pub fn result(&self, sweep: &SweepId, tile: TileId) -> Result<Option<KeptResult>, StateError> {
        let address = Address::of_tile(kind::RESULT, sweep, tile);
        let kept = self.get::<_, v1::StoredResult>(RESULTS, (sweep.0.as_str(), tile.0), address)?;
        kept.map(|message| self.kept_result(sweep, tile, message)).transpose()
    }

    fn kept_result(&self, sweep: &SweepId, tile: TileId, wire: v1::StoredResult) -> Result<KeptResult, StateError> {
        let damaged = |defect| self.damaged(Address::of_tile(kind::RESULT, sweep, tile), defect);
        let kept = KeptResult::try_from(wire).map_err(|error| damaged(error.into()))?;
        if kept.lease.sweep != *sweep || kept.lease.tile != tile {
            return Err(damaged(Defect::Parts("it is another tile's")));
        }
        Ok(kept)
    }

    /// All scores of a sweep in tile order, one at a time.
    pub fn for_each_result<E: From<StateError>>(
        &self,
        sweep: &SweepId,
        mut each: impl FnMut(TileId, KeptResult) -> Result<(), E>,
    ) -> Result<(), E> {
        self.for_each_tile(RESULTS, kind::RESULT, sweep, |tile, message| {
            each(tile, self.kept_result(sweep, tile, message)?)
        })
    }

    /// What went wrong with a sweep's tiles.
    pub fn failures(&self, sweep: &SweepId) -> Result<BTreeMap<TileId, TileFailures>, StateError> {
        let mut all = BTreeMap::new();
        self.for_each_failures(sweep, |tile, failures| {
            all.insert(tile, failures);
            Ok::<_, StateError>(())
        })?;
        Ok(all)
    }

    /// The tiles that something went wrong with; what went wrong is not read.
    pub fn failed_tiles(&self, sweep: &SweepId) -> Result<Vec<TileId>, StateError> {
        self.tiles(FAILURES, sweep)
    }

    /// The tiles whose scores are kept; the scores are not read.
    pub fn done_tiles(&self, sweep: &SweepId) -> Result<Vec<TileId>, StateError> {
        self.tiles(RESULTS, sweep)
    }

    fn tiles(
        &self,
        definition: TableDefinition<'_, (&'static str, u32), &'static [u8]>,
        sweep: &SweepId,
    ) -> Result<Vec<TileId>, StateError> {
        let name = sweep.0.as_str();
        let rows = self.table(definition)?.range((name, 0)..=(name, u32::MAX));
        let tile = |row: Result<(AccessGuard<'_, (&str, u32)>, _), redb::StorageError>| {
            Ok(TileId(row.map_err(|error| self.failed(error))?.0.value().1))
        };
        rows.map_err(|error| self.failed(error))?.map(tile).collect()
    }

    /// What went wrong with a sweep's tiles, in tile order.
    pub(super) fn for_each_failures<E: From<StateError>>(
        &self,
        sweep: &SweepId,
        mut each: impl FnMut(TileId, TileFailures) -> Result<(), E>,
    ) -> Result<(), E> {
        self.for_each_tile(FAILURES, kind::FAILURES, sweep, |tile, message: v1::StoredFailures| {
            let address = Address::of_tile(kind::FAILURES, sweep, tile);
            let failures = TileFailures::try_from(message).map_err(|error| self.damaged(address, error.into()))?;
            each(tile, failures)
        })
    }

    /// Records of states, of results and of failures.
    pub(super) fn counts(&self) -> Result<[u64; 3], StateError> {
        let failed = |error| self.failed(error);
        Ok([
            self.table(STATES)?.len().map_err(failed)?,
            self.table(RESULTS)?.len().map_err(failed)?,
            self.table(FAILURES)?.len().map_err(failed)?,
        ])
    }

    pub(super) fn damaged(&self, address: Address<'_>, source: Defect) -> StateError {
        StateError::Damaged { path: self.path.clone(), record: address.to_string(), source }
    }

    pub(super) fn failed(&self, error: impl Into<redb::Error>) -> StateError {
        failed(&self.path, error)
    }

    fn table<K: Key + 'static>(
        &self,
        definition: TableDefinition<'_, K, &'static [u8]>,
    ) -> Result<ReadOnlyTable<K, &'static [u8]>, StateError> {
        self.transaction.open_table(definition).map_err(|error| self.failed(error))
    }

    fn get<'k, K: Key + 'static, M: Message + Default>(
        &self,
        definition: TableDefinition<'_, K, &'static [u8]>,
        key: impl Borrow<K::SelfType<'k>>,
        address: Address<'_>,
    ) -> Result<Option<M>, StateError> {
        let value = self.table(definition)?.get(key).map_err(|error| self.failed(error))?;
        let message = value.map(|value| unseal(address, value.value()));
        message.transpose().map_err(|defect| self.damaged(address, defect))
    }

    fn for_each_tile<M: Message + Default, E: From<StateError>>(
        &self,
        definition: TableDefinition<'_, (&'static str, u32), &'static [u8]>,
        kind: &'static str,
        sweep: &SweepId,
        mut each: impl FnMut(TileId, M) -> Result<(), E>,
    ) -> Result<(), E> {
        let name = sweep.0.as_str();
        let rows = self.table(definition)?.range((name, 0)..=(name, u32::MAX));
        for row in rows.map_err(|error| self.failed(error))? {
            let (key, value) = row.map_err(|error| self.failed(error))?;
            let tile = TileId(key.value().1);
            let address = Address::of_tile(kind, sweep, tile);
            each(tile, unseal(address, value.value()).map_err(|defect| self.damaged(address, defect))?)?;
        }
        Ok(())
    }
}
