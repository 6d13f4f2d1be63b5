//! Checks: planned from what is kept of a sweep, and held against it.

use std::collections::BTreeMap;

use patchsweep_core::check::CheckOf;
use patchsweep_core::digest::Digest;
use patchsweep_core::ids::{SweepId, TileId};
use patchsweep_core::status::{Priority, SweepState};
use patchsweep_core::tile::Tile;
use patchsweep_plan::{Origins, Plan, Score};
use patchsweep_proto::wire::encode_context;

use super::handle::NewSweep;
use super::kept::{KeptTile, for_each_tile};
use super::rpc_errors::RequestError;
use crate::check::{CheckReport, Side, TileWorkers, compare};
use crate::merge::{Merged, Merger, TileOutcome};
use crate::state::{KeptSweep, Snapshot, StateError, Store};

/// The check of a sweep that has results.
pub(super) fn plan_check(store: &Store, check: CheckOf, priority: Priority) -> Result<NewSweep, RequestError> {
    let snapshot = store.snapshot()?;
    let KeptSweep { plan, dataset, .. } = kept(&snapshot, &check.sweep)?;
    let mut workers = TileWorkers::default();
    let mut model: Option<Digest> = None;
    snapshot.for_each_result(&check.sweep, |tile, result| -> Result<(), StateError> {
        model.get_or_insert(result.completed.model);
        workers.add(tile, &result.worker);
        Ok(())
    })?;
    let check = plan.check(check);
    let computed_by = computed_by(&plan, &check, &workers);
    let context = encode_context(&check.context).into();
    Ok(NewSweep {
        plan: check,
        context,
        dataset,
        priority,
        always_new: true,
        model,
        files: None,
        computed_by,
        trace: None,
    })
}

fn kept(snapshot: &Snapshot, sweep: &SweepId) -> Result<KeptSweep, RequestError> {
    let unknown = || RequestError::UnknownSweep(sweep.clone());
    let kept = snapshot.sweep(sweep)?.ok_or_else(unknown)?;
    let (state, _) = snapshot.state(sweep)?.ok_or_else(unknown)?;
    if !matches!(state, SweepState::Done | SweepState::Partial { .. }) {
        return Err(RequestError::NoResults { sweep: sweep.clone(), state: state.name() });
    }
    match &kept.plan.check {
        Some(of) => Err(RequestError::CheckOfCheck { sweep: sweep.clone(), checked: of.sweep.clone() }),
        None => Ok(kept),
    }
}

/// Who computed what a tile of the check repeats; none of a tile of no-ops.
fn computed_by(plan: &Plan, check: &Plan, workers: &TileWorkers) -> BTreeMap<TileId, String> {
    let origins = Origins::of(plan);
    let of_tile = |tile: &Tile| {
        let (grid, cells) = tile.work.cells()?;
        let score = Score::of(&tile.work)?;
        let origin = cells.iter().cloned().flatten().find_map(|cell| origins.tile(tile, grid, score, cell))?;
        Some((tile.id, workers.of(origin)?.to_owned()))
    };
    check.tiles.iter().filter_map(of_tile).collect()
}

/// What became of a check whose tensors these are.
pub(super) fn report(
    snapshot: &Snapshot,
    sweep: &SweepId,
    plan: &Plan,
    of: &CheckOf,
    tensors: &Merged,
) -> Result<CheckReport, RequestError> {
    let checked = kept(snapshot, &of.sweep)?.plan.with_replicates_apart();
    let mut merger = Merger::new(&checked);
    let mut computed_by = TileWorkers::default();
    for_each_tile(snapshot, &of.sweep, &checked, |tile, kept| -> Result<(), RequestError> {
        let outcome = match kept {
            KeptTile::Done(result) => {
                computed_by.add(tile, &result.worker);
                TileOutcome::Scores(result.completed.scores)
            }
            KeptTile::GivenUp(_) | KeptTile::Pending => TileOutcome::GivenUp,
        };
        Ok(merger.push(tile, &outcome)?)
    })?;
    let theirs = merger.finish()?;
    let mut checked_by = TileWorkers::default();
    snapshot.for_each_result(sweep, |tile, result| -> Result<(), StateError> {
        checked_by.add(tile, &result.worker);
        Ok(())
    })?;
    Ok(compare(
        Side { sweep: &of.sweep, plan: &checked, merged: &theirs, workers: &computed_by },
        Side { sweep, plan, merged: tensors, workers: &checked_by },
    ))
}
