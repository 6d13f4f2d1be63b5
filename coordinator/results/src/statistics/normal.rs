//! Intervals and tests of a mean whose distribution is normal, which it nearly is over many prompts.

use super::Inference;

/// The 97.5 % quantile of the standard normal distribution.
const QUANTILE: f64 = 1.959_963_984_540_054;

/// Interval mean ± 1.96 standard errors and two-sided test against 0: Wald's, for instance in Wasserman, "All of Statistics"
/// (2004), sections 6.3.2 and 10.1.
///
/// A standard error that is NaN, that of a single prompt, says nothing. One of 0 says that all prompts have the same effect:
/// then the interval is that effect, and the test has the p-value that it tends to, 1 for an effect of exactly 0 and 0 for
/// any other.
pub(super) fn infer(mean: f64, standard_error: f64) -> Inference {
    let half = QUANTILE * standard_error;
    Inference { low: mean - half, high: mean + half, p_value: p_value(mean, standard_error) }
}

/// Of |z| or more to both sides of 0: 2 (1 - Φ(|z|)) = erfc(|z| / √2), which is exact far from 0 too.
pub(super) fn p_value(mean: f64, standard_error: f64) -> f64 {
    if standard_error.is_nan() || mean.is_nan() {
        return f64::NAN;
    }
    // 0 / 0 is that of a mean which is exactly 0.
    let z = if mean == 0.0 { 0.0 } else { (mean / standard_error).abs() };
    libm::erfc(z / std::f64::consts::SQRT_2)
}
