//! The database, which can be read while it is written.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use patchsweep_core::ids::{SweepId, TileId};
use patchsweep_core::status::SweepState;
use redb::backends::InMemoryBackend;
use redb::{Database, StorageBackend};

use super::open::{not_written, open_database, open_surveyed};
use super::sealed::Sealed;
use super::shrink::shrink;
use super::snapshot::Snapshot;
use super::storage::{FILE, Storage};
use super::writer::{WriteError, durably, write_entries};
use super::{Entry, KeptResult, KeptSweep, Recovered, StateError, TileFailures};

/// What a coordinator keeps. Clones share one database; readers see the last commit and do not wait for the writer, but
/// for a moment after a failed write, when the database is opened again.
#[derive(Clone, Debug)]
pub struct Store {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    database: Mutex<Connection>,
    storage: Storage,
    is_durable: bool,
}

/// redb refuses everything after an I/O error, until the database has been opened again.
#[derive(Debug)]
struct Connection {
    /// `None` between a failed write and the next try.
    database: Option<Arc<Database>>,
    is_broken: bool,
}

impl Store {
    /// Opens the state below a folder, or begins it there, and begins a new life of the coordinator.
    pub fn open(folder: &Path) -> Result<(Self, Recovered), StateError> {
        Self::on(Storage::in_folder(folder)?, true)
    }

    /// The file below a folder that all of the state is in.
    #[must_use]
    pub fn file(folder: &Path) -> PathBuf {
        folder.join(FILE)
    }

    /// State that is gone with the process.
    pub fn in_memory() -> Result<(Self, Recovered), StateError> {
        Self::on(Storage::new(InMemoryBackend::new(), "memory"), false)
    }

    /// State on storage of any kind. The backend is used by one database after the other and closed by none.
    pub fn on_backend(backend: impl StorageBackend) -> Result<(Self, Recovered), StateError> {
        Self::on(Storage::new(backend, "storage"), true)
    }

    fn on(storage: Storage, is_durable: bool) -> Result<(Self, Recovered), StateError> {
        let (database, recovered) = open_surveyed(&storage)?;
        let connection = Connection { database: Some(Arc::new(database)), is_broken: false };
        Ok((Self { shared: Arc::new(Shared { storage, is_durable, database: Mutex::new(connection) }) }, recovered))
    }

    /// Keeps all entries, in order, or none: they are on disk when this returns. After an error it is not known whether
    /// they are; writing them again is harmless.
    pub fn write(&self, entries: &[Entry]) -> Result<(), StateError> {
        self.write_sealed(&entries.iter().cloned().map(Sealed::from).collect::<Vec<_>>())
    }

    /// The same for entries that are encoded.
    pub(super) fn write_sealed(&self, entries: &[Sealed]) -> Result<(), StateError> {
        let database = self.writable()?;
        let written = durably(&database, |transaction| write_entries(transaction, entries));
        drop(database);
        written.map_err(|error| {
            self.connection().is_broken = true;
            self.failed(error)
        })
    }

    /// After a failed write.
    fn failed(&self, error: WriteError) -> StateError {
        // For readers; whether it works shows with the next write.
        let _ = self.writable();
        not_written(&self.shared.storage.path, error)
    }

    /// Whether it outlives the process.
    pub(super) fn is_durable(&self) -> bool {
        self.shared.is_durable
    }

    /// What the state takes, on disk or in memory; 0 where that is not known.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        self.shared.storage.bytes()
    }

    /// Gives back the room of removed sweeps to the disk. Readers wait meanwhile, and it is refused while one reads.
    pub fn shrink(&self) -> Result<(), StateError> {
        self.writable()?;
        let mut connection = self.connection();
        let busy = || StateError::Busy { path: self.shared.storage.path.clone() };
        let mut database = match Arc::try_unwrap(connection.database.take().ok_or_else(busy)?) {
            Ok(database) => database,
            Err(shared) => {
                connection.database = Some(shared);
                return Err(busy());
            }
        };
        let shrunk = shrink(&mut database);
        connection.database = Some(Arc::new(database));
        connection.is_broken = shrunk.is_err();
        drop(connection);
        shrunk.map_err(|error| self.failed(error))
    }

    /// What is kept, as of now.
    pub fn snapshot(&self) -> Result<Snapshot, StateError> {
        let database = self.connection().database.clone();
        Snapshot::new(database.map_or_else(|| self.writable(), Ok)?, &self.shared.storage.path)
    }

    /// All sweeps, in the order of their names.
    pub fn sweeps(&self) -> Result<Vec<SweepId>, StateError> {
        self.snapshot()?.sweep_ids()
    }

    /// A sweep as it was planned.
    pub fn sweep(&self, sweep: &SweepId) -> Result<Option<KeptSweep>, StateError> {
        self.snapshot()?.sweep(sweep)
    }

    /// Where a sweep stands, and the seconds that it took.
    pub fn state(&self, sweep: &SweepId) -> Result<Option<(SweepState, f64)>, StateError> {
        self.snapshot()?.state(sweep)
    }

    /// A tile's scores.
    pub fn result(&self, sweep: &SweepId, tile: TileId) -> Result<Option<KeptResult>, StateError> {
        self.snapshot()?.result(sweep, tile)
    }

    /// All scores of a sweep in tile order, as of one moment, one at a time.
    pub fn for_each_result<E: From<StateError>>(
        &self,
        sweep: &SweepId,
        each: impl FnMut(TileId, KeptResult) -> Result<(), E>,
    ) -> Result<(), E> {
        self.snapshot()?.for_each_result(sweep, each)
    }

    /// What went wrong with a sweep's tiles.
    pub fn failures(&self, sweep: &SweepId) -> Result<BTreeMap<TileId, TileFailures>, StateError> {
        self.snapshot()?.failures(sweep)
    }

    /// The database, opened again if a write failed on it.
    fn writable(&self) -> Result<Arc<Database>, StateError> {
        let storage = &self.shared.storage;
        let mut connection = self.connection();
        if connection.is_broken {
            // Two databases on one file would overwrite each other's pages.
            if let Some(database) = connection.database.take()
                && let Err(database) = Arc::try_unwrap(database)
            {
                connection.database = Some(database);
                return Err(StateError::Busy { path: storage.path.clone() });
            }
            connection.is_broken = false;
        }
        if let Some(database) = &connection.database {
            return Ok(database.clone());
        }
        let database = Arc::new(open_database(storage)?);
        connection.database = Some(database.clone());
        Ok(database)
    }

    fn connection(&self) -> MutexGuard<'_, Connection> {
        self.shared.database.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
