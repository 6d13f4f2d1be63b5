//! Functions of the logits that are scored.

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

/// The functions. Logarithms are natural, so all but `Prob` are in nats.
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
}

impl MetricKind {
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
        matches!(self, Self::Logprob | Self::Prob | Self::Kl)
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
        }
    }
}
