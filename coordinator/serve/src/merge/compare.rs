//! Holding two computations of one tile against each other.

use patchsweep_core::context::SweepContext;
use patchsweep_core::metric::{Difference, MetricKind, TokenScore};
use patchsweep_core::model::Dtype;
use patchsweep_core::scores::{CellScore, TileScores};

/// By how much two computations of the same means may differ, metric by metric.
#[derive(Clone, Debug, PartialEq)]
pub struct Tolerances {
    /// Of differences of logits of order 10.
    logits: f64,
    /// What each metric is made of.
    metrics: Vec<MadeOf>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum MadeOf {
    /// Differences of logits, which may be larger than what is left.
    Logits,
    /// A probability, or the part of one that some tokens have.
    Probability,
    /// Several of these, which are 1 together at most.
    Probabilities,
}

impl MadeOf {
    pub(super) fn of(kind: &MetricKind) -> Self {
        match kind {
            kind if kind.is_probability() => Self::Probability,
            MetricKind::Difference(Difference { of: TokenScore::Prob, .. }) => Self::Probabilities,
            _ => Self::Logits,
        }
    }
}

/// How many times as much as float32 the arithmetic rounds: a power of two, as it has so many bits less.
pub(super) fn coarser(context: &SweepContext) -> f64 {
    let bits = match context.dtype {
        Dtype::Float32 if context.tf32 => 13,
        Dtype::Float32 => 0,
        Dtype::Float16 => 13,
        Dtype::Bfloat16 => 16,
    };
    f64::from(1_u32 << bits)
}

/// Of a probability, nothing that is off by more than this part of it is rounding.
const MOST_OF_PROBABILITY: f64 = 0.5;

impl Tolerances {
    /// Another order of additions in a forward pass changes a logit by some units in the last place of the numbers that are added
    /// up, which for the metrics here are of order 10. The tests hold float32 scores to 2e-5 of float64; so two of them differ by
    /// less than 4e-5, and by 2^13 and 2^16 times that at most where the arithmetic has so many bits less.
    #[must_use]
    pub fn of(context: &SweepContext) -> Self {
        let logits = match context.dtype {
            Dtype::Float32 if context.tf32 => 0.4,
            Dtype::Float32 => 1e-4,
            Dtype::Float16 => 0.4,
            Dtype::Bfloat16 => 3.0,
        };
        Self { logits, metrics: context.metrics.iter().map(|metric| MadeOf::of(&metric.kind)).collect() }
    }

    /// Of estimates of the same sweep, whose metric's size is not known.
    #[must_use]
    pub fn of_estimates(&self) -> Self {
        Self { logits: self.logits, metrics: vec![MadeOf::Logits; self.metrics.len()] }
    }

