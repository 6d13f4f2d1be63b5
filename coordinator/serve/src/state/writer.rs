//! Writing entries in one transaction.

use patchsweep_core::ids::{SweepId, TileId};
use patchsweep_proto::v1;
use prost::Message;
use redb::{Database, ReadableTable, Table, WriteTransaction};

use super::checksum::{Address, seal, unseal};
use super::records::KeptState;
use super::sealed::Sealed;
use super::tables::{FAILURES, META, RESULTS, SPACIOUS_KEY, STATES, SWEEPS, kind};
use super::{Defect, FailedAttempt, TileFailures};

/// Why a transaction was not made.
#[derive(Debug)]
pub(super) enum WriteError {
    Database(Box<redb::Error>),
    /// A record that had to be read is damaged.
    Damaged {
        record: String,
        defect: Defect,
    },
}

impl<E: Into<redb::Error>> From<E> for WriteError {
    fn from(error: E) -> Self {
        Self::Database(Box::new(error.into()))
    }
}

/// Does something in one transaction, on disk when this returns.
pub(super) fn durably<T>(
    database: &Database,
    act: impl FnOnce(&WriteTransaction) -> Result<T, WriteError>,
) -> Result<T, WriteError> {
    let mut transaction = database.begin_write()?;
    // So that a damaged last commit is never taken for one that was not finished, and dropped.
    transaction.set_two_phase_commit(true);
    let value = act(&transaction)?;
    transaction.commit()?;
    Ok(value)
}

/// Makes all tables, so that readers find them.
pub(super) fn make_tables(transaction: &WriteTransaction) -> Result<(), WriteError> {
    transaction.open_table(META)?;
    transaction.open_table(SWEEPS)?;
    transaction.open_table(STATES)?;
    transaction.open_table(RESULTS)?;
    transaction.open_table(FAILURES)?;
    Ok(())
}

/// Keeps a record of which there is one.
pub(super) fn put_meta(transaction: &WriteTransaction, name: &str, message: &impl Message) -> Result<(), WriteError> {
    let sealed = seal(Address { kind: kind::META, name, tile: None }, message);
    transaction.open_table(META)?.insert(name, sealed.as_slice())?;
    Ok(())
}

pub(super) fn write_entries(transaction: &WriteTransaction, entries: &[Sealed]) -> Result<(), WriteError> {
    if entries.iter().any(|entry| matches!(entry, Sealed::Removed { .. })) {
        put_meta(transaction, SPACIOUS_KEY, &true)?;
    }
    let mut tables = Tables {
        sweeps: transaction.open_table(SWEEPS)?,
        states: transaction.open_table(STATES)?,
        results: transaction.open_table(RESULTS)?,
        failures: transaction.open_table(FAILURES)?,
    };
    entries.iter().try_for_each(|entry| tables.write(entry))
}

struct Tables<'t> {
    sweeps: Table<'t, &'static str, &'static [u8]>,
    states: Table<'t, &'static str, &'static [u8]>,
    results: Table<'t, (&'static str, u32), &'static [u8]>,
    failures: Table<'t, (&'static str, u32), &'static [u8]>,
}

impl Tables<'_> {
    fn write(&mut self, entry: &Sealed) -> Result<(), WriteError> {
        match entry {
            Sealed::Sweep { sweep, record } => {
                if self.sweeps.get(sweep.0.as_str())?.is_none() {
                    self.sweeps.insert(sweep.0.as_str(), record.as_slice())?;
                    self.runs(sweep)?;
                }
                Ok(())
            }
            // A sweep that was removed meanwhile does not come back.
            Sealed::Extended { sweep, record } => {
                if self.sweeps.get(sweep.0.as_str())?.is_some() {
                    self.sweeps.insert(sweep.0.as_str(), record.as_slice())?;
                }
                Ok(())
            }
            Sealed::Result { sweep, tile, record } => {
                let key = (sweep.0.as_str(), tile.0);
                if self.results.get(key)?.is_none() {
                    self.results.insert(key, record.as_slice())?;
                }
                Ok(())
            }
            Sealed::Failure(attempt) => self.failure(attempt),
            Sealed::GivenUp { sweep, tile } => {
                let failures = self.failures_of(sweep, *tile)?;
                self.keep_failures(sweep, *tile, &TileFailures { given_up: true, ..failures })
            }
            Sealed::Resumed { sweep, tiles } => {
                for tile in tiles {
                    self.failures.remove((sweep.0.as_str(), tile.0))?;
                }
                self.runs(sweep)
            }
            Sealed::Ended { sweep, record } => {
                self.states.insert(sweep.0.as_str(), record.as_slice())?;
                Ok(())
            }
            Sealed::Removed { sweeps, .. } => sweeps.iter().try_for_each(|sweep| self.remove(sweep)),
        }
    }

    fn runs(&mut self, sweep: &SweepId) -> Result<(), WriteError> {
        let message = v1::StoredState::from(&KeptState::running());
        let record = seal(Address::of_sweep(kind::STATE, sweep), &message);
        self.states.insert(sweep.0.as_str(), record.as_slice())?;
        Ok(())
    }

    fn remove(&mut self, sweep: &SweepId) -> Result<(), WriteError> {
        let name = sweep.0.as_str();
        self.sweeps.remove(name)?;
        self.states.remove(name)?;
        for tiles in [&mut self.results, &mut self.failures] {
            tiles.retain_in((name, 0)..=(name, u32::MAX), |_, _| false)?;
        }
        Ok(())
    }

    fn failure(&mut self, attempt: &FailedAttempt) -> Result<(), WriteError> {
        let (sweep, tile) = (&attempt.lease.sweep, attempt.lease.tile);
        let mut failures = self.failures_of(sweep, tile)?;
        if !failures.attempts.iter().any(|known| known.lease == attempt.lease) {
            failures.attempts.push(attempt.clone());
        }
        self.keep_failures(sweep, tile, &failures)
    }

    fn failures_of(&self, sweep: &SweepId, tile: TileId) -> Result<TileFailures, WriteError> {
        let address = Address::of_tile(kind::FAILURES, sweep, tile);
        let damaged = |defect| WriteError::Damaged { record: address.to_string(), defect };
        let Some(kept) = self.failures.get((sweep.0.as_str(), tile.0))? else { return Ok(TileFailures::default()) };
        let message: v1::StoredFailures = unseal(address, kept.value()).map_err(damaged)?;
        message.try_into().map_err(|error| damaged(Defect::Message(error)))
    }

    fn keep_failures(&mut self, sweep: &SweepId, tile: TileId, failures: &TileFailures) -> Result<(), WriteError> {
        let address = Address::of_tile(kind::FAILURES, sweep, tile);
        let sealed = seal(address, &v1::StoredFailures::from(failures));
        self.failures.insert((sweep.0.as_str(), tile.0), sealed.as_slice())?;
        Ok(())
    }
}
