//! Holds a check's scores against those of its sweep.

use std::collections::{BTreeMap, BTreeSet};

use patchsweep_core::check::CheckOf;
use patchsweep_core::ids::{SweepId, TileId};
use patchsweep_core::results::{CellStatus, GridScores};
use patchsweep_core::tile::{Tile, TileWork};
use patchsweep_plan::{Origins, Plan};
use patchsweep_results::cell_label;

use super::{CheckReport, GridCheck, WorstCell};
use crate::merge::{Merged, compare as means};

/// A sweep and what became of it.
#[derive(Clone, Copy, Debug)]
pub struct Side<'a> {
    /// Its name in commands.
    pub sweep: &'a SweepId,
    /// Its plan.
    pub plan: &'a Plan,
    /// Its tensors.
    pub merged: &'a Merged,
    /// Who computed its tiles.
    pub workers: &'a TileWorkers,
}

/// Names of the workers whose scores of tiles were kept.
#[derive(Clone, Debug, Default)]
pub struct TileWorkers {
    names: Vec<String>,
    /// Places in the names.
    by_tile: BTreeMap<TileId, usize>,
}

impl TileWorkers {
    /// Adds a tile.
    pub fn add(&mut self, tile: TileId, worker: &str) {
        let known = self.names.iter().position(|name| name == worker);
        let place = known.unwrap_or_else(|| {
            self.names.push(worker.to_owned());
            self.names.len() - 1
        });
        self.by_tile.insert(tile, place);
    }

    /// Who computed a tile.
    #[must_use]
    pub fn of(&self, tile: TileId) -> Option<&str> {
        self.by_tile.get(&tile).map(|&place| self.names[place].as_str())
    }
}

/// One cell of a check.
#[derive(Default)]
struct Drawn<'a> {
    computed_by: BTreeSet<&'a str>,
    checked_by: BTreeSet<&'a str>,
    /// One of its tiles was computed by the same worker both times.
    is_by_same: bool,
}

/// Compares all cells that the check drew. Both sides have the same context.
#[must_use]
pub fn compare(checked: Side<'_>, check: Side<'_>) -> CheckReport {
    let drawn = drawn(checked, check);
    let metrics = check.plan.context.metrics.len();
    let mut report = CheckReport {
        sweep: checked.sweep.0.clone(),
        check: check.sweep.0.clone(),
        seed: check.plan.check.as_ref().map_or(0, |CheckOf { seed, .. }| *seed),
        cells: 0,
        noops: 0,
        without_score: 0,
        not_finite: 0,
        by_another_worker: 0,
        tolerance: means::tolerance(&check.plan.context),
        largest_difference: None,
        agreed: true,
        computed_by: names(drawn.values().flat_map(|drawn| drawn.computed_by.iter().copied())),
        checked_by: names(drawn.values().flat_map(|drawn| drawn.checked_by.iter().copied())),
        grids: Vec::new(),
        worst: None,
    };
    let mut largest = Largest::default();
    for (index, (theirs, ours)) in checked.merged.grids.iter().zip(&check.merged.grids).enumerate() {
        let (grid, metric) = (index / metrics, index % metrics);
        let mut of_grid = Largest::default();
        let (mut cells, mut noops) = (0, 0);
        for (&(_, iteration, cell), drawn) in drawn.range((grid, 0, 0)..=(grid, usize::MAX, usize::MAX)) {
            let place = iteration * ours.cells() + cell;
            let is_noop = drawn.computed_by.is_empty();
            let statuses = [theirs.status[place], ours.status[place]];
            if statuses.contains(&CellStatus::Failed) {
                report.without_score += u64::from(metric == 0);
                continue;
            }
            // Numbers that are none agree on nothing.
            if statuses == [CellStatus::NotFinite; 2] {
                report.not_finite += u64::from(metric == 0);
                continue;
            }
            cells += u64::from(!is_noop);
            noops += u64::from(is_noop);
            report.by_another_worker += u64::from(metric == 0 && !is_noop && !drawn.is_by_same);
            of_grid.see(theirs, ours, place);
        }
        if metric == 0 {
            (report.cells, report.noops) = (report.cells + cells, report.noops + noops);
        }
        report.grids.push(GridCheck {
            grid: tensor_name(check.plan, ours),
            cells,
            noops,
            largest_difference: finite(of_grid.difference),
            agreed: of_grid.difference <= report.tolerance,
        });
        if largest.at.is_none() || of_grid.difference > largest.difference {
            largest = Largest { grid: index, ..of_grid };
        }
    }
    report.largest_difference = finite(largest.difference);
    report.agreed = largest.difference <= report.tolerance;
    report.worst = largest.at.map(|(place, mean)| {
        let (theirs, ours) = (&checked.merged.grids[largest.grid], &check.merged.grids[largest.grid]);
        let (iteration, cell) = (place / ours.cells(), place % ours.cells());
        let indices: Vec<u32> = ours.places(cell).iter().zip(&ours.indices).map(|(&place, all)| all[place]).collect();
        let drawn = &drawn[&(largest.grid / metrics, iteration, cell)];
        WorstCell {
            grid: tensor_name(check.plan, ours),
            iteration: check.plan.iteration_labels[iteration].clone(),
            cell: cell_label(ours, &indices, &check.plan.token_labels),
            mean: mean.name().to_owned(),
            computed: finite(mean.of(theirs)[place].into()),
            checked: finite(mean.of(ours)[place].into()),
            computed_by: names(drawn.computed_by.iter().copied()),
            checked_by: names(drawn.checked_by.iter().copied()),
        }
    });
    report
}

