//! The clean or the corrupted run under one metric, minus that of another sweep.

use patchsweep_core::results::Baseline;

use super::Pair;
use super::grid::standard_error;

/// Of two runs, as what looks like a run.
pub(super) fn difference(a: &Baseline, b: &Baseline, iterations: &[Pair], has_same_prompts: bool) -> Baseline {
    let is_paired = has_same_prompts && a.kept_prompts() > 0 && a.kept_prompts() == b.kept_prompts();
    let mut difference = Baseline::default();
    for &Pair { first, second } in iterations {
        difference.mean.push(a.mean[first] - b.mean[second]);
        if is_paired {
            let pairs = a.of_prompts(first).iter().zip(b.of_prompts(second));
            let by_prompt: Vec<f32> = pairs.map(|(a, b)| a - b).collect();
            difference.stderr.push(standard_error(&by_prompt));
            difference.per_prompt.extend(by_prompt);
        } else {
            difference.stderr.push(a.stderr[first].hypot(b.stderr[second]));
        }
    }
    difference
}
