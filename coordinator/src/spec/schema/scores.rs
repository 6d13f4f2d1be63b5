//! What is scored, where, and what is patched.

use serde::Deserialize;
use toml::Spanned;

use super::OneOrMore;

/// What is scored.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Metric {
    /// `logit_diff_max`, `logit_diff_mean`, `logit_diff`, `logprob`, `prob` or `kl`.
    pub kind: Spanned<String>,
    /// Unique name; default: the kind.
    pub name: Option<Spanned<String>>,
    /// `"A-Z"` or a list of strings, each one token; of the first two kinds only.
    pub candidates: Option<Spanned<Candidates>>,
    /// Token ids instead.
    pub candidate_ids: Option<Spanned<Vec<u32>>>,
    /// Give normalised effects too; default false.
    #[serde(default)]
    pub normalize: bool,
}

/// Candidate answers as text.
#[derive(Clone, Debug, Deserialize)]
#[serde(untagged, expecting = "give a range like \"A-Z\" or a list of strings")]
pub enum Candidates {
    /// A range of characters, `"A-Z"`.
    Range(String),
    /// A list of strings.
    List(Vec<String>),
}

/// One patching experiment.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Iteration {
    /// For people; default `Iteration N`.
    pub label: Option<String>,
    /// Positions that are corrupted; negative counts from the end.
    pub corrupt: Option<Spanned<Vec<i64>>>,
    /// The positions whose next-token logits are scored; negative counts from the end.
    pub read: Spanned<OneOrMore<i64>>,
    /// Which of the answer's tokens, one for each of `read` or one for all; default: its only one, or with token ids
    /// the iteration's index.
    pub answer: Option<Spanned<OneOrMore<u32>>>,
}

/// What is patched.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Grid {
    /// Component by its `TransformerLens` name, or a full hook name, which says the layer too.
    pub component: Spanned<String>,
    /// Axes in `TransformerLens`' order.
    pub axes: Vec<Spanned<String>>,
    /// Unique name; default: the component's short name.
    pub name: Option<Spanned<String>>,
    /// What takes the activation's place; default: the other run's activation.
    pub ablate: Option<Ablation>,
    /// The layers that are patched; default: all.
    pub layers: Option<Spanned<Vec<i64>>>,
    /// The heads that are patched; default: all.
    pub heads: Option<Spanned<Vec<i64>>>,
    /// The positions that are patched; default: all; negative counts from the end.
    pub positions: Option<Spanned<Vec<i64>>>,
    /// Of `pattern`: the positions that attend; default: all; negative counts from the end.
    pub dest_positions: Option<Spanned<Vec<i64>>>,
    /// Of `pattern`: the positions that are attended to; default: all; negative counts from the end.
    pub src_positions: Option<Spanned<Vec<i64>>>,
}

/// What takes the place of an activation without a run to take it from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Ablation {
    /// Zero.
    Zero,
    /// The mean over the corrupted prompts.
    Mean,
}
