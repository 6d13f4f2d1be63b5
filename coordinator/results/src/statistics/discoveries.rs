//! Which of many tests found something.

use super::FALSE_DISCOVERY_RATE;

/// 1 for each p-value that is significant, otherwise 0; NaN is no test.
///
/// The step-up procedure of Benjamini and Hochberg, "Controlling the False Discovery Rate: A Practical and Powerful Approach
/// to Multiple Testing" (1995): of m p-values in ascending order, the first k are significant, where k is the largest number
/// with p_k ≤ k q / m. Equal p-values share their fate.
pub(super) fn among(p_values: &[f32]) -> Vec<u32> {
    let mut sorted: Vec<f32> = p_values.iter().copied().filter(|p| !p.is_nan()).collect();
    sorted.sort_unstable_by(f32::total_cmp);
    let tests = to_f64(sorted.len());
    let passes = |&(index, p): &(usize, &f32)| f64::from(*p) <= to_f64(index + 1) * FALSE_DISCOVERY_RATE / tests;
    let threshold = sorted.iter().enumerate().rfind(passes).map(|(_, &p)| p);
    p_values.iter().map(|&p| u32::from(threshold.is_some_and(|threshold| p <= threshold))).collect()
}

/// A sweep has fewer cells than 2^53.
#[allow(clippy::cast_precision_loss)]
fn to_f64(count: usize) -> f64 {
    count as f64
}
