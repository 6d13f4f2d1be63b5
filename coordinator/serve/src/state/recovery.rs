//! What is found when state is opened. Every record is read and checked; only running sweeps keep their plan.

use patchsweep_schedule::Past;
use std::collections::BTreeMap;
use std::time::{Duration, SystemTime};

use patchsweep_core::digest::Digest;
use patchsweep_core::ids::{CoordinatorId, Epoch, SweepId, TileId};
use patchsweep_core::length;
use patchsweep_core::status::{SweepState, SweepStatus};
use patchsweep_plan::Plan;
use prost::bytes::Bytes;

use super::checksum::Address;
use super::records::KeptState;
use super::snapshot::Snapshot;
use super::tables::{COORDINATOR_KEY, EPOCH_KEY, FORMAT, FORMAT_KEY, SPACIOUS_KEY, kind};
use super::{Arrival, Defect, KeptSweep, StateError};
use crate::merge::refuse_scores;
use crate::progress::Tally;

/// What was found, as of a coordinator's new life.
#[derive(Debug)]
pub struct Recovered {
    /// Which state this is.
    pub coordinator: CoordinatorId,
    /// The new life's number, on disk already.
    pub epoch: Epoch,
    /// Oldest first.
    pub sweeps: Vec<RecoveredSweep>,
}

/// A sweep that was found.
#[derive(Debug)]
pub struct RecoveredSweep {
    /// Where it stands; nobody is connected yet.
    pub status: SweepStatus,
    /// When it was submitted.
    pub submitted: SystemTime,
    /// Of its dataset.
    pub dataset: Digest,
    /// Of its plan: what a sweep that is submitted again is recognised by.
    pub identity: Digest,
    /// What tells it from others of its name or its plan.
    pub arrival: Arrival,
    /// The model that the kept scores are of, or of a check those that it checks; `None` while there are none.
    pub model: Option<Digest>,
    /// Seconds from submission, or the last resumption, to the end; 0 while it runs.
    pub seconds: f64,
    /// When it ended; `None` while it runs.
    pub ended: Option<SystemTime>,
    /// What it takes to go on, where it has not ended.
    pub running: Option<RunningSweep>,
}

/// What it takes to go on with a sweep.
#[derive(Debug)]
pub struct RunningSweep {
    /// The plan, as it was made.
    pub plan: Plan,
    /// Its context as it is encoded.
    pub context: Bytes,
    /// Of the tiles that something became of.
    pub past: BTreeMap<TileId, Past>,
}

/// What the file holds, before a new life begins.
pub(super) struct Survey {
    pub(super) coordinator: CoordinatorId,
    pub(super) epoch: Epoch,
    /// The file holds room of sweeps that were removed.
    pub(super) is_spacious: bool,
    pub(super) sweeps: Vec<RecoveredSweep>,
}

/// Reads and checks everything; `None` where nothing was ever kept.
pub(super) fn survey(snapshot: &Snapshot, path: &std::path::Path) -> Result<Option<Survey>, StateError> {
    if snapshot.is_blank()? {
        return Ok(None);
    }
    match snapshot.meta(FORMAT_KEY)? {
        Some(format) if format == FORMAT.as_bytes() => {}
        Some(format) => {
            let found = String::from_utf8_lossy(&format).into_owned();
            return Err(StateError::Version { path: path.to_owned(), found, wanted: FORMAT });
        }
        None => return Err(StateError::Foreign { path: path.to_owned() }),
    }
    let id: Vec<u8> = snapshot.sealed_meta(COORDINATOR_KEY)?;
    let address = Address { kind: kind::META, name: COORDINATOR_KEY, tile: None };
    let id = id.try_into().map_err(|_| snapshot.damaged(address, Defect::Parts("it has not 16 bytes")))?;
    let epoch = Epoch(snapshot.sealed_meta(EPOCH_KEY)?);
    let is_spacious = snapshot.optional_meta(SPACIOUS_KEY)?.unwrap_or(false);
    let mut found = Found { snapshot, results: 0, failures: 0 };
    let ids = snapshot.sweep_ids()?;
    let mut sweeps = ids.iter().map(|id| found.sweep(id)).collect::<Result<Vec<_>, _>>()?;
    if snapshot.counts()? != [ids.len() as u64, found.results, found.failures] {
        let record = "its list of sweeps".to_owned();
        let source = Defect::Parts("there are records of sweeps that it does not hold");
        return Err(StateError::Damaged { path: path.to_owned(), record, source });
    }
    pin_checks(&mut sweeps);
    sweeps.sort_by(|a, b| (a.submitted, &a.status.sweep).cmp(&(b.submitted, &b.status.sweep)));
    Ok(Some(Survey { coordinator: CoordinatorId(id), epoch, is_spacious, sweeps }))
}

