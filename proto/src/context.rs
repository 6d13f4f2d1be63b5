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

impl SweepContext {
    /// BLAKE3 over the wire encoding, which is deterministic: it has no maps.
    #[must_use]
    pub fn digest(&self) -> Digest {
        Digest::of(&crate::wire::encode_context(self))
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
