//! Estimates as their definition says: how fast a metric changes where an activation begins to change.
//!
//! For each cell two whole runs for each point, whose activation is a little before and a little behind it, in float64. No
//! gradient is taken, and nothing is shared with another cell's.

use std::collections::BTreeSet;
use std::ops::Range;

use patchsweep_core::context::SweepContext;
use patchsweep_core::estimate::Estimate;
use patchsweep_core::grid::{Cell, Component, PatchValue};
use patchsweep_core::moments::Moments;
use patchsweep_core::scores::{CellScore, TileScores};
use patchsweep_core::writes::Write;
use tch::Tensor;

use super::cells::{PlainChunk, Run, narrow};
use super::hooks::{Recording, patched};
use super::knockouts::knockouts;
use super::{PlainTask, sites};
use crate::torch::tiles::chunk::Scores;

/// Half the distance of central differences, as a part of what a cell changes. What float64 rounds, some 1e-14 of a metric, is
/// divided by it; the distance's own error is its square times a third derivative. Both are far below what float32 can show.
const STEP: f64 = 1e-6;

/// An activation and by how much a cell changes it, float64.
struct Change {
    site: (u32, Component),
    by: Tensor,
}

impl PlainTask<'_> {
    /// Metrics of the run that is patched, then each cell's estimated effect, over some prompts of a part.
    pub(super) fn estimated(&self, part: &SweepContext, prompts: Range<u32>, means: &Recording) -> Vec<Scores> {
        let chunk = self.prompts(part, prompts);
        let cells = &*self.tile.patches(part);
        let (base_run, other_run) = self.runs();
        let changed: BTreeSet<_> = cells.iter().flat_map(|cell| [written(cell), moved(cell)]).collect();
        let base = chunk.record(base_run, &changed);
        let others = chunk.record(other_run, &sites(cells, PatchValue::Other));
        let clean = chunk.logits(Run::Clean, &[]);
        let unpatched = chunk.score(&chunk.logits(base_run, &[]), &clean);
        let [from, to] = [base_run, other_run].map(|run| chunk.embedding(run));
        let estimate = |cell: &Cell<'_>| -> Scores {
            let write = write_of(cell);
            let change = chunk.change(base_run, cell, &base, &self.replacement(&write, &others, means));
            let points = estimate_of(cell).gradients.points();
            let mut sums: Vec<Vec<f64>> = vec![vec![0.0; unpatched[0].len()]; unpatched.len()];
            for along in &points {
                let embedding = &from + (&to - &from) * *along;
                let [behind, before] = [STEP, -STEP].map(|step| {
                    let logits = chunk.logits_from(&embedding, None, &mut |layer, component, activation| {
                        if (layer, component) == change.site { activation + &change.by * step } else { activation }
                    });
                    chunk.score_wide(&logits, &clean)
                });
                let slopes = behind.into_iter().flatten().zip(before.into_iter().flatten());
                for (sum, (behind, before)) in sums.iter_mut().flatten().zip(slopes) {
                    *sum += (behind - before) / (2.0 * STEP) / f64::from(estimate_of(cell).steps());
                }
            }
            sums.into_iter().map(narrow).collect()
        };
        let estimates: Vec<Scores> = cells.iter().map(estimate).collect();
        [unpatched].into_iter().chain(estimates).collect()
    }
}

impl PlainChunk<'_> {
    /// What a cell changes of the run that is patched.
    fn change(&self, run: Run, cell: &Cell<'_>, base: &Recording, replacement: &Tensor) -> Change {
        let (write, site) = (write_of(cell), moved(cell));
        let before = base.at(site.0, site.1);
        if site == written(cell) && write.value != PatchValue::Knockout {
            return Change { site, by: patched(&write, &before, replacement) - before };
        }
        // The pattern that comes of what is written.
        let (knockouts, mut after) = (knockouts(std::iter::once(write)), Recording::default());
        let _ = self.logits_without(&knockouts, &self.embedding(run), None, &mut |layer, component, activation| {
            if (layer, component) == site {
                after.keep(layer, component, &activation);
            }
            if (layer, component) == written(cell) && site != written(cell) {
                patched(&write, &activation, replacement)
            } else {
                activation
            }
        });
        Change { site, by: after.at(site.0, site.1) - before }
    }
}

/// Estimates are of cells with one write.
fn write_of<'a>(cell: &Cell<'a>) -> Write<'a> {
    cell.writes().next().expect("a cell writes")
}

fn estimate_of(cell: &Cell<'_>) -> Estimate {
    cell.grid().estimate.expect("a grid of a tile of estimates has them")
}

/// What a cell writes.
pub(super) fn written(cell: &Cell<'_>) -> (u32, Component) {
    let write = write_of(cell);
    (write.layer, write.component)
}

/// What its estimate begins at.
pub(super) fn moved(cell: &Cell<'_>) -> (u32, Component) {
    let (layer, component) = written(cell);
    (layer, if estimate_of(cell).recompute_pattern { Component::Pattern } else { component })
}

/// The scores of a tile of estimates.
///
/// `runs` \[cells + 1\]\[metrics\]\[prompts\]: the run that is patched, then the estimated effects of the cells.
pub(super) fn estimate_scores(runs: &[Scores]) -> TileScores {
    let (unpatched, cells) = runs.split_first().expect("the run that is patched comes first");
    let wide = |numbers: &[f32]| -> Vec<f64> { numbers.iter().copied().map(f64::from).collect() };
    let score = |(effects, unpatched): (&Vec<f32>, &Vec<f32>)| {
        let (effects, unpatched) = (wide(effects), wide(unpatched));
        let values: Vec<f64> = effects.iter().zip(unpatched).map(|(effect, unpatched)| effect + unpatched).collect();
        CellScore { value: Moments::of(&values), effect: Moments::of(&effects) }
    };
    let scores = cells.iter().flat_map(|cell| cell.iter().zip(unpatched)).map(score).collect();
    TileScores { metrics: unpatched.len(), scores, prompt_effects: Vec::new() }
}
