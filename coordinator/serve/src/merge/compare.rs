//! Holding two computations of one tile against each other.

use patchsweep_core::context::SweepContext;
use patchsweep_core::metric::MetricKind;
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
/// `scale`: magnitude of the metric where estimates begin.
///
/// An estimate is a sum of products of gradients and changes. Float32 rounds each of them by some hundred units of 6e-8 of its
/// size at most, and terms cancel; the random sweeps of the tests (some 1,500 grids) are at most 5e-5 of their largest estimate
/// apart. 2e-3 leaves room for larger models, and finds what is off by a hundredth of the largest. Where all estimates are
/// next to nothing, what float32 makes of the metric itself is left ([`rounding`]). As for effects, that is 2^13 and 2^16 times as
/// much where the arithmetic has so many bits less: in half precision no estimate is refused unless it is absurd. To two digits.
#[must_use]
pub fn estimate_tolerance(context: &SweepContext, metric: &MetricKind, largest: f64, scale: f64) -> f64 {
    let bits = match context.dtype {
        Dtype::Float32 if context.tf32 => 13,
        Dtype::Float32 => 0,
        Dtype::Float16 => 13,
        Dtype::Bfloat16 => 16,
    };
    let tolerance = f64::from(1_u32 << bits) * (2e-3 * largest).max(rounding(metric, scale));
    format!("{tolerance:.1e}").parse().unwrap_or(tolerance)
}

/// What float32 makes of estimates whose terms cancel, of a metric of this size.
///
/// Of logits and their logarithms of probabilities: 5e-7 in the tests, and 1e-5 of the metric's size with room, of which 1 is the
/// least as logits are about so large: a metric near 0 is the difference of such numbers.
///
/// A probability p is no such difference. dp = p d(log p): its terms are p times those of its logarithm, and so is what is rounded of
/// them, 1e-5 of p |log p| and of p. p (1 - log p) is concave: of the mean over prompts it is no less than the mean of what it is of
/// each. The exact side is far below: float64 rounds p by some 1e-14 of itself, and the step of central differences, a millionth,
/// makes that 1e-8. Below 1e-27 products of gradients with changes come near to float32's smallest numbers.
fn rounding(metric: &MetricKind, scale: f64) -> f64 {
    let scale = if metric.is_probability() {
        let p = scale.max(1e-27);
        p * (1.0 - p.ln())
    } else {
        scale.max(1.0)
    };
    1e-5 * scale
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
    use patchsweep_core::metric::{Difference, Reduce, ReducedSets, TokenScore};
    use patchsweep_core::token_sets::TokenSets;

    use super::*;

    fn scores(values: &[f32]) -> TileScores {
        let scores = values.iter().map(|&value| CellScore::of(&[value], &[0.0])).collect();
        TileScores { metrics: 1, scores, by_prompt: Vec::new() }
    }

    #[test]
    fn an_estimate_may_be_off_by_a_part_of_the_largest_or_of_the_metric() {
        let plan = patchsweep_plan::fixtures::plan(patchsweep_core::status::PlanOptions::default());
        let context = SweepContext::clone(&plan.context);
        let of = |largest, scale| estimate_tolerance(&context, &MetricKind::LogitDiff, largest, scale);
        let wanted = [6e-3_f64, 1e-5, 4e-5];
        assert_eq!([of(3.0, 2.0), of(0.0, 0.5), of(1e-3, 4.0)].map(f64::to_bits), wanted.map(f64::to_bits));
        let bfloat16 = SweepContext { dtype: Dtype::Bfloat16, ..context.clone() };
        assert!(estimate_tolerance(&bfloat16, &MetricKind::LogitDiff, 3.0, 2.0) > 1e4 * of(3.0, 2.0));
    }

    #[test]
    fn of_a_probability_the_part_is_of_what_it_is() {
        let plan = patchsweep_plan::fixtures::plan(patchsweep_core::status::PlanOptions::default());
        let of = |metric: &MetricKind, scale| estimate_tolerance(&plan.context, metric, 0.0, scale);
        let prob = |scale| of(&MetricKind::Prob, scale);
        // The logarithm of 1e-6 is -13.8, that of 1e-27 -62.2.
        let wanted = [1.5e-10_f64, 1e-5, 6.3e-31];
        assert_eq!([prob(1e-6), prob(1.0), prob(0.0)].map(f64::to_bits), wanted.map(f64::to_bits));
        let of_sets = |of, reduce, has_wrong: bool| {
            let side = || ReducedSets { sets: TokenSets::new(vec![1, 2], [2]).expect("a set"), reduce };
            MetricKind::Difference(Difference { of, right: side(), wrong: has_wrong.then(side) })
        };
        let sum = of_sets(TokenScore::Prob, Reduce::Sum, false);
        assert_eq!(of(&sum, 1e-6).to_bits(), prob(1e-6).to_bits());
        // Taken from each other, the probabilities may be far larger than what is left.
        for other in [
            of_sets(TokenScore::Prob, Reduce::Sum, true),
            of_sets(TokenScore::Prob, Reduce::Logsumexp, false),
            of_sets(TokenScore::Logprob, Reduce::Sum, false),
            MetricKind::Kl,
        ] {
            assert_eq!(of(&other, 1e-6).to_bits(), 1e-5_f64.to_bits(), "{other:?}");
        }
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
