//! Holds a check's scores against those of its sweep.

use std::collections::{BTreeMap, BTreeSet};

use patchsweep_core::check::CheckOf;
use patchsweep_core::context::{Direction, SweepContext};
use patchsweep_core::estimate::Gradients;
use patchsweep_core::grid::Grid;
use patchsweep_core::ids::{SweepId, TileId};
use patchsweep_core::results::{CellStatus, GridScores};
use patchsweep_plan::{Origins, Plan, Score};
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
    /// One of its tiles has no scores on one of the sides.
    is_lost: bool,
}

/// Cells that were drawn, by grid, score, iteration and cell.
type AllDrawn<'a> = BTreeMap<(usize, Score, usize, usize), Drawn<'a>>;

/// Compares all cells that the check drew. Both sides have the same context, but for what is verified.
#[must_use]
pub fn compare(checked: Side<'_>, check: Side<'_>) -> CheckReport {
    let drawn = drawn(checked, check);
    let mut report = CheckReport {
        sweep: checked.sweep.0.clone(),
        check: check.sweep.0.clone(),
        seed: check.plan.check.as_ref().map_or(0, |CheckOf { seed, .. }| *seed),
        cells: 0,
        noops: 0,
        without_score: 0,
        not_finite: 0,
        by_another_worker: 0,
        tolerance: 0.0,
        largest_difference: None,
        agreed: true,
        computed_by: names(drawn.values().flat_map(|drawn| drawn.computed_by.iter().copied())),
        checked_by: names(drawn.values().flat_map(|drawn| drawn.checked_by.iter().copied())),
        grids: Vec::new(),
        worst: None,
    };
    let mut furthest: Option<Row> = None;
    for index in 0..check.merged.grids.len() {
        for score in [Score::Effect, Score::Estimate] {
            if score == Score::Estimate && check.merged.grids[index].estimate.is_empty() {
                continue;
            }
            let row = Row::of(checked, check, (index, score), &drawn, &mut report);
            report.grids.push(GridCheck {
                grid: tensor_name(check.plan, &check.merged.grids[index], score),
                cells: row.cells,
                noops: row.noops,
                largest_difference: finite(row.largest.difference),
                tolerance: row.tolerance,
                agreed: row.agrees(),
            });
            report.agreed &= row.agrees();
            if furthest
                .as_ref()
                .is_none_or(|furthest| furthest.largest.at.is_none() || row.excess() > furthest.excess())
            {
                furthest = Some(row);
            }
        }
    }
    if let Some(row) = furthest {
        report.tolerance = row.tolerance;
        report.largest_difference = finite(row.largest.difference);
        report.worst = row.worst(checked, check, &drawn);
    }
    report
}

/// One of a grid's scores under one metric.
struct Row {
    /// Index of the grid under the metric.
    index: usize,
    score: Score,
    cells: u64,
    noops: u64,
    tolerance: f64,
    largest: Largest,
}

