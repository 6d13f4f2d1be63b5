//! Multiply-adds of estimates. They do not depend on how many cells there are.

use std::collections::BTreeSet;

use patchsweep_core::context::{Iteration, SweepContext};
use patchsweep_core::estimate::Gradients;
use patchsweep_core::grid::{Axis, Component, Grid, PatchValue};

use super::{CostModel, saturated};

/// What one backward pass counts for, in forward passes of the same prompts: as usual, two. Each product of a forward pass has a
/// gradient by each of its two factors.
pub const BACKWARD: u64 = 2;

impl CostModel<'_> {
    /// The estimates of all cells of one prompt in an iteration: for each point at which gradients are taken a forward pass with
    /// its metrics, and a backward pass for each metric; the unpatched run's metrics; and patterns that are made of other queries or keys.
    #[must_use]
    pub fn estimates(&self, context: &SweepContext, iteration: &Iteration) -> u64 {
        let estimated = || context.grids.iter().filter(|grid| grid.estimate.is_some());
        let ways: BTreeSet<Gradients> = estimated().filter_map(|grid| Some(grid.estimate?.gradients)).collect();
        if ways.is_empty() {
            return 0;
        }
        let positions = iteration.last_read().map_or(1, |last| last + 1);
        let reads = iteration.reads.len() as u128;
        let forward = self.whole_run(0, positions) + reads * (self.logits + self.clean_logits);
        let points: u128 = ways.into_iter().map(|way| u128::from(way.steps())).sum();
        let passes = points * (1 + u128::from(BACKWARD) * context.metrics.len() as u128) * forward;
        let scores = u128::from(positions) * u128::from(positions) * self.queries;
        let patterns: u128 = estimated().map(|grid| patterns(grid) * grid.indices(Axis::Layer).len() as u128).sum();
        let unpatched = u128::from(self.unpatched_scores(iteration, 1));
        saturated(passes + unpatched + patterns * scores)
    }
}

/// Patterns that are computed in each layer: what other queries or keys give, and what they gave before.
fn patterns(grid: &Grid) -> u128 {
    match grid.component {
        Component::Pattern if matches!(grid.value, PatchValue::Other | PatchValue::Knockout) => 1,
        _ if grid.estimate.is_some_and(|estimate| estimate.recompute_pattern) => 2,
        _ => 0,
    }
}
