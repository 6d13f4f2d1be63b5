//! Random metrics.

use patchsweep_core::metric::{Difference, Metric, MetricKind, Reduce, ReducedSets, TokenScore};
use patchsweep_core::token_sets::TokenSets;
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::{select, subsequence};

use super::scenario::Sizes;

/// One to three metrics of any kinds.
///
/// `candidates`: compared by each metric that has any, perhaps among further tokens.
pub(crate) fn metrics(candidates: Vec<u32>, sizes: Sizes) -> impl Strategy<Value = Vec<Metric>> {
    let Sizes { d_vocab, prompts, .. } = sizes;
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
        differences(d_vocab, prompts).prop_map(MetricKind::Difference),
    ];
    let named = |(place, kind): (usize, MetricKind)| {
        let name = format!("{place}-{}", kind.name());
        Metric { name, kind, normalize: false }
    };
    vec(kind, 1..=3).prop_map(move |kinds| kinds.into_iter().enumerate().map(named).collect())
}

/// Differences between sets of up to five tokens, one for all prompts or one for each; of two parts of the vocabulary, so that
/// no prompt has a token in both.
fn differences(d_vocab: u32, prompts: u32) -> impl Strategy<Value = Difference> {
    let vocabulary: Vec<u32> = (0..d_vocab).collect();
    let parts = (Just(vocabulary).prop_shuffle(), 2..d_vocab as usize - 2);
    parts.prop_flat_map(move |(tokens, cut)| {
        let (right, wrong) = tokens.split_at(cut);
        let sides = (sides(right.to_vec(), prompts), proptest::option::weighted(0.8, sides(wrong.to_vec(), prompts)));
        (select(TokenScore::ALL.to_vec()), sides).prop_map(|(of, (right, wrong))| Difference { of, right, wrong })
    })
}

fn sides(tokens: Vec<u32>, prompts: u32) -> impl Strategy<Value = ReducedSets> {
    let most = tokens.len().min(5);
    let set = subsequence(tokens, 1..=most).prop_shuffle();
    let sets = select(vec![1, prompts as usize]).prop_flat_map(move |count| vec(set.clone(), count));
    (sets, select(Reduce::ALL.to_vec())).prop_map(|(sets, reduce)| {
        let sizes = sets.iter().map(|set| u32::try_from(set.len()).expect("few"));
        ReducedSets { sets: TokenSets::new(sets.concat(), sizes).expect("sets"), reduce }
    })
}