    /// Of one metric; `scale`: its largest magnitude in the runs whose means are compared.
    ///
    /// The logarithm of a probability p is a metric of logits: it differs by t, their tolerance, where logits are of order 10, and by
    /// as much more as they are larger. They are as large as log p, which is a difference of them: t (1 - log(p) / 10) is no less than
    /// either. So p differs by p t (1 - log(p) / 10). That is concave: of the mean over prompts it is no less than the mean of what it
    /// is of each. Where it comes near to p itself nothing would be refused: it ends at a half of p. That is 0.4 in the logarithm, six
    /// units in the last place of a logit of order 10 in bfloat16, and 500 times what was found there (`docs/checking.md`).
    ///
    /// Of two sets of tokens, which have none in common, the probabilities are 1 at most together, however small their difference.
    /// What it is of both is largest where each is a half.
    #[must_use]
    pub fn of_metric(&self, metric: usize, scale: f64) -> f64 {
        let of_probability = |p: f64| p * (self.logits * (1.0 - p.ln() / 10.0)).min(MOST_OF_PROBABILITY);
        let tolerance = match self.metrics.get(metric) {
            Some(MadeOf::Probability) => of_probability(scale.clamp(SMALLEST, 1.0)),
            Some(MadeOf::Probabilities) => 2.0 * of_probability(0.5),
            Some(MadeOf::Logits) | None => self.logits,
        };
        two_digits(tolerance)
    }
}

/// Products of gradients with changes, and metrics below come near to float32's smallest numbers.
const SMALLEST: f64 = 1e-27;

fn two_digits(number: f64) -> f64 {
    format!("{number:.1e}").parse().unwrap_or(number)
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
    two_digits(coarser(context) * (2e-3 * largest).max(rounding(metric, scale)))
}

/// What float32 makes of estimates whose terms cancel, of a metric of this size.
///
/// Of logits and their logarithms of probabilities: 5e-7 in the tests, and 1e-5 of the metric's size with room, of which 1 is the
/// least as logits are about so large: a metric near 0 is the difference of such numbers.
///
/// A probability p is no such difference. dp = p d(log p): its terms are p times those of its logarithm, and so is what is rounded of
/// them, 1e-5 of p |log p| and of p. p (1 - log p) is concave: of the mean over prompts it is no less than the mean of what it is of
/// each. The exact side is far below: float64 rounds p by some 1e-14 of itself, and the step of central differences, a millionth,
/// makes that 1e-8.
fn rounding(metric: &MetricKind, scale: f64) -> f64 {
    let scale = if metric.is_probability() {
        let p = scale.max(SMALLEST);
        p * (1.0 - p.ln())
    } else {
        scale.max(1.0)
    };
    1e-5 * scale
}

/// How far apart two computations are, and how far they may be.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Apart {
    /// Between two means of value or effect, in the metric's unit; infinite where only one of them is a number, or where they are
    /// not of the same cells.
    pub difference: f64,
    /// Of that metric.
    pub tolerance: f64,
}

impl Apart {
    /// By more than rounding.
    #[must_use]
    pub fn is_too_far(&self) -> bool {
        self.difference > self.tolerance
    }
}

