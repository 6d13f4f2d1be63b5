//! Tensors over the features that were chosen, in place of all.

use patchsweep_core::grid::Axis;
use patchsweep_core::results::GridScores;
use patchsweep_plan::Plan;

use super::Merged;

impl Merged {
    /// Leaves out the features that results do not have; as long as none are chosen, they have all.
    pub fn show_chosen_features(&mut self, plan: &Plan) {
        let metrics = plan.context.metrics.len();
        for of_grid in plan.choice.iter().flat_map(|choice| &choice.features) {
            let all = plan.context.grids[of_grid.grid as usize].indices(Axis::Feature);
            let is_shown: Vec<bool> =
                all.iter().map(|feature| of_grid.features.binary_search(feature).is_ok()).collect();
            for scores in &mut self.grids[of_grid.grid as usize * metrics..][..metrics] {
                keep_features(scores, &is_shown);
            }
        }
    }
}

/// Keeps some of the places along the last axis, that of features.
fn keep_features(scores: &mut GridScores, is_shown: &[bool]) {
    let prompts = scores.per_prompt.len() / scores.effect.len().max(1);
    if let Some(features) = scores.indices.last_mut() {
        keep(features, 1, is_shown);
    }
    for tensor in [
        &mut scores.effect,
        &mut scores.value,
        &mut scores.normalized,
        &mut scores.stderr,
        &mut scores.between,
        &mut scores.estimate,
    ] {
        keep(tensor, 1, is_shown);
    }
    keep(&mut scores.count, 1, is_shown);
    keep(&mut scores.status, 1, is_shown);
    keep(&mut scores.per_prompt, prompts, is_shown);
}

/// `width`: of a place along the axis, in entries.
fn keep<T>(tensor: &mut Vec<T>, width: usize, is_shown: &[bool]) {
    let mut entry = 0;
    tensor.retain(|_| {
        let place = entry / width % is_shown.len();
        entry += 1;
        is_shown[place]
    });
    tensor.shrink_to_fit();
}
