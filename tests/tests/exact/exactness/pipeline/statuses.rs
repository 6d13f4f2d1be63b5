//! Which tensors results have, and what each cell is worth.

use patchsweep_core::context::SweepContext;
use patchsweep_core::grid::Grid;
use patchsweep_core::results::{CellStatus, GridScores};

/// The tensors that there should be, and no others.
pub(super) fn check_tensors(
    context: &SweepContext,
    grid: &Grid,
    scores: &GridScores,
    metric: usize,
) -> Result<(), String> {
    let extents: Vec<usize> = grid.extents().into_iter().map(|extent| extent as usize).collect();
    if (&scores.grid, scores.metric, scores.extents()) != (&grid.name, metric, extents) {
        return Err(format!("{} of metric {} has {:?} cells", scores.grid, scores.metric, scores.extents()));
    }
    let has = [
        ("normalized", &scores.normalized, context.metrics[metric].normalize),
        ("between", &scores.between, context.replicates > 1),
        ("prompts", &scores.per_prompt, context.per_prompt),
        ("estimate", &scores.estimate, grid.estimate.is_some()),
    ];
    match has.iter().find(|(_, tensor, should)| tensor.is_empty() == *should) {
        Some((name, ..)) => Err(format!("tensor {name} is there and should not be, or the other way round")),
        None => Ok(()),
    }
}

/// Every cell is computed, or a no-op, or an estimate that nothing verifies; over all prompts where it has a score.
pub(super) fn check_statuses(
    grid: &Grid,
    scores: &GridScores,
    iteration: usize,
    noops: &[bool],
    prompts: u32,
) -> Result<(), String> {
    for (place, &noop) in noops.iter().enumerate() {
        let at = iteration * noops.len() + place;
        let (status, effect, count) = (scores.status[at], scores.effect[at], scores.count[at]);
        let is_right = match status {
            CellStatus::NoOp => noop && effect.to_bits() == 0 && count == u64::from(prompts),
            CellStatus::Computed => !noop && count == u64::from(prompts),
            CellStatus::NotDrawn => !noop && grid.estimate.is_some() && effect.is_nan() && count == 0,
            _ => false,
        };
        if !is_right {
            return Err(format!("cell {place} is {status:?}, {effect} over {count} prompts; a no-op: {noop}"));
        }
    }
    Ok(())
}