/// Two computations of a tile, under the metric under which they are furthest apart, measured by its tolerance.
#[must_use]
pub fn furthest(tolerances: &Tolerances, one: &TileScores, other: &TileScores) -> Apart {
    if one.scores.len() != other.scores.len() || one.metrics != other.metrics {
        return Apart { difference: f64::INFINITY, tolerance: tolerances.logits };
    }
    let of_metric = |metric: usize| {
        let of = |scores: &TileScores| -> Vec<CellScore> {
            scores.scores.iter().skip(metric).step_by(scores.metrics).copied().collect()
        };
        let (one, other) = (of(one), of(other));
        let means = |score: &CellScore| [score.value.mean, score.effect.mean];
        let pairs = one.iter().flat_map(means).zip(other.iter().flat_map(means));
        let difference = pairs.map(|(a, b)| difference(a, b)).fold(0.0, f64::max);
        // The run that is patched is what the effect is beside the value.
        let runs = |score: &CellScore| [score.value.mean, score.value.mean - score.effect.mean];
        let sizes = one.iter().chain(&other).flat_map(runs).filter(|mean| mean.is_finite()).map(f64::abs);
        Apart { difference, tolerance: tolerances.of_metric(metric, sizes.fold(0.0, f64::max)) }
    };
    let excess = |apart: &Apart| apart.difference / apart.tolerance;
    let all = (0..one.metrics).map(of_metric);
    all.max_by(|a, b| excess(a).total_cmp(&excess(b)))
        .unwrap_or(Apart { difference: 0.0, tolerance: tolerances.logits })
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
    use patchsweep_core::metric::{Metric, Reduce, ReducedSets};
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

    fn tolerances(kind: MetricKind, dtype: Dtype) -> Tolerances {
        let plan = patchsweep_plan::fixtures::plan(patchsweep_core::status::PlanOptions::default());
        let metrics = vec![Metric { name: "m".into(), kind, normalize: false }];
        Tolerances::of(&SweepContext { metrics, dtype, ..SweepContext::clone(&plan.context) })
    }

    fn difference_of_probabilities() -> MetricKind {
        let side = |token| ReducedSets { sets: TokenSets::new(vec![token], [1]).expect("a set"), reduce: Reduce::Sum };
        MetricKind::Difference(Difference { of: TokenScore::Prob, right: side(1), wrong: Some(side(2)) })
    }

    #[test]
    fn means_may_be_apart_by_what_their_metric_is_made_of() {
        let of = |kind: MetricKind, dtype, scale| tolerances(kind, dtype).of_metric(0, scale);
        let float32 = |kind: MetricKind, scale| of(kind, Dtype::Float32, scale);
        assert_eq!([1e-3, 50.0].map(|scale| float32(MetricKind::LogitDiff, scale).to_bits()), [1e-4_f64.to_bits(); 2]);
        // log 0.1 is -2.3.
        let wanted = [1e-4, 1.2e-5, 2.4e-10].map(f64::to_bits);
        assert_eq!([1.0, 0.1, 1e-6].map(|p| float32(MetricKind::Prob, p).to_bits()), wanted);
        assert!(float32(MetricKind::Prob, 0.0) > 0.0);
        for dtype in [Dtype::Float16, Dtype::Bfloat16] {
            for p in [1.0, 0.1, 1e-3, 1e-9] {
                assert!(of(MetricKind::Prob, dtype, p) <= 0.5 * p * 1.05, "{dtype:?}, {p}");
            }
        }
        let of_both = |dtype| of(difference_of_probabilities(), dtype, 1e-3);
        let wanted = [1.1e-4, 0.43, 0.5].map(f64::to_bits);
        assert_eq!([Dtype::Float32, Dtype::Float16, Dtype::Bfloat16].map(|dtype| of_both(dtype).to_bits()), wanted);
        assert_eq!(of(MetricKind::Kl, Dtype::Bfloat16, 1e-3).to_bits(), 3.0_f64.to_bits());
    }

    #[test]
    fn an_effect_of_a_probability_that_has_the_wrong_sign_is_too_far_in_every_dtype() {
        let tile = |patched: f32| TileScores {
            metrics: 1,
            scores: vec![CellScore::of(&[patched], &[0.06])],
            by_prompt: Vec::new(),
        };
        for dtype in [Dtype::Float32, Dtype::Float16, Dtype::Bfloat16] {
            let of = tolerances(MetricKind::Prob, dtype);
            let apart = furthest(&of, &tile(0.02), &tile(0.10));
            assert!(apart.is_too_far(), "{dtype:?}: {apart:?}");
            assert!(!furthest(&of, &tile(0.02), &tile(0.020_000_1)).is_too_far(), "{dtype:?}");
            assert!(!furthest(&of.of_estimates(), &tile(0.02), &tile(0.020_000_1)).is_too_far(), "{dtype:?}");
        }
    }

    #[test]
    fn the_metric_that_is_furthest_apart_by_its_tolerance_counts_and_nan_equals_nan_only() {
        let of = tolerances(MetricKind::LogitDiff, Dtype::Float32);
        let between = |one: &[f32], other: &[f32]| furthest(&of, &scores(one), &scores(other)).difference.to_bits();
        assert_eq!(between(&[1.0, -2.0], &[1.5, -2.25]), 0.5f64.to_bits());
        assert_eq!(between(&[f32::NAN], &[f32::NAN]), 0.0f64.to_bits());
        assert_eq!(between(&[f32::INFINITY], &[f32::INFINITY]), 0.0f64.to_bits());
        for other in [&[1.0][..], &[f32::INFINITY], &[f32::NAN, 1.0]] {
            assert_eq!(between(&[f32::NAN], other), f64::INFINITY.to_bits());
        }
        // The second metric is a probability: a hundredth of it is more than a thousandth of a logit.
        let both = Tolerances { metrics: vec![MadeOf::Logits, MadeOf::Probability], ..of };
        let tile = |numbers: &[f32]| TileScores { metrics: 2, ..scores(numbers) };
        let apart = furthest(&both, &tile(&[5.0, 0.01]), &tile(&[5.001, 0.0101]));
        assert!((apart.difference - 1e-4).abs() < 1e-8 && apart.tolerance < 1e-5, "{apart:?}");
    }
}
