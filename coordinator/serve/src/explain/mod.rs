//! Where a sweep's work is, and one cell's: what is computed where, what went wrong, and why nothing runs.

mod cell;
mod failures;
mod idle;
mod memory;
mod noop;
mod streaming;

use std::collections::BTreeMap;
use std::time::Duration;

use patchsweep_core::explain::{
    CellExplanation, SweepExplanation, TileAttempt, TileExplanation, TileHolder, TileOrigin, TileState,
};
use patchsweep_core::ids::{Attempt, SweepId, TileId, WorkerId};
use patchsweep_core::length;
use patchsweep_core::status::{Priority, SweepStatus};
use patchsweep_core::tile::Tile;
use patchsweep_core::workers::WorkerStatus;

pub use cell::{CellAddress, CellError};
pub use memory::MemoryNeed;
use patchsweep_plan::Plan;

use crate::state::TileFailures;

/// Most writes of a cell that are named.
const MOST_WRITES: usize = 40;

/// How things are at one moment.
#[derive(Clone, Debug)]
pub struct Situation {
    /// The sweep.
    pub status: SweepStatus,
    /// Connected workers.
    pub workers: Vec<WorkerStatus>,
    /// Of these, workers that cannot compute the sweep, and why.
    pub unfit: BTreeMap<WorkerId, String>,
    /// The sweep's tiles that workers hold.
    pub held: Vec<HeldTile>,
    /// Of all running sweeps.
    pub priorities: BTreeMap<SweepId, Priority>,
    /// Why the sweep's next tiles are not planned yet, where its first ones have ended that decide which cells these compute.
    pub choosing: Option<String>,
}

/// A tile that a worker holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HeldTile {
    /// The tile.
    pub tile: TileId,
    /// The worker's name.
    pub worker: String,
    /// The attempt.
    pub attempt: Attempt,
    /// How long it has held it.
    pub since: Duration,
}

/// What the journal holds of a sweep.
#[derive(Clone, Debug, Default)]
pub struct Kept {
    /// Of all tiles of which an attempt went wrong.
    pub failures: BTreeMap<TileId, TileFailures>,
    /// Of the tiles that [`tiles_of`] names, those whose scores are kept.
    pub origins: BTreeMap<TileId, TileOrigin>,
}

/// The tiles that a cell is in, by their prompts.
#[must_use]
pub fn tiles_of<'a>(plan: &'a Plan, cell: &CellAddress) -> Vec<&'a Tile> {
    let is_in = |tile: &&Tile| {
        tile.work.cells().is_some_and(|(grid, cells)| {
            grid == cell.grid
                && plan.context.spec_iteration(tile.iteration) == cell.iteration as usize
                && cells.iter().any(|range| range.contains(&cell.place))
        })
    };
    plan.tiles.iter().filter(is_in).collect()
}

/// Where the work of a sweep is, and of one of its cells.
#[must_use]
pub fn explain(plan: &Plan, situation: Situation, kept: &Kept, cell: Option<&CellAddress>) -> SweepExplanation {
    let need = MemoryNeed::of(&plan.context);
    SweepExplanation {
        idle_because: idle::idle_because(need, &situation),
        streaming: streaming::streaming(need, &situation),
        failures: failures::groups(&kept.failures),
        cell: cell.map(|cell| explain_cell(plan, &situation, kept, cell)),
        status: situation.status,
    }
}

