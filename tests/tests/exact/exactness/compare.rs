//! When scores in float32 count as equal to float64's.

use patchsweep_core::moments::Moments;

/// Largest error of a metric, relative to the size of the numbers that it is made from.
///
/// Float32 rounds each number by up to 6e-8 of its size. A logit of these models has at most some hundred roundings behind
/// it that do not average out within one sum (each of up to eight half blocks: a layer norm, two products, a softmax or
/// nonlinearity, an addition), and layer norms and attention enlarge what reaches them by a small factor: together some
/// 1e-6. Measured over 2400 cases: at most 3.5e-6. A wrong formula is off by orders of magnitude more.
const RELATIVE: f64 = 2e-5;

/// Logits are about this large at least: a metric near 0 is the difference of such numbers.
const LEAST_SCALE: f64 = 1.0;

/// Numbers as exact moments, and what float32 may have made of each.
pub(crate) struct Expected<'a> {
    /// \[prompts\]
    pub(crate) numbers: &'a [f64],
    /// Largest error of one of them.
    pub(crate) tolerance: f64,
}

/// Largest error of a metric whose values have these sizes.
pub(crate) fn tolerance<'a>(values: impl IntoIterator<Item = &'a f64>) -> f64 {
    RELATIVE * values.into_iter().fold(LEAST_SCALE, |scale, value| scale.max(value.abs()))
}

impl Expected<'_> {
    /// What is wrong with moments of such numbers.
    pub(crate) fn check(&self, found: Moments) -> Result<(), String> {
        let wanted = Moments::of(self.numbers);
        if found.count != wanted.count {
            return Err(format!("{} prompts, not {}", found.count, wanted.count));
        }
        // Not `>`, so that NaN is refused.
        let within = |difference: f64, bound: f64| difference.abs() <= bound;
        if !within(found.mean - wanted.mean, self.tolerance) {
            return Err(format!("mean {}, not {} (± {:.1e})", found.mean, wanted.mean, self.tolerance));
        }
        // Σ ((x + e) − mean)² with all |e| ≤ t: by Cauchy-Schwarz at most 2 t sqrt(n m2) + n t² away from Σ (x − mean)².
        #[allow(clippy::cast_precision_loss, reason = "few prompts")]
        let count = wanted.count as f64;
        let bound = 2.0 * self.tolerance * (count * wanted.m2).sqrt() + count * self.tolerance.powi(2);
        if !within(found.m2 - wanted.m2, bound) {
            return Err(format!("second moment {}, not {} (± {bound:.1e})", found.m2, wanted.m2));
        }
        Ok(())
    }
}
