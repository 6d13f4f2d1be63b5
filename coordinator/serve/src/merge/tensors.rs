//! The tensors themselves: empty ones, and effects on single prompts, which go into them at once.

use std::ops::Range;

use patchsweep_core::context::SweepContext;
use patchsweep_core::grid::Grid;
use patchsweep_core::metric::Metric;
use patchsweep_core::results::{Baseline, CellStatus, GridScores};
use patchsweep_core::scores::{CellScore, TileScores};

use super::Merged;
use super::merger::Section;

/// Of a sweep none of whose tiles has been seen.
pub(super) fn empty(context: &SweepContext) -> Merged {
    let (metrics, iterations) = (context.metrics.len(), context.spec_iterations());
    let of_grid = |grid| context.metrics.iter().enumerate().map(move |metric| empty_grid(context, grid, metric));
    let kept = context.kept_prompts() as usize;
    let unknown = |count| vec![f32::NAN; count];
    let baseline =
        || Baseline { mean: unknown(iterations), stderr: unknown(iterations), per_prompt: unknown(iterations * kept) };
    let baselines = || vec![baseline(); metrics];
    Merged {
        clean: baselines(),
        corrupted: baselines(),
        baselines: vec![CellStatus::Failed; iterations],
        grids: context.grids.iter().flat_map(of_grid).collect(),
    }
}

impl Merged {
    /// One grid under each metric.
    pub(super) fn grid_mut(&mut self, grid: usize) -> &mut [GridScores] {
        let metrics = self.clean.len();
        &mut self.grids[grid * metrics..][..metrics]
    }
}

/// A grid under one metric, over all iterations; zeros, which take no memory before they are overwritten.
fn empty_grid(context: &SweepContext, grid: &Grid, (index, metric): (usize, &Metric)) -> GridScores {
    let places = context.spec_iterations() * grid.cells() as usize;
    let prompts = context.kept_prompts() as usize;
    GridScores {
        metric: index,
        grid: grid.name.clone(),
        component: grid.site_names(),
        writes: grid.words(),
        axes: grid.axes.iter().map(|axis| axis.name().to_owned()).collect(),
        indices: grid.axes.iter().map(|&axis| grid.coordinates(axis)).collect(),
        names: names(grid),
        effect: vec![0.0; places],
        value: vec![0.0; places],
        normalized: vec![0.0; if metric.normalize { places } else { 0 }],
        stderr: vec![0.0; places],
        count: vec![0; places],
        status: vec![CellStatus::default(); places],
        per_prompt: vec![0.0; places * prompts],
        between: vec![0.0; if context.replicates > 1 { places } else { 0 }],
        estimate: vec![0.0; if grid.estimate.is_some() { places } else { 0 }],
    }
}

/// Of the places along each axis; empty where there are none.
fn names(grid: &Grid) -> Vec<Vec<String>> {
    let along = |axis| grid.names(axis).unwrap_or_default().into_iter().map(str::to_owned).collect();
    let names: Vec<Vec<String>> = grid.axes.iter().map(|&axis| along(axis)).collect();
    if names.iter().all(Vec::is_empty) { Vec::new() } else { names }
}

/// Adds a tile's effects on each prompt, where they are kept, to those of other replicates. Prompts of no tile have an effect
/// of 0.
///
/// `tensors`: one grid under each metric.
pub(super) fn keep_effects(
    context: &SweepContext,
    section: &Section,
    tensors: &mut [GridScores],
    cells: &[Range<u32>],
    scores: &TileScores,
) {
    if scores.by_prompt.is_empty() {
        return;
    }
    let places = prompt_places(context, section);
    let mut effects = scores.by_prompt.chunks(section.prompts.len());
    for cell in cells.iter().cloned().flatten() {
        for (tensor, effects) in tensors.iter_mut().zip(effects.by_ref()) {
            let own = effects_of(context, section, tensor, cell as usize);
            places.iter().zip(effects).for_each(|(&place, &effect)| own[place] += effect);
        }
    }
}

/// Of cells that no tile computes over a section, under metrics that are not finite there: nobody knows which of its prompts has the
/// score that is not.
///
/// `untouched`: what each of the cells has \[metrics\].
pub(super) fn forget_effects(
    context: &SweepContext,
    section: &Section,
    tensors: &mut [GridScores],
    cells: Range<usize>,
    untouched: &[CellScore],
) {
    let is_finite = |score: &CellScore| score.effect.mean.is_finite();
    if !context.per_prompt || cells.is_empty() || untouched.iter().all(is_finite) {
        return;
    }
    let places = prompt_places(context, section);
    for (tensor, _) in tensors.iter_mut().zip(untouched).filter(|(_, score)| !is_finite(score)) {
        for cell in cells.clone() {
            let own = effects_of(context, section, tensor, cell);
            for &place in &places {
                own[place] = f32::NAN;
            }
        }
    }
}

/// Effects of a cell on each prompt, in the section's iteration.
fn effects_of<'a>(context: &SweepContext, section: &Section, tensor: &'a mut GridScores, cell: usize) -> &'a mut [f32] {
    let (iterations, prompts) = (context.spec_iterations(), context.clean.prompts() as usize);
    let first = context.spec_iteration(section.iteration) * (tensor.effect.len() / iterations);
    &mut tensor.per_prompt[(first + cell) * prompts..][..prompts]
}

/// Where effects on a section's prompts stand among those on all: results have prompts in the dataset's order.
pub(super) fn prompt_places(context: &SweepContext, section: &Section) -> Vec<usize> {
    section.prompts.clone().map(|prompt| context.groups.number(prompt) as usize).collect()
}