impl Row {
    /// Compares its cells, and counts those of the first metric in the report.
    fn of(
        checked: Side<'_>,
        check: Side<'_>,
        (index, score): (usize, Score),
        drawn: &AllDrawn<'_>,
        report: &mut CheckReport,
    ) -> Self {
        let (theirs, ours) = (&checked.merged.grids[index], &check.merged.grids[index]);
        let (grid, is_first) = (index / check.plan.context.metrics.len(), ours.metric == 0);
        let mut row = Self { index, score, cells: 0, noops: 0, tolerance: 0.0, largest: Largest::default() };
        let (mut estimates, mut values) = (Vec::new(), Vec::new());
        let (first, last) = ((grid, score, 0, 0), (grid, score, usize::MAX, usize::MAX));
        for (&(_, _, iteration, cell), drawn) in drawn.range(first..=last) {
            let place = iteration * ours.cells() + cell;
            let is_noop = drawn.computed_by.is_empty();
            let (is_lost, is_not_finite) = match score {
                Score::Effect => {
                    let statuses = [theirs.status[place], ours.status[place]];
                    (statuses.contains(&CellStatus::Failed), statuses == [CellStatus::NotFinite; 2])
                }
                Score::Estimate => {
                    let estimates = [theirs.estimate[place], ours.estimate[place]];
                    (drawn.is_lost, estimates.iter().all(|estimate| !estimate.is_finite()))
                }
            };
            if is_lost {
                report.without_score += u64::from(is_first);
                continue;
            }
            // Numbers that are none agree on nothing.
            if is_not_finite {
                report.not_finite += u64::from(is_first);
                continue;
            }
            row.cells += u64::from(!is_noop);
            row.noops += u64::from(is_noop);
            report.by_another_worker += u64::from(is_first && !is_noop && !drawn.is_by_same);
            match score {
                Score::Effect => {
                    row.largest.see(theirs, ours, place, &[Mean::Effect, Mean::Value]);
                    values.extend([theirs.value[place], ours.value[place]]);
                }
                Score::Estimate => {
                    row.largest.see(theirs, ours, place, &[Mean::Estimate]);
                    estimates.push(ours.estimate[place]);
                }
            }
        }
        if is_first {
            (report.cells, report.noops) = (report.cells + row.cells, report.noops + row.noops);
        }
        row.tolerance = match score {
            Score::Effect => {
                let context = &check.plan.context;
                let scale = strongest(&values).max(patched_run(checked.merged, context, ours.metric));
                means::Tolerances::of(context).of_metric(ours.metric, scale)
            }
            Score::Estimate => {
                let context = &check.plan.context;
                let scale = begins_at(checked.merged, context, &context.grids[grid], ours.metric);
                means::estimate_tolerance(context, &context.metrics[ours.metric].kind, strongest(&estimates), scale)
            }
        };
        row
    }

    fn agrees(&self) -> bool {
        self.largest.difference <= self.tolerance
    }

    /// How many times its tolerance it is apart.
    fn excess(&self) -> f64 {
        self.largest.difference / self.tolerance
    }

    fn worst(&self, checked: Side<'_>, check: Side<'_>, drawn: &AllDrawn<'_>) -> Option<WorstCell> {
        let (place, mean) = self.largest.at?;
        let (theirs, ours) = (&checked.merged.grids[self.index], &check.merged.grids[self.index]);
        let (iteration, cell) = (place / ours.cells(), place % ours.cells());
        let indices: Vec<u32> = ours.places(cell).iter().zip(&ours.indices).map(|(&place, all)| all[place]).collect();
        let drawn = &drawn[&(self.index / check.plan.context.metrics.len(), self.score, iteration, cell)];
        Some(WorstCell {
            grid: tensor_name(check.plan, ours, Score::Effect),
            iteration: check.plan.iteration_labels[iteration].clone(),
            cell: cell_label(ours, &indices, &check.plan.token_labels),
            mean: mean.name().to_owned(),
            computed: finite(mean.of(theirs)[place].into()),
            checked: finite(mean.of(ours)[place].into()),
            computed_by: names(drawn.computed_by.iter().copied()),
            checked_by: names(drawn.checked_by.iter().copied()),
        })
    }
}

/// Magnitude of a metric where estimates of a grid begin: in the run that is patched, or on the way from one to the other.
fn begins_at(merged: &Merged, context: &SweepContext, grid: &Grid, metric: usize) -> f64 {
    match grid.estimate.map(|estimate| estimate.gradients) {
        Some(Gradients::AtBase) => patched_run(merged, context, metric),
        _ => strongest(&merged.clean[metric]).max(strongest(&merged.corrupted[metric])),
    }
}

/// Magnitude of a metric in the run that is patched.
fn patched_run(merged: &Merged, context: &SweepContext, metric: usize) -> f64 {
    match context.direction {
        Direction::Noising => strongest(&merged.clean[metric]),
        Direction::Denoising => strongest(&merged.corrupted[metric]),
    }
}

/// The largest magnitude of the numbers among some; infinite ones would let anything pass.
fn strongest(numbers: &[f32]) -> f64 {
    numbers.iter().filter(|number| number.is_finite()).map(|&number| f64::from(number).abs()).fold(0.0, f64::max)
}

