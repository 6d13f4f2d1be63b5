//! The difference between clean and corrupted mean that `normalized` divides by, where it is more than rounding.

use patchsweep_core::context::SweepContext;

use super::compare::{MadeOf, coarser};

/// What rounding makes of baselines, metric by metric.
#[derive(Debug)]
pub(super) struct LeastRanges {
    /// One unit in the last place of a logit of order 10.
    unit: f64,
    /// What each metric is made of.
    metrics: Vec<MadeOf>,
}

impl LeastRanges {
    /// Logits of order 10 are between 8 and 16: the last of float32's 24 bits is 2^-20 there. Where the arithmetic has 11 or 8 bits, what
    /// comes to the logits is rounded 2^13 or 2^16 times as much.
    pub(super) fn of(context: &SweepContext) -> Self {
        let unit = coarser(context) / f64::from(1_u32 << 20);
        Self { unit, metrics: context.metrics.iter().map(|metric| MadeOf::of(&metric.kind)).collect() }
    }

    /// What the means of a metric may be apart and yet be the same number, rounded differently.
    ///
    /// A metric is a difference of logits at least, two for each run; the last roundings of the four alone are up to two units. So what
    /// is within one unit is no difference that anybody can see. Where the metric is larger than 10, logits are. Of a probability it is
    /// what a unit of its logarithm makes of it. One minus another may be far smaller than both, which are 1 together at most: what a
    /// unit makes of 1. A sum of many exponentials of them may be more.
    pub(super) fn rounding(&self, metric: usize, clean: f64, corrupted: f64) -> f64 {
        let scale = clean.abs().max(corrupted.abs());
        self.unit
            * match self.metrics[metric] {
                MadeOf::Logits => (scale / 10.0).max(1.0),
                MadeOf::Probability => scale,
                MadeOf::Probabilities => scale.max(1.0),
            }
    }
}