/// By grid, iteration and cell.
fn drawn<'a>(checked: Side<'a>, check: Side<'a>) -> BTreeMap<(usize, usize, usize), Drawn<'a>> {
    let origins = Origins::of(checked.plan);
    let mut all: BTreeMap<_, Drawn<'a>> = BTreeMap::new();
    for Tile { id, iteration, prompts, work } in &check.plan.tiles {
        let TileWork::Patch { grid, cells, .. } = work else { continue };
        let checked_by = check.workers.of(*id);
        for cell in cells.iter().cloned().flatten() {
            let origin = origins.tile(*iteration, prompts.start, *grid, cell);
            let computed_by = origin.and_then(|tile| checked.workers.of(tile));
            let drawn = all.entry((*grid as usize, *iteration as usize, cell as usize)).or_default();
            drawn.is_by_same |= computed_by.is_some() && computed_by == checked_by;
            drawn.computed_by.extend(computed_by);
            drawn.checked_by.extend(checked_by);
        }
    }
    all
}

/// Cells that were drawn get their status; all others were not, and baselines never are.
pub(crate) fn mark_what_was_not_drawn(plan: &Plan, merged: &mut Merged) {
    let metrics = plan.context.metrics.len();
    let mut is_drawn: Vec<Vec<bool>> =
        merged.grids.iter().step_by(metrics).map(|grid| vec![false; grid.status.len()]).collect();
    merged.baselines.fill(CellStatus::NotDrawn);
    for tile in &plan.tiles {
        if let TileWork::Patch { grid, cells, .. } = &tile.work {
            let first = tile.iteration as usize * merged.grids[*grid as usize * metrics].cells();
            for cell in cells.iter().cloned().flatten() {
                is_drawn[*grid as usize][first + cell as usize] = true;
            }
        }
    }
    for (index, grid) in merged.grids.iter_mut().enumerate() {
        for (status, &is_drawn) in grid.status.iter_mut().zip(&is_drawn[index / metrics]) {
            if !is_drawn {
                *status = CellStatus::NotDrawn;
            }
        }
    }
}

/// Which of a cell's means.
#[derive(Clone, Copy)]
enum Mean {
    Effect,
    Value,
}

impl Mean {
    fn of(self, scores: &GridScores) -> &[f32] {
        match self {
            Self::Effect => &scores.effect,
            Self::Value => &scores.value,
        }
    }

    fn name(self) -> &'static str {
        match self {
            Self::Effect => "effect",
            Self::Value => "value",
        }
    }
}

/// The largest difference so far.
#[derive(Default)]
struct Largest {
    difference: f64,
    /// Index of the grid under a metric.
    grid: usize,
    /// Place in its tensors.
    at: Option<(usize, Mean)>,
}

impl Largest {
    fn see(&mut self, theirs: &GridScores, ours: &GridScores, place: usize) {
        for mean in [Mean::Effect, Mean::Value] {
            let difference = means::difference(mean.of(theirs)[place].into(), mean.of(ours)[place].into());
            if self.at.is_none() || difference > self.difference {
                (self.difference, self.at) = (difference, Some((place, mean)));
            }
        }
    }
}

fn tensor_name(plan: &Plan, scores: &GridScores) -> String {
    match scores.metric {
        0 => scores.grid.clone(),
        metric => format!("{}@{}", scores.grid, plan.context.metrics[metric].name),
    }
}

fn finite(number: f64) -> Option<f64> {
    Some(number).filter(|number| number.is_finite())
}

fn names<'a>(names: impl Iterator<Item = &'a str>) -> Vec<String> {
    names.collect::<BTreeSet<_>>().into_iter().map(ToOwned::to_owned).collect()
}

#[cfg(test)]
mod tests;
