//! Everything that a worker needs to know of a sweep.

use crate::causality::PromptPair;
use crate::digest::Digest;
use crate::grid::Grid;
use crate::metric::Metric;
use crate::model::{Dtype, ModelRef, ModelShape};
use crate::tokens::TokenMatrix;

/// The part of a plan that decides the scores. Immutable; identified by its digest.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SweepContext {
    /// The model, by name.
    pub model: ModelRef,
    /// Its sizes.
    pub shape: ModelShape,
    /// Arithmetic of the forward pass.
    pub dtype: Dtype,
    /// Clean prompts, BOS included.
    pub clean: TokenMatrix,
    /// At least one.
    pub iterations: Vec<Iteration>,
    /// At least one; the first is the main one.
    pub metrics: Vec<Metric>,
    /// At least one.
    pub grids: Vec<Grid>,
}

/// One patching experiment over all prompts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Iteration {
    /// Corrupted prompts, of the clean prompts' shape.
    pub corrupted: TokenMatrix,
    /// The position whose next-token logits are scored.
    pub read: u32,
    /// Token id of the right answer \[prompts\].
    pub answers: Vec<u32>,
}

/// An answer that is not among a metric's candidates.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("answer {answer} of prompt {prompt} in iteration {iteration} is not among the candidates of metric `{metric}`")]
pub struct StrayAnswer {
    /// Index of the iteration.
    pub iteration: usize,
    /// Index of the prompt.
    pub prompt: usize,
    /// Token id.
    pub answer: u32,
    /// The metric's name.
    pub metric: String,
}

impl SweepContext {
    /// BLAKE3 over the wire encoding, which is deterministic: it has no maps.
    #[must_use]
    pub fn digest(&self) -> Digest {
        Digest::of(&crate::wire::encode_context(self))
    }

    /// The first answer that a metric cannot compare with its candidates, because it is none of them.
    #[must_use]
    pub fn stray_answer(&self) -> Option<StrayAnswer> {
        let metrics = || self.metrics.iter().map(|metric| (metric, metric.kind.candidates()));
        for (index, iteration) in self.iterations.iter().enumerate() {
            for (prompt, &answer) in iteration.answers.iter().enumerate() {
                if let Some((metric, _)) = metrics().find(|(_, candidates)| !candidates.contains(&answer)) {
                    return Some(StrayAnswer { iteration: index, prompt, answer, metric: metric.name.clone() });
                }
            }
        }
        None
    }

    /// One prompt, clean and corrupted, under one iteration.
    ///
    /// # Panics
    /// When there is no such iteration or prompt.
    #[must_use]
    pub fn prompt_pair(&self, iteration: u32, prompt: u32) -> PromptPair<'_> {
        let Iteration { corrupted, read, .. } = &self.iterations[iteration as usize];
        PromptPair { clean: self.clean.row(prompt), corrupted: corrupted.row(prompt), read: *read }
    }
}
