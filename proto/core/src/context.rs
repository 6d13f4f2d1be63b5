//! Everything that a worker needs to know of a sweep.

use std::collections::BTreeSet;

use crate::architecture::Architecture;
use crate::causality::PromptPair;
use crate::grid::Grid;
use crate::groups::Groups;
use crate::metric::{Metric, MetricKind};
use crate::model::{Dtype, ModelRef};
use crate::tokens::TokenMatrix;

/// The part of a plan that decides the scores. Immutable; identified by its digest.
#[derive(Clone, Debug, PartialEq)]
pub struct SweepContext {
    /// The model, by name.
    pub model: ModelRef,
    /// What it is.
    pub architecture: Architecture,
    /// Arithmetic of the forward pass.
    pub dtype: Dtype,
    /// Let matrix products round their inputs to TF32 where the device can.
    pub tf32: bool,
    /// Which run is patched with the other's activations.
    pub direction: Direction,
    /// Clean prompts, BOS included.
    pub clean: TokenMatrix,
    /// At least one: each of the spec's iterations as often as there are replicates.
    pub iterations: Vec<Iteration>,
    /// At least one; the first is the main one.
    pub metrics: Vec<Metric>,
    /// At least one.
    pub grids: Vec<Grid>,
    /// Whether effects and baselines of each prompt are kept, beside their moments.
    pub per_prompt: bool,
    /// How often each of the spec's iterations is among `iterations`, with another corruption each time, one behind the
    /// other; at least 1.
    pub replicates: u32,
    /// How prompts differ in their positions, if they do. What is listed as a position is then the number of a spot.
    pub groups: Groups,
}

/// Which run is patched with the other's activations, and so is what effects are measured from.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Deserialize, serde::Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "lowercase")]
pub enum Direction {
    /// The clean run gets corrupted activations.
    #[default]
    Noising,
    /// The corrupted run gets clean activations.
    Denoising,
}

/// One patching experiment over all prompts.
#[derive(Clone, Debug, PartialEq)]
pub struct Iteration {
    /// Corrupted prompts, each as long as its clean one.
    pub corrupted: TokenMatrix,
    /// What is added to the corrupted prompts' embeddings.
    pub noise: Option<Noise>,
    /// The positions whose next-token logits are scored, ascending, at least one. Of spots each is one position.
    pub reads: Vec<u32>,
    /// Token ids of the right answers \[prompts, reads\], or none at all where no metric scores them.
    pub answers: Vec<u32>,
    /// Token ids of the wrong answers \[prompts, reads\], or none at all.
    pub wrong_answers: Vec<u32>,
}

/// Gaussian noise on embeddings, after Meng et al., "Locating and Editing Factual Associations in GPT" (2022).
#[derive(Clone, Debug, PartialEq)]
pub struct Noise {
    /// Where, ascending, at least one.
    pub positions: Vec<u32>,
    /// Standard deviation, as a multiple of that of the entries of the token embedding; positive.
    pub scale: f32,
    /// What the numbers are drawn from, together with prompt and position.
    pub seed: u64,
}

/// An answer that a metric cannot be computed for.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum StrayAnswer {
    /// It is none of the candidates.
    #[error(
        "answer {answer} of prompt {prompt} in iteration {iteration} is not among the candidates of metric `{metric}`"
    )]
    NoCandidate {
        /// Index of the iteration.
        iteration: usize,
        /// Index of the prompt.
        prompt: usize,
        /// Token id.
        answer: u32,
        /// The metric's name.
        metric: String,
    },
    /// There are no right answers.
    #[error("metric `{metric}` needs an answer for each prompt")]
    NoAnswer {
        /// The metric's name.
        metric: String,
    },
    /// There are no wrong answers to compare with.
    #[error("metric `{metric}` needs a wrong answer for each prompt")]
    NoWrongAnswer {
        /// The metric's name.
        metric: String,
    },
}

impl SweepContext {
    /// The first answer that a metric cannot be computed for.
    #[must_use]
    pub fn stray_answer(&self) -> Option<StrayAnswer> {
        for metric in &self.metrics {
            let name = || metric.name.clone();
            let candidates: BTreeSet<u32> = metric.kind.candidates().iter().copied().collect();
            for (index, iteration) in self.iterations.iter().enumerate() {
                if metric.kind.scores_answers() && iteration.answers.is_empty() {
                    return Some(StrayAnswer::NoAnswer { metric: name() });
                }
                if metric.kind == MetricKind::LogitDiff && iteration.wrong_answers.is_empty() {
                    return Some(StrayAnswer::NoWrongAnswer { metric: name() });
                }
                let stray = |answer: &&u32| !candidates.is_empty() && !candidates.contains(answer);
                if let Some((place, &answer)) = iteration.answers.iter().enumerate().find(|(_, answer)| stray(answer)) {
                    let prompt = place / iteration.reads.len();
                    return Some(StrayAnswer::NoCandidate { iteration: index, prompt, answer, metric: name() });
                }
            }
        }
        None
    }

    /// One prompt, clean and corrupted, under one iteration.
    ///
    /// # Panics
    /// When there is no such iteration or prompt, or prompts differ in their positions: then it is a part that knows them.
    #[must_use]
    pub fn prompt_pair(&self, iteration: u32, prompt: u32) -> PromptPair<'_> {
        assert!(self.groups.is_empty(), "a position is the same number in all prompts");
        let Iteration { corrupted, reads, noise, .. } = &self.iterations[iteration as usize];
        let noised = noise.as_ref().map_or(&[][..], |noise| &noise.positions);
        PromptPair::new(self.clean.row(prompt), corrupted.row(prompt), noised, reads)
    }

    /// Prompts of each of which a number is kept beside the means; none where the spec does not say `per_prompt`.
    #[must_use]
    pub fn kept_prompts(&self) -> u32 {
        if self.per_prompt { self.clean.prompts() } else { 0 }
    }

    /// How many iterations the spec has, whatever the number of replicates: rows of the results.
    #[must_use]
    pub fn spec_iterations(&self) -> usize {
        self.iterations.len() / self.replicates.max(1) as usize
    }

    /// Which of the spec's iterations one of `iterations` is a replicate of: its row in the results.
    #[must_use]
    pub fn spec_iteration(&self, iteration: u32) -> usize {
        (iteration / self.replicates.max(1)) as usize
    }

    /// The last position that any iteration reads: nothing behind it is ever computed.
    ///
    /// # Panics
    /// When prompts differ in their positions: then it is a part that knows them.
    #[must_use]
    pub fn last_read(&self) -> u32 {
        assert!(self.groups.is_empty(), "a position is the same number in all prompts");
        self.iterations.iter().filter_map(Iteration::last_read).max().unwrap_or(0)
    }
}

impl Iteration {
    /// The last of the read positions.
    #[must_use]
    pub fn last_read(&self) -> Option<u32> {
        self.reads.last().copied()
    }
}
