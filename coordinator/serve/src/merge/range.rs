//! The difference between clean and corrupted mean that `normalized` divides by, where it is more than rounding.

use patchsweep_core::context::SweepContext;
use patchsweep_core::metric::Metric;

use super::compare::{MadeOf, coarser};

/// What rounding makes of baselines, metric by metric.
#[derive(Debug)]
pub(super) struct LeastRanges {
    /// One unit in the last place of a logit of order 10.
    unit: f64,
    /// Which metrics are made of probabilities.
    of_probabilities: Vec<bool>,
}

impl LeastRanges {
    /// Logits of order 10 are between 8 and 16: the last of float32's 24 bits is 2^-20 there. Where the arithmetic has 11 or 8 bits, what
    /// comes to the logits is rounded 2^13 or 2^16 times as much.
    pub(super) fn of(context: &SweepContext) -> Self {
        let unit = coarser(context) / f64::from(1_u32 << 20);
        let is_of_probabilities = |metric: &Metric| MadeOf::of(&metric.kind) != MadeOf::Logits;
        Self { unit, of_probabilities: context.metrics.iter().map(is_of_probabilities).collect() }
    }

    /// What the means of a metric may be apart and yet be the same number, rounded differently.
    ///
    /// A metric is a difference of logits at least, two for each run; the last roundings of the four alone are up to two units. So what
    /// is within one unit is no difference that anybody can see. Where the metric is larger than 10, logits are. Of probabilities it is
    /// what a unit of their logarithm makes of them.
    pub(super) fn rounding(&self, metric: usize, clean: f64, corrupted: f64) -> f64 {
        let scale = clean.abs().max(corrupted.abs());
        self.unit * if self.of_probabilities[metric] { scale } else { (scale / 10.0).max(1.0) }
    }
}
