//! What a knockout makes of attention probabilities: of all of a row, as what is left of it adds up to 1.

use patchsweep_core::grid::{Axis, Component, Grid, PatchValue};
use tch::{Kind, Tensor};

use super::new_patterns::base_scores;
use crate::torch::numbers::length;
use crate::torch::patch::values::Patch;
use crate::torch::positions::Positions;

/// What becomes of a layer's pattern.
pub(super) enum Knockout {
    /// The difference of two patterns, float64 \[prompts, head, dest, src\]: all of a cell's sources are knocked out at once.
    AtOnce(Tensor),
    /// Of each source alone.
    OfEach {
        /// The pattern before, float64 \[prompts, head, dest, src\].
        pattern: Tensor,
        /// Rows that attend to one source only, and keep it: bool \[dest, 1\].
        stays: Tensor,
    },
}

impl Knockout {
    /// Of a grid over patterns in one layer.
    pub(super) fn of(patch: &Patch<'_>, grid: &Grid, layer: u32) -> Self {
        let all = Positions::between(0, patch.last);
        let before = base_scores(patch, layer);
        let pattern = before.softmax(-1, None);
        if grid.axes.contains(&Axis::SrcPos) {
            let attended = patch.exec.hidden(layer, &all, &all).logical_not();
            let stays = attended.sum_dim_intlist([-1].as_slice(), true, Kind::Int64).eq(1);
            return Self::OfEach { pattern, stays };
        }
        let sources = grid.indices(Axis::SrcPos).iter().map(|&source| i64::from(source));
        let out = patch.knocked_out(layer, &Positions::new(sources), &all);
        Self::AtOnce(before.masked_fill(&out, f64::NEG_INFINITY).softmax(-1, None) - pattern)
    }

    /// What a gradient by the pattern \[prompts, head, dest, src\] makes of it, of the same shape, or with one source for all.
    pub(super) fn terms(&self, gradient: &Tensor) -> Tensor {
        let gradient = gradient.to_kind(Kind::Double);
        match self {
            Self::AtOnce(difference) => (gradient * difference).sum_dim_intlist([-1].as_slice(), true, Kind::Double),
            // Without s, p_t becomes p_t / Σ p over the others, so that Σ g Δp = p_s (the mean of g over the others - g_s).
            Self::OfEach { pattern, stays } => {
                let mean = sum_of_others(&(&gradient * pattern)) / sum_of_others(pattern);
                (pattern * (mean - gradient)).masked_fill(stays, 0.0)
            }
        }
    }
}

/// Whether the estimates of a grid's cells are of all of a row's sources together.
pub(super) fn is_at_once(grid: &Grid, axis: Axis) -> bool {
    let is_knockout = grid.component == Component::Pattern && grid.value == PatchValue::Knockout;
    is_knockout && axis == Axis::SrcPos && !grid.axes.contains(&axis)
}

/// Along the last dimension, for each entry; of what is before it and what is behind, as a difference of sums would lose the rest of a
/// row that is nearly all in one place.
fn sum_of_others(x: &Tensor) -> Tensor {
    let count = length(x.size().len()) - 1;
    let before = |x: &Tensor| {
        let none = x.narrow(count, 0, 1).zeros_like();
        let all = Tensor::cat(&[none, x.cumsum(count, Kind::Double)], count);
        all.narrow(count, 0, x.size().last().copied().unwrap_or_default())
    };
    before(x) + before(&x.flip([count])).flip([count])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::torch::numbers::host_wide;

    #[test]
    fn the_others_of_a_row_that_is_nearly_all_in_one_place_are_not_lost() {
        let row = Tensor::from_slice(&[1e-30, 1.0, 2e-30]).view([1, 3]);
        for (found, wanted) in host_wide(&sum_of_others(&row)).into_iter().zip([1.0, 3e-30, 1.0]) {
            assert!((found / wanted - 1.0_f64).abs() < 1e-12, "{found}, not {wanted}");
        }
    }
}
