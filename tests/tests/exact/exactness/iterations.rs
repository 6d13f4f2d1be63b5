//! Random tokens and corruptions of them.

use patchsweep_core::context::{Iteration, Noise};
use patchsweep_core::metric::Metric;
use patchsweep_core::tokens::TokenMatrix;
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::{select, subsequence};

use super::scenario::Sizes;

/// What makes the corrupted run another one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Corruption {
    /// Other tokens at some positions.
    Tokens,
    /// Other tokens here and there, so that some prompts keep all of theirs.
    FewTokens,
    /// Noise on the embeddings at some positions.
    Noise,
    /// Both, each at positions of its own.
    TokensAndNoise,
}

impl Corruption {
    pub(crate) const ALL: [Self; 4] = [Self::Tokens, Self::FewTokens, Self::Noise, Self::TokensAndNoise];
}

/// An iteration, still without the clean tokens.
#[derive(Clone, Debug)]
pub(crate) struct DrawnIteration {
    corruption: Corruption,
    /// Tokens that take the clean ones' place \[prompts, positions\].
    others: TokenMatrix,
    /// Where they do, for a whole column.
    columns: Vec<u32>,
    /// Where they do, for single tokens \[prompts, positions\].
    few: Vec<bool>,
    noise: Noise,
    reads: Vec<u32>,
    answers: Vec<u32>,
    wrong_answers: Vec<u32>,
}

impl DrawnIteration {
    /// The iteration of these prompts; without answers where no metric scores them.
    pub(crate) fn over(&self, clean: &TokenMatrix, metrics: &[Metric]) -> Iteration {
        let scores_answers = metrics.iter().any(|metric| metric.kind.scores_answers());
        let scored = |answers: &[u32]| if scores_answers { answers.to_vec() } else { Vec::new() };
        let positions = clean.positions();
        let replaced = |place: usize, pos: u32| match self.corruption {
            Corruption::Tokens | Corruption::TokensAndNoise => self.columns.contains(&pos),
            Corruption::FewTokens => self.few[place],
            Corruption::Noise => false,
        };
        let columns = (0..positions).cycle();
        let tokens = clean.ids().iter().zip(self.others.ids()).zip(columns).enumerate();
        let corrupted = tokens.map(|(place, ((&clean, &other), pos))| if replaced(place, pos) { other } else { clean });
        let corrupted = TokenMatrix::from_flat(clean.prompts(), positions, corrupted.collect()).expect("as many");
        let noisy = matches!(self.corruption, Corruption::Noise | Corruption::TokensAndNoise);
        Iteration {
            corrupted,
            noise: noisy.then(|| self.noise.clone()),
            reads: self.reads.clone(),
            answers: scored(&self.answers),
            wrong_answers: scored(&self.wrong_answers),
        }
    }
}

/// At least two tokens of the vocabulary, in any order.
pub(crate) fn candidates(d_vocab: u32) -> impl Strategy<Value = Vec<u32>> {
    subsequence((0..d_vocab).collect::<Vec<_>>(), 2..=12).prop_shuffle()
}

/// Token ids \[prompts, positions\].
pub(crate) fn token_ids(sizes: Sizes) -> impl Strategy<Value = TokenMatrix> {
    let Sizes { d_vocab, positions, prompts, .. } = sizes;
    vec(0..d_vocab, (prompts * positions) as usize)
        .no_shrink()
        .prop_map(move |ids| TokenMatrix::from_flat(prompts, positions, ids).expect("as many"))
}

fn noise(positions: Vec<u32>) -> impl Strategy<Value = Noise> {
    let most = positions.len();
    (subsequence(positions, 1..=most), 0.1f32..3.0, any::<u64>()).prop_map(|(positions, scale, seed)| Noise {
        positions,
        scale,
        seed,
    })
}

/// Up to three positions; mostly a late one is among them, because few patches reach the first ones.
fn reads(positions: u32) -> impl Strategy<Value = Vec<u32>> {
    let all: Vec<u32> = (0..positions).collect();
    (subsequence(all, 1..=3.min(positions as usize)), prop::bool::weighted(0.7)).prop_map(move |(mut reads, late)| {
        if late && let Some(last) = reads.last_mut() {
            *last = positions - 1;
        }
        reads
    })
}

/// One or two iterations whose answers are among the candidates.
pub(crate) fn drawn_iterations(
    sizes: Sizes,
    corruption: Corruption,
    candidates: &[u32],
) -> impl Strategy<Value = Vec<DrawnIteration>> + use<> {
    let Sizes { d_vocab, positions, listed, prompts } = sizes;
    let candidates = candidates.to_vec();
    let iteration =
        reads(listed).prop_flat_map(move |reads| {
            let all: Vec<u32> = (0..positions).collect();
            let answers = prompts as usize * reads.len();
            (
                token_ids(sizes),
                subsequence(all, 1..=positions as usize),
                vec(prop::bool::weighted(0.2), (prompts * positions) as usize),
                noise((0..listed).collect()),
                Just(reads),
                vec(select(candidates.clone()), answers).no_shrink(),
                vec(0..d_vocab, answers).no_shrink(),
            )
                .prop_map(move |(others, columns, few, noise, reads, answers, wrong_answers)| {
                    DrawnIteration { corruption, others, columns, few, noise, reads, answers, wrong_answers }
                })
        });
    vec(iteration, 1..=2)
}
