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
