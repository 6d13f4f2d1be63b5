//! Writing entries in one transaction.

use patchsweep_proto::ids::{SweepId, TileId};
use patchsweep_proto::status::SweepState;
use patchsweep_proto::v1;
use redb::{Database, ReadableTable, Table, WriteTransaction};

use super::checksum::{Address, seal, unseal};
use super::records::KeptState;
use super::tables::{FAILURES, META, RESULTS, STATES, SWEEPS, kind};
use super::{Defect, Entry, FailedAttempt, KeptSweep, TileFailures};

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

pub(super) fn write_entries(transaction: &WriteTransaction, entries: &[Entry]) -> Result<(), WriteError> {
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
    fn write(&mut self, entry: &Entry) -> Result<(), WriteError> {
        match entry {
            Entry::Sweep(sweep) => self.new_sweep(sweep),
            Entry::Result(result) => {
                let (sweep, tile) = (&result.lease.sweep, result.lease.tile);
                let key = (sweep.0.as_str(), tile.0);
                if self.results.get(key)?.is_none() {
                    let address = Address::of_tile(kind::RESULT, sweep, tile);
                    self.results.insert(key, seal(address, &v1::StoredResult::from(result)).as_slice())?;
                }
                Ok(())
            }
            Entry::Failure(attempt) => self.failure(attempt),
            Entry::GivenUp { sweep, tile } => {
                let failures = self.failures_of(sweep, *tile)?;
                self.keep_failures(sweep, *tile, &TileFailures { given_up: true, ..failures })
            }
            Entry::Resumed { sweep, tiles } => {
                for tile in tiles {
                    self.failures.remove((sweep.0.as_str(), tile.0))?;
                }
                self.state(sweep, &KeptState { state: SweepState::Running, seconds: 0.0 })
            }
            Entry::State { sweep, state, seconds } => {
                self.state(sweep, &KeptState { state: state.clone(), seconds: *seconds })
            }
        }
    }

    fn new_sweep(&mut self, sweep: &KeptSweep) -> Result<(), WriteError> {
        let id = sweep.id.0.as_str();
        if self.sweeps.get(id)?.is_some() {
            return Ok(());
        }
        let address = Address::of_sweep(kind::SWEEP, &sweep.id);
        self.sweeps.insert(id, seal(address, &v1::StoredSweep::from(sweep)).as_slice())?;
        self.state(&sweep.id, &KeptState { state: SweepState::Running, seconds: 0.0 })
    }

    fn state(&mut self, sweep: &SweepId, state: &KeptState) -> Result<(), WriteError> {
        let address = Address::of_sweep(kind::STATE, sweep);
        self.states.insert(sweep.0.as_str(), seal(address, &v1::StoredState::from(state)).as_slice())?;
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
