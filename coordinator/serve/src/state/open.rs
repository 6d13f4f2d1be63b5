//! Opening state: first everything is checked on an image of the file, then the file is opened and a new life begins.

use std::sync::Arc;
use std::time::Instant;

use patchsweep_core::ids::{CoordinatorId, Epoch};
use redb::{Builder, Database, StorageBackend};

use super::header::{self, Found};
use super::overlay::Overlay;
use super::recovery::{Recovered, Survey, survey};
use super::shrink::shrink;
use super::snapshot::{Snapshot, failed};
use super::storage::Storage;
use super::tables::{COORDINATOR_KEY, EPOCH_KEY, FORMAT, FORMAT_KEY, META};
use super::writer::{WriteError, durably, make_tables, put_meta};
use super::{Defect, StateError};

/// A record's pages are read once or in order; the rest is the system's to cache.
const CACHE_BYTES: usize = 4 << 20;

/// Opens what has been checked before, without looking at all of it again.
pub(super) fn open_database(storage: &Storage) -> Result<Database, StateError> {
    let opened = Builder::new().set_cache_size(CACHE_BYTES).create_with_backend(storage.clone());
    opened.map_err(|error| failed(&storage.path, error))
}

/// Checks everything and begins a new life.
pub(super) fn open_surveyed(storage: &Storage) -> Result<(Database, Recovered), StateError> {
    let path = &storage.path;
    let io = |error: std::io::Error| failed(path, redb::Error::Io(error));
    let surveyed = match header::look(storage).map_err(io)? {
        Found::Other => return Err(StateError::Foreign { path: path.clone() }),
        Found::Nothing => None,
        Found::Unfinished => {
            storage.set_len(0).map_err(io)?;
            None
        }
        Found::Altered => {
            let source = Defect::Parts("its flags are none that a database has");
            return Err(StateError::Damaged { path: path.clone(), record: "its header".to_owned(), source });
        }
        Found::Database { newer } => {
            let standing = surveyed(storage, None)?;
            match newer.map(|flags| (flags, surveyed(storage, Some(flags)))) {
                Some((flags, Ok(newer))) => {
                    storage.write(header::FLAGS, &[flags]).map_err(io)?;
                    newer
                }
                // The older commit stands where the newer one was being written when the power failed.
                _ => standing,
            }
        }
    };
    let mut database = open_database(storage)?;
    if surveyed.as_ref().is_some_and(|survey| survey.is_spacious) {
        database = shrunk(database, storage)?;
    }
    let recovered = begin_life(&database, surveyed).map_err(|error| not_written(path, error))?;
    Ok((database, recovered))
}

/// Whatever redb would repair is repaired on the image only.
fn surveyed(storage: &Storage, flags: Option<u8>) -> Result<Option<Survey>, StateError> {
    let path = &storage.path;
    let io = |error: std::io::Error| failed(path, redb::Error::Io(error));
    let image = Overlay::new(storage.clone()).map_err(io)?;
    if let Some(flags) = flags {
        image.write(header::FLAGS, &[flags]).map_err(io)?;
    }
    let mut builder = Builder::new();
    builder.set_cache_size(CACHE_BYTES).set_check_integrity_on_open(true);
    let database = builder.create_with_backend(image).map_err(|error| match redb::Error::from(error) {
        redb::Error::Io(error) if error.raw_os_error().is_some() => io(error),
        error => {
            let source = Defect::File(Box::new(error));
            StateError::Damaged { path: path.clone(), record: "its structure".to_owned(), source }
        }
    })?;
    let snapshot = Snapshot::new(Arc::new(database), path)?;
    survey(&snapshot, path)
}

/// The same database in a smaller file, where that can be had: a disk that is full is no reason not to start.
fn shrunk(mut database: Database, storage: &Storage) -> Result<Database, StateError> {
    let (before, began) = (storage.bytes(), Instant::now());
    match shrink(&mut database).map_err(|error| not_written(&storage.path, error)) {
        Ok(()) => {
            let (after, seconds) = (storage.bytes(), began.elapsed().as_secs_f64());
            tracing::info!(before, after, seconds, "state gives back the room of removed sweeps");
            Ok(database)
        }
        Err(error) => {
            let reason = patchsweep_core::error_chain(&error);
            tracing::warn!(reason, "state keeps the room of removed sweeps until the next start");
            drop(database);
            open_database(storage)
        }
    }
}

fn begin_life(database: &Database, surveyed: Option<Survey>) -> Result<Recovered, WriteError> {
    let is_new = surveyed.is_none();
    let survey = surveyed.unwrap_or_else(|| Survey {
        coordinator: CoordinatorId(rand::random()),
        epoch: Epoch(0),
        is_spacious: false,
        sweeps: Vec::new(),
    });
    let epoch = Epoch(survey.epoch.0 + 1);
    durably(database, |transaction| {
        if is_new {
            make_tables(transaction)?;
            transaction.open_table(META)?.insert(FORMAT_KEY, FORMAT.as_bytes())?;
            put_meta(transaction, COORDINATOR_KEY, &survey.coordinator.0.to_vec())?;
        }
        put_meta(transaction, EPOCH_KEY, &epoch.0)
    })?;
    Ok(Recovered { coordinator: survey.coordinator, epoch, sweeps: survey.sweeps })
}

/// Names what a failed transaction is about.
pub(super) fn not_written(path: &std::path::Path, error: WriteError) -> StateError {
    match error {
        WriteError::Database(error) => failed(path, *error),
        WriteError::Damaged { record, defect } => StateError::Damaged { path: path.to_owned(), record, source: defect },
    }
}
