//! Random metrics.

use patchsweep_core::metric::{Metric, MetricKind};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::subsequence;

/// One to three metrics of any kinds.
///
/// `candidates`: compared by each metric that has any, perhaps among further tokens.
pub(crate) fn metrics(candidates: Vec<u32>, d_vocab: u32) -> impl Strategy<Value = Vec<Metric>> {
    let others: Vec<u32> = (0..d_vocab).filter(|token| !candidates.contains(token)).collect();
    let with_others = move || {
        let candidates = candidates.clone();
        subsequence(others.clone(), 0..=4).prop_map(move |others| [candidates.clone(), others].concat()).prop_shuffle()
    };
    let kind = prop_oneof![
        with_others().prop_map(|candidates| MetricKind::LogitDiffMax { candidates }),
        with_others().prop_map(|candidates| MetricKind::LogitDiffMean { candidates }),
        Just(MetricKind::LogitDiff),
        Just(MetricKind::Logprob),
        Just(MetricKind::Prob),
        Just(MetricKind::Kl),
    ];
    let named = |(place, kind): (usize, MetricKind)| {
        let name = format!("{place}-{}", kind.name());
        Metric { name, kind, normalize: false }
    };
    vec(kind, 1..=3).prop_map(move |kinds| kinds.into_iter().enumerate().map(named).collect())
}