fn drawn<'a>(checked: Side<'a>, check: Side<'a>) -> AllDrawn<'a> {
    let origins = Origins::of(checked.plan);
    let mut all = AllDrawn::new();
    for tile in &check.plan.tiles {
        let (Some((grid, cells)), Some(score)) = (tile.work.cells(), Score::of(&tile.work)) else { continue };
        let checked_by = check.workers.of(tile.id);
        for cell in cells.iter().cloned().flatten() {
            let origin = origins.tile(tile, grid, score, cell);
            let computed_by = origin.and_then(|tile| checked.workers.of(tile));
            let drawn = all.entry((grid as usize, score, tile.iteration as usize, cell as usize)).or_default();
            drawn.is_by_same |= computed_by.is_some() && computed_by == checked_by;
            drawn.is_lost |= checked_by.is_none() || (origin.is_some() && computed_by.is_none());
            drawn.computed_by.extend(computed_by);
            drawn.checked_by.extend(checked_by);
        }
    }
    all
}

/// Cells that were drawn get their status, and those whose estimates were drawn their estimates; all others were not, and
/// baselines never are.
pub(crate) fn mark_what_was_not_drawn(plan: &Plan, merged: &mut Merged) {
    let metrics = plan.context.metrics.len();
    let nothing = || -> Vec<Vec<bool>> {
        merged.grids.iter().step_by(metrics).map(|grid| vec![false; grid.status.len()]).collect()
    };
    let (mut effects, mut estimates) = (nothing(), nothing());
    merged.baselines.fill(CellStatus::NotDrawn);
    for tile in &plan.tiles {
        let (Some((grid, cells)), Some(score)) = (tile.work.cells(), Score::of(&tile.work)) else { continue };
        let of_score = if score == Score::Effect { &mut effects } else { &mut estimates };
        let first = tile.iteration as usize * merged.grids[grid as usize * metrics].cells();
        for cell in cells.iter().cloned().flatten() {
            of_score[grid as usize][first + cell as usize] = true;
        }
    }
    for (index, grid) in merged.grids.iter_mut().enumerate() {
        for (status, &is_drawn) in grid.status.iter_mut().zip(&effects[index / metrics]) {
            if !is_drawn {
                *status = CellStatus::NotDrawn;
            }
        }
        for (estimate, &is_drawn) in grid.estimate.iter_mut().zip(&estimates[index / metrics]) {
            if !is_drawn {
                *estimate = f32::NAN;
            }
        }
    }
}

/// Which of a cell's means.
#[derive(Clone, Copy)]
enum Mean {
    Effect,
    Value,
    Estimate,
}

impl Mean {
    fn of(self, scores: &GridScores) -> &[f32] {
        match self {
            Self::Effect => &scores.effect,
            Self::Value => &scores.value,
            Self::Estimate => &scores.estimate,
        }
    }

    fn name(self) -> &'static str {
        match self {
            Self::Effect => "effect",
            Self::Value => "value",
            Self::Estimate => "estimate",
        }
    }
}

/// The largest difference so far.
#[derive(Default)]
struct Largest {
    difference: f64,
    /// Place in its tensors.
    at: Option<(usize, Mean)>,
}

impl Largest {
    fn see(&mut self, theirs: &GridScores, ours: &GridScores, place: usize, means_of_cell: &[Mean]) {
        for &mean in means_of_cell {
            let difference = means::difference(mean.of(theirs)[place].into(), mean.of(ours)[place].into());
            if self.at.is_none() || difference > self.difference {
                (self.difference, self.at) = (difference, Some((place, mean)));
            }
        }
    }
}

fn tensor_name(plan: &Plan, scores: &GridScores, score: Score) -> String {
    let name = match scores.metric {
        0 => scores.grid.clone(),
        metric => format!("{}@{}", scores.grid, plan.context.metrics[metric].name),
    };
    match score {
        Score::Effect => name,
        Score::Estimate => format!("{name}.estimate"),
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