/// A check without scores is of the model of what it checks.
fn pin_checks(sweeps: &mut [RecoveredSweep]) {
    let known = |sweep: &RecoveredSweep| Some((sweep.status.sweep.clone(), sweep.model?));
    let models: BTreeMap<SweepId, Digest> = sweeps.iter().filter_map(known).collect();
    for check in sweeps.iter_mut().filter(|sweep| sweep.model.is_none()) {
        check.model = check.status.check_of.as_ref().and_then(|checked| models.get(checked)).copied();
    }
}

struct Found<'a> {
    snapshot: &'a Snapshot,
    /// Records seen so far.
    results: u64,
    failures: u64,
}

impl Found<'_> {
    fn sweep(&mut self, id: &SweepId) -> Result<RecoveredSweep, StateError> {
        let missing = |kind| self.snapshot.damaged(Address::of_sweep(kind, id), Defect::Parts("it is not there"));
        let kept = self.snapshot.sweep(id)?.ok_or_else(|| missing(kind::SWEEP))?;
        let KeptState { state, seconds, ended } = self.snapshot.kept_state(id)?.ok_or_else(|| missing(kind::STATE))?;
        let Tiles { past, model } = self.tiles(id, &kept.plan)?;
        let status = status(&kept, state, seconds, &past);
        let KeptSweep { plan, context, dataset, submitted, arrival, .. } = kept;
        let identity = plan.identity();
        let is_running = !status.state.is_final();
        let running = is_running.then(|| RunningSweep { plan: std::sync::Arc::unwrap_or_clone(plan), context, past });
        Ok(RecoveredSweep { status, submitted, dataset, identity, arrival, model, seconds, ended, running })
    }

    fn tiles(&mut self, id: &SweepId, plan: &Plan) -> Result<Tiles, StateError> {
        let snapshot = self.snapshot;
        let mut tiles = Tiles { past: BTreeMap::new(), model: None };
        snapshot.for_each_failures(id, |tile, failures| {
            self.failures += 1;
            let address = Address::of_tile(kind::FAILURES, id, tile);
            if tile.0 as usize >= plan.tiles.len() {
                return Err(snapshot.damaged(address, Defect::Parts("its sweep has no such tile")));
            }
            tiles.past.insert(tile, failures.into());
            Ok(())
        })?;
        snapshot.for_each_result(id, |tile, result| {
            self.results += 1;
            let address = Address::of_tile(kind::RESULT, id, tile);
            refuse_scores(plan, tile, &result.completed.scores)
                .map_err(|error| snapshot.damaged(address, error.into()))?;
            tiles.model.get_or_insert(result.completed.model);
            tiles.past.insert(tile, Past::Done);
            Ok::<_, StateError>(())
        })?;
        Ok(tiles)
    }
}

struct Tiles {
    past: BTreeMap<TileId, Past>,
    model: Option<Digest>,
}

fn status(kept: &KeptSweep, state: SweepState, seconds: f64, past: &BTreeMap<TileId, Past>) -> SweepStatus {
    let plan = &kept.plan;
    let mut tally = Tally::new(plan);
    for (&tile, _) in past.iter().filter(|(_, past)| **past == Past::Done) {
        tally.finish(plan, tile);
    }
    let (cells_total, cells_noop) = tally.cells();
    let count = |wanted: fn(&Past) -> bool| length(past.values().filter(|past| wanted(past)).count());
    let done = past.iter().filter(|(_, past)| **past == Past::Done);
    SweepStatus {
        sweep: kept.id.clone(),
        name: plan.name.clone(),
        state,
        tiles_total: length(plan.tiles.len()),
        tiles_done: count(|past| *past == Past::Done),
        tiles_leased: 0,
        multiply_adds_total: plan.multiply_adds(),
        multiply_adds_done: done.fold(0, |sum, (tile, _)| sum.saturating_add(plan.costs[tile.0 as usize])),
        workers: 0,
        cells_total,
        cells_noop,
        tiles_failed: count(|past| matches!(past, Past::GivenUp { .. })),
        priority: kept.priority,
        results_dropped: 0,
        check_of: plan.check.as_ref().map(|check| check.sweep.clone()),
        waiting: None,
        grids: tally.grids().to_vec(),
        submitted: kept.submitted,
        elapsed: Duration::try_from_secs_f64(seconds).unwrap_or_default(),
        multiply_adds_per_second: None,
    }
}
