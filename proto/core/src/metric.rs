//! Functions of the logits that are scored.

use std::ops::Range;

use crate::token_sets::TokenSets;

/// One number per prompt, from the logits at the read positions: the mean over them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Metric {
    /// Unique in the sweep.
    pub name: String,
    /// The function.
    pub kind: MetricKind,
    /// Whether results also hold (patched - corrupted) / (clean - corrupted), of the means over prompts.
    pub normalize: bool,
}

/// The functions. Logarithms are natural, so all but those of probabilities are in nats.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum MetricKind {
    /// logit(answer) − max over the other candidates' logits.
    LogitDiffMax {
        /// Token ids, distinct, at least two.
        candidates: Vec<u32>,
    },
    /// logit(answer) − mean over the other candidates' logits.
    LogitDiffMean {
        /// Token ids, distinct, at least two.
        candidates: Vec<u32>,
    },
    /// logit(answer) − logit(wrong answer).
    LogitDiff,
    /// log p(answer).
    Logprob,
    /// p(answer).
    Prob,
    /// KL(clean ‖ run): Σ over the vocabulary of p (log p − log q), p of the clean run, q of the run that is scored.
    Kl,
    /// The tokens of one set minus those of another.
    Difference(Difference),
}

/// R({u of a token}) over the right tokens − R({u of a token}) over the wrong ones.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Difference {
    /// u, what is taken of each token.
    pub of: TokenScore,
    /// What is added.
    pub right: ReducedSets,
    /// What is subtracted; `None`: nothing. No prompt has a token in both sets.
    pub wrong: Option<ReducedSets>,
}

/// Sets of tokens, and what is made of each.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReducedSets {
    /// One for all prompts, or one for each.
    pub sets: TokenSets,
    /// R, from the numbers of a set's tokens to one.
    pub reduce: Reduce,
}

/// What is taken of a token as the next one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, serde::Deserialize, serde::Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "lowercase")]
pub enum TokenScore {
    /// Its logit.
    #[default]
    Logit,
    /// The natural logarithm of its probability, the softmax over the whole vocabulary.
    Logprob,
    /// That probability.
    Prob,
}

/// From the numbers of a set's tokens to one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, serde::Deserialize, serde::Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "lowercase")]
pub enum Reduce {
    /// Their sum.
    Sum,
    /// Their mean.
    Mean,
    /// The largest.
    Max,
    /// log Σ exp, with the natural logarithm.
    Logsumexp,
}

impl MetricKind {
    /// Whether it is made of probabilities without taking one from another, so that it is as small as they are: it changes by
    /// itself times what its logarithm changes by.
    #[must_use]
    pub fn is_probability(&self) -> bool {
        match self {
            Self::Prob => true,
            Self::Difference(Difference { of: TokenScore::Prob, right, wrong: None }) => {
                right.reduce != Reduce::Logsumexp
            }
            _ => false,
        }
    }
}

impl TokenScore {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Logit, Self::Logprob, Self::Prob];
}

impl Reduce {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Sum, Self::Mean, Self::Max, Self::Logsumexp];
}

impl Difference {
    /// Both sides, the right one first.
    pub fn sides(&self) -> impl Iterator<Item = &ReducedSets> {
        std::iter::once(&self.right).chain(&self.wrong)
    }

    /// The first prompt that has a token in both sets, and the token.
    #[must_use]
    pub fn shared_token(&self) -> Option<(usize, u32)> {
        self.right.sets.shared_with(&self.wrong.as_ref()?.sets)
    }
}

impl MetricKind {
    /// The difference, where it is one of sets.
    #[must_use]
    pub fn difference(&self) -> Option<&Difference> {
        match self {
            Self::Difference(difference) => Some(difference),
            _ => None,
        }
    }

    /// Sets of tokens that it reads.
    pub fn token_sets(&self) -> impl Iterator<Item = &TokenSets> {
        self.difference().into_iter().flat_map(Difference::sides).map(|side| &side.sets)
    }

    /// The same for some of the prompts.
    ///
    /// # Panics
    /// When it has sets of tokens for prompts, and none for these.
    #[must_use]
    pub fn of_prompts(&self, prompts: &Range<u32>) -> Self {
        let side = |side: &ReducedSets| ReducedSets { sets: side.sets.of_prompts(prompts), reduce: side.reduce };
        match self {
            Self::Difference(Difference { of, right, wrong }) => {
                Self::Difference(Difference { of: *of, right: side(right), wrong: wrong.as_ref().map(side) })
            }
            other => other.clone(),
        }
    }

    /// How many logits of each row a worker computes for it as a matrix product, besides those of the whole vocabulary.
    #[must_use]
    pub fn logits_of_tokens(&self) -> usize {
        self.candidates().len() + self.token_sets().map(TokenSets::largest).sum::<usize>()
    }

    /// Whether it scores the iteration's right answers.
    #[must_use]
    pub fn scores_answers(&self) -> bool {
        !matches!(self, Self::Kl | Self::Difference(_))
    }

    /// Token ids that an answer is compared with, itself among them; none where a metric has no candidates.
    #[must_use]
    pub fn candidates(&self) -> &[u32] {
        match self {
            Self::LogitDiffMax { candidates } | Self::LogitDiffMean { candidates } => candidates,
            _ => &[],
        }
    }

    /// Whether the metric reads the whole distribution.
    #[must_use]
    pub fn reads_vocabulary(&self) -> bool {
        match self {
            Self::Logprob | Self::Prob | Self::Kl => true,
            Self::Difference(difference) => difference.of != TokenScore::Logit,
            Self::LogitDiffMax { .. } | Self::LogitDiffMean { .. } | Self::LogitDiff => false,
        }
    }

    /// The name in specs.
    #[must_use]
    pub fn name(&self) -> &'static str {
        match self {
            Self::LogitDiffMax { .. } => "logit_diff_max",
            Self::LogitDiffMean { .. } => "logit_diff_mean",
            Self::LogitDiff => "logit_diff",
            Self::Logprob => "logprob",
            Self::Prob => "prob",
            Self::Kl => "kl",
            Self::Difference(_) => "difference",
        }
    }
}
