//! Holding two computations of one tile against each other.

use patchsweep_core::context::SweepContext;
use patchsweep_core::model::Dtype;
use patchsweep_core::scores::{CellScore, TileScores};

/// By how much two computations of the same means may differ: another order of additions in a forward pass changes a logit by
/// some units in the last place of the numbers that are added up, which for the metrics here are of order 10. The tests
/// hold float32 scores to 2e-5 of float64; so two of them differ by less than 4e-5, and by 2^13 and 2^16 times that at most
/// where the arithmetic has so many bits less.
#[must_use]
pub fn tolerance(context: &SweepContext) -> f64 {
    match context.dtype {
        Dtype::Float32 if context.tf32 => 0.4,
        Dtype::Float32 => 1e-4,
        Dtype::Float16 => 0.4,
        Dtype::Bfloat16 => 3.0,
    }
}

/// By how much two computations of an estimate may differ, of which one is exact; `largest`: of the exact estimates, by magnitude;
/// `scale`: magnitude of the metric.
///
/// An estimate is a sum of products of gradients and changes. Float32 rounds each of them by some hundred units of 6e-8 of its
/// size at most, and terms cancel; the random sweeps of the tests (some 1,500 grids) are at most 5e-5 of their largest estimate
/// apart. 2e-3 leaves room for larger models, and finds what is off by a hundredth of the largest. Where all estimates are
/// next to nothing, what float32 makes of the metric itself is left, 5e-7 there: 1e-5 of its size, of which 1 is the least as
/// logits are about so large. As for effects, that is 2^13 and 2^16 times as much where the arithmetic has so many bits less: in
/// half precision no estimate is refused unless it is absurd. To two digits.
#[must_use]
pub fn estimate_tolerance(context: &SweepContext, largest: f64, scale: f64) -> f64 {
    let bits = match context.dtype {
        Dtype::Float32 if context.tf32 => 13,
        Dtype::Float32 => 0,
        Dtype::Float16 => 13,
        Dtype::Bfloat16 => 16,
    };
    let tolerance = f64::from(1_u32 << bits) * (2e-3 * largest).max(1e-5 * scale.max(1.0));
    format!("{tolerance:.1e}").parse().unwrap_or(tolerance)
}

/// The largest difference between means of value or effect, in the metrics' units; infinite where only one of them is a
/// number, or where they are not of the same cells.
#[must_use]
pub fn largest_difference(one: &TileScores, other: &TileScores) -> f64 {
    if one.scores.len() != other.scores.len() {
        return f64::INFINITY;
    }
    let means = |score: &CellScore| [score.value.mean, score.effect.mean];
    let pairs = one.scores.iter().flat_map(means).zip(other.scores.iter().flat_map(means));
    pairs.map(|(a, b)| difference(a, b)).fold(0.0, f64::max)
}

/// Between two means; 0 where both are no numbers, infinite where one of them is none.
#[must_use]
pub fn difference(a: f64, b: f64) -> f64 {
    let difference = (a - b).abs();
    if a.to_bits() == b.to_bits() || (a.is_nan() && b.is_nan()) {
        0.0
    } else if difference.is_nan() {
        f64::INFINITY
    } else {
        difference
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn scores(values: &[f32]) -> TileScores {
        let scores = values.iter().map(|&value| CellScore::of(&[value], &[0.0])).collect();
        TileScores { metrics: 1, scores, prompt_effects: Vec::new() }
    }

    #[test]
    fn an_estimate_may_be_off_by_a_part_of_the_largest_or_of_the_metric() {
        let plan = patchsweep_plan::fixtures::plan(patchsweep_core::status::PlanOptions::default());
        let context = SweepContext::clone(&plan.context);
        let of = |largest, scale| estimate_tolerance(&context, largest, scale);
        let wanted = [6e-3_f64, 1e-5, 4e-5];
        assert_eq!([of(3.0, 2.0), of(0.0, 0.5), of(1e-3, 4.0)].map(f64::to_bits), wanted.map(f64::to_bits));
        let bfloat16 = SweepContext { dtype: Dtype::Bfloat16, ..context.clone() };
        assert!(estimate_tolerance(&bfloat16, 3.0, 2.0) > 1e4 * of(3.0, 2.0));
    }

    #[test]
    fn the_largest_difference_counts_and_nan_equals_nan_only() {
        let between = |one: &[f32], other: &[f32]| largest_difference(&scores(one), &scores(other)).to_bits();
        assert_eq!(between(&[1.0, -2.0], &[1.5, -2.25]), 0.5f64.to_bits());
        assert_eq!(between(&[f32::NAN], &[f32::NAN]), 0.0f64.to_bits());
        assert_eq!(between(&[f32::INFINITY], &[f32::INFINITY]), 0.0f64.to_bits());
        for other in [&[1.0][..], &[f32::INFINITY], &[f32::NAN, 1.0]] {
            assert_eq!(between(&[f32::NAN], other), f64::INFINITY.to_bits());
        }
    }
}
