//! Functions of the logits that are scored.

/// One number per prompt, from the logits at the read position.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Metric {
    /// Unique in the sweep.
    pub name: String,
    /// The function.
    pub kind: MetricKind,
}

/// The functions.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum MetricKind {
    /// logit(answer) − max over the other candidates' logits.
    LogitDiffMax {
        /// Token ids, distinct, at least two.
        candidates: Vec<u32>,
    },
}

impl MetricKind {
    /// Token ids that an answer is compared with, itself among them.
    #[must_use]
    pub fn candidates(&self) -> &[u32] {
        match self {
            Self::LogitDiffMax { candidates } => candidates,
        }
    }

    /// The name in specs.
    #[must_use]
    pub fn name(&self) -> &'static str {
        match self {
            Self::LogitDiffMax { .. } => "logit_diff_max",
        }
    }
}
