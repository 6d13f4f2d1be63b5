//! What a knockout makes of attention probabilities: of all of a row, as what is left of it adds up to 1.

use patchsweep_core::grid::{Axis, Component, Grid, PatchValue};
use tch::{Kind, Tensor};

use super::new_patterns::base_scores;
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
        /// The source that each row attends to most, int64 \[prompts, head, dest, 1\].
        most: Tensor,
        /// The pattern without it, float64 \[prompts, head, dest, src\].
        without_most: Tensor,
        /// Rows that attend to one source only, and keep it: bool \[dest, 1\].
        stays: Tensor,
    },
}

impl Knockout {
    /// Of a grid over patterns in one layer.
    pub(super) fn of(patch: &Patch<'_>, grid: &Grid, layer: u32) -> Self {
        let all = Positions::between(0, patch.last);
        let before = base_scores(patch, layer);
        if grid.axes.contains(&Axis::SrcPos) {
            return Self::of_each(&before, &patch.exec.hidden(layer, &all, &all));
        }
        let sources = grid.indices(Axis::SrcPos).iter().map(|&source| i64::from(source));
        Self::at_once(&before, &patch.knocked_out(layer, &Positions::new(sources), &all))
    }

    /// Of each source that is not hidden, bool \[dest, src\]; `before`: masked scores, float64 \[prompts, head, dest, src\].
    fn of_each(before: &Tensor, hidden: &Tensor) -> Self {
        let most = before.argmax(-1, true);
        let stays = hidden.logical_not().sum_dim_intlist([-1].as_slice(), true, Kind::Int64).eq(1);
        let without_most = before.scatter_value(-1, &most, f64::NEG_INFINITY).softmax(-1, None);
        Self::OfEach { pattern: before.softmax(-1, None), most, without_most, stays }
    }

    /// Of the sources that are `out` of each row, bool \[dest, src\]; `before`: as above.
    fn at_once(before: &Tensor, out: &Tensor) -> Self {
        Self::AtOnce(before.masked_fill(out, f64::NEG_INFINITY).softmax(-1, None) - before.softmax(-1, None))
    }

    /// What a gradient by the pattern \[prompts, head, dest, src\] makes of it, of the same shape, or with one source for all.
    pub(super) fn terms(&self, gradient: &Tensor) -> Tensor {
        let gradient = gradient.to_kind(Kind::Double);
        let sum = |x: Tensor| x.sum_dim_intlist([-1].as_slice(), true, Kind::Double);
        match self {
            Self::AtOnce(difference) => sum(gradient * difference),
            // Without s, p_t becomes p_t / (1 - p_s), so that Σ g Δp = p_s (Σ g p - g_s) / (1 - p_s). Of the source that a row attends
            // to most, 1 - p_s may be nothing but rounding, and so the others' part is made of their scores. It is half at least of any
            // other source.
            Self::OfEach { pattern, most, without_most, stays } => {
                let rest: Tensor = 1.0 - pattern;
                let of_each = pattern * (sum(&gradient * pattern) - &gradient) / rest;
                let at_most = |x: &Tensor| x.gather(-1, most, false);
                let of_most = at_most(pattern) * (sum(&gradient * without_most) - at_most(&gradient));
                of_each.scatter(-1, most, &of_most).masked_fill(stays, 0.0)
            }
        }
    }
}

/// Whether the estimates of a grid's cells are of all of a row's sources together.
pub(super) fn is_at_once(grid: &Grid, axis: Axis) -> bool {
    let is_knockout = grid.component == Component::Pattern && grid.value == PatchValue::Knockout;
    is_knockout && axis == Axis::SrcPos && !grid.axes.contains(&axis)
}

#[cfg(test)]
mod tests {
    use tch::Device;

    use super::*;
    use crate::torch::numbers::{host_wide, length};

    fn row(numbers: &[f64]) -> Tensor {
        Tensor::from_slice(numbers).view([1, 1, 1, -1])
    }

    /// What each source of a row of scores, knocked out alone, makes of a gradient.
    fn of_each(scores: &[f64], gradient: &[f64]) -> Vec<f64> {
        let hidden = row(scores).isneginf().view([1, -1]);
        host_wide(&Knockout::of_each(&row(scores), &hidden).terms(&row(gradient)))
    }

    /// The same of one source, as it is of all that are out.
    fn at_once(scores: &[f64], gradient: &[f64], source: usize) -> f64 {
        let out = Tensor::arange(length(scores.len()), (Kind::Int64, Device::Cpu)).eq(length(source)).view([1, -1]);
        host_wide(&Knockout::at_once(&row(scores), &out).terms(&row(gradient)))[0]
    }

    /// The same in logarithms: its probability, times what the others' mean gradient is more than its own.
    fn in_logarithms(scores: &[f64], gradient: &[f64], source: usize) -> f64 {
        let others = || (0..scores.len()).filter(|&other| other != source);
        let largest = others().map(|other| scores[other]).fold(f64::NEG_INFINITY, f64::max);
        let share = |other: usize| (scores[other] - largest).exp();
        let all: f64 = others().map(share).sum();
        let mean = others().map(|other| share(other) * gradient[other]).sum::<f64>() / all;
        let probability = 1.0 / (1.0 + (largest - scores[source]).exp() * all);
        probability * (mean - gradient[source])
    }

    #[test]
    fn each_source_alone_is_what_it_is_at_once_however_little_the_others_have() {
        const HIDDEN: f64 = f64::NEG_INFINITY;
        let rows: [&[f64]; 7] = [
            &[0.3, -0.2, 1.0, 0.9],
            &[0.0, 0.0, 0.0],
            // Shares of 1e-30, 1 and 2e-30.
            &[-69.078, 0.0, -68.385],
            // Shares that float64 has not.
            &[0.0, -800.0],
            &[-900.0, 0.0, -800.0, -800.5],
            &[0.0, -800.0, HIDDEN],
            // Shares of which float64 has few digits.
            &[0.0, -740.0, -741.0],
        ];
        for scores in rows {
            let gradient = &[2.0, -3.0, 0.5, 7.0][..scores.len()];
            for (source, found) in of_each(scores, gradient).into_iter().enumerate() {
                let wanted = in_logarithms(scores, gradient, source);
                // Numbers next to 0 have few digits.
                let near = (found - wanted).abs() <= 1e-12 * wanted.abs() + 1e-300;
                assert!(near, "{scores:?} without {source}: {found}, not {wanted}");
                let wanted = at_once(scores, gradient, source);
                assert!((found - wanted).abs() <= 1e-12, "{scores:?} without {source}: {found}, {wanted} at once");
            }
        }
    }

    #[test]
    fn a_row_keeps_its_only_source() {
        assert_eq!(of_each(&[0.5, f64::NEG_INFINITY], &[2.0, -3.0]), [0.0, 0.0]);
    }
}