fn explain_cell(plan: &Plan, situation: &Situation, kept: &Kept, address: &CellAddress) -> CellExplanation {
    let grid = &plan.context.grids[address.grid as usize];
    let cell = grid.cell(address.place);
    let tiles = tiles_of(plan, address);
    let activity = activity(plan, address, &tiles);
    // What says whether it is active does not compute it.
    let may_compute = |tile: &&&Tile| activity.is_some() || !tile.is_activity();
    let computing: Vec<&Tile> = tiles.iter().filter(may_compute).copied().collect();
    let is_off = grid.chooses_features() && activity.is_none();
    let (noop_prompts, noop) = noop::noop(plan, address, &computing, is_off);
    let received_by = cell.path().map(|path| format!("received by {}", path.words()));
    CellExplanation {
        grid: grid.name.clone(),
        iteration: plan.iteration_labels.get(address.iteration as usize).cloned().unwrap_or_default(),
        axes: grid.axes.iter().map(|axis| axis.name().to_owned()).collect(),
        indices: grid.axes.iter().zip(cell.places()).map(|(&axis, place)| grid.coordinates(axis)[place]).collect(),
        names: grid
            .axes
            .iter()
            .zip(cell.places())
            .map(|(&axis, place)| Some(grid.names(axis)?[place].to_owned()))
            .collect(),
        writes: cell.writes().take(MOST_WRITES).map(|write| write.words()).chain(received_by).collect(),
        noop,
        noop_prompts,
        estimate: estimate(plan, address),
        activity,
        tiles: tiles.into_iter().map(|tile| explain_tile(tile, situation, kept)).collect(),
    }
}

/// How a cell's effect is estimated, and what is known of its verification.
fn estimate(plan: &Plan, address: &CellAddress) -> Option<String> {
    let grid = &plan.context.grids[address.grid as usize];
    let name = grid.estimate?.gradients.name();
    let chosen = plan.choice.as_ref().and_then(|choice| choice.of(address.grid, address.iteration));
    let verified = match (grid.verify(), chosen) {
        (None, _) => "not computed: the grid has no `verify`",
        (Some(_), None) => "computed if `verify` chooses it, once all estimates are there",
        (Some(_), Some(chosen)) if chosen.top.contains(&address.place) => {
            "computed as well, as its estimate is one of the strongest"
        }
        (Some(_), Some(chosen)) if chosen.sample.contains(&address.place) => "computed as well, as the sample drew it",
        (Some(_), Some(_)) => "not computed: it is neither among the strongest nor in the sample",
    };
    Some(format!("its effect is estimated (`{name}`), and {verified}"))
}

/// That it is not known whether a cell's features are active, which decides whether it is computed.
///
/// `tiles`: those that it is in.
fn activity(plan: &Plan, address: &CellAddress, tiles: &[&Tile]) -> Option<String> {
    tiles.iter().find(|tile| tile.is_activity())?;
    let Some(choice) = &plan.choice else {
        return Some(
            "it is computed if its features are active in a run of some prompt, which its tiles say".to_owned(),
        );
    };
    let is_unknown = choice.of(address.grid, address.iteration)?.unknown.binary_search(&address.place).is_ok();
    is_unknown.then(|| {
        "it is not computed: when cells were chosen nobody knew whether its features are active, as a tile that says so was \
         given up; submit the sweep anew, under another name"
            .to_owned()
    })
}

fn explain_tile(tile: &Tile, situation: &Situation, kept: &Kept) -> TileExplanation {
    let failures = kept.failures.get(&tile.id);
    let holders = situation.held.iter().filter(|held| held.tile == tile.id).map(|held| TileHolder {
        worker: held.worker.clone(),
        attempt: held.attempt,
        since: held.since,
    });
    let holders: Vec<TileHolder> = holders.collect();
    let state = match kept.origins.get(&tile.id) {
        Some(origin) => TileState::Done(origin.clone()),
        None if failures.is_some_and(|failures| failures.given_up) => TileState::GivenUp,
        None if !holders.is_empty() => TileState::Leased(holders),
        None if situation.status.state.is_final() => TileState::Left,
        None => TileState::Waiting,
    };
    let attempts = failures.map_or(&[][..], |failures| &failures.attempts).iter().map(|failed| TileAttempt {
        attempt: failed.lease.attempt,
        worker: failed.worker.clone(),
        reason: failed.reason.clone(),
    });
    TileExplanation {
        tile: tile.id,
        prompts: tile.prompts.clone(),
        cells: length(tile.cell_count()),
        state,
        attempts: attempts.collect(),
    }
}

#[cfg(test)]
mod tests;
