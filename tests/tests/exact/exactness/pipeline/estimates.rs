//! Estimates in the results, and which of them are verified.

use std::collections::BTreeSet;

use patchsweep_core::grid::Grid;
use patchsweep_core::results::{CellStatus, GridScores};

use super::super::compare::tolerance;
use super::row::Scored;
use super::wanted::Wanted;

/// As estimates of single tiles are held to brute force: ten times what holds of a metric.
const WIDER: f64 = 10.0;

/// `estimated`, `unpatched`: \[replicates\]\[prompts\].
pub(super) fn check_estimate(
    (scores, at): Scored<'_>,
    estimated: Vec<Vec<f64>>,
    unpatched: &[Vec<f64>],
) -> Result<(), String> {
    let within = WIDER * tolerance(estimated.iter().chain(unpatched).flatten());
    let nothing: Vec<Vec<f64>> = estimated.iter().map(|of_prompts| vec![0.0; of_prompts.len()]).collect();
    let mut near = Wanted::new(estimated, &nothing).effect();
    near.within = within;
    near.check("estimate", scores.estimate[at])
}

/// Of an iteration's cells those with the strongest estimates have an effect, and as many of the others as were to be drawn.
pub(super) fn check_chosen(grid: &Grid, scores: &GridScores, iteration: usize, noops: &[bool]) -> Result<(), String> {
    let (top, sample) = grid.verify().map_or((0, 0), |verify| (verify.top as usize, verify.sample as usize));
    let strength = |place: &usize| scores.estimate[iteration * noops.len() + place].abs();
    let mut order: Vec<usize> = (0..noops.len()).filter(|&place| !noops[place]).collect();
    order.sort_by(|a, b| strength(b).total_cmp(&strength(a)).then(a.cmp(b)));
    let is_computed = |place: &usize| scores.status[iteration * noops.len() + place] == CellStatus::Computed;
    let computed: BTreeSet<usize> = (0..noops.len()).filter(is_computed).collect();
    let strongest: BTreeSet<usize> = order.iter().take(top).copied().collect();
    let wanted = order.len().min(top + sample);
    if strongest.is_subset(&computed) && computed.len() == wanted {
        return Ok(());
    }
    Err(format!("{computed:?} are verified, not {wanted} with the strongest, {strongest:?}"))
}
