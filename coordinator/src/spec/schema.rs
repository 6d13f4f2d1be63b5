//! The spec as it stands in the file. Unknown keys are refused everywhere.

use patchsweep_proto::model::Dtype;
use serde::Deserialize;
use toml::Spanned;

/// A whole spec.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Spec {
    /// Version of this schema.
    pub schema: Spanned<u32>,
    /// Names the sweep in lists and results.
    pub name: Spanned<String>,
    /// The model to patch.
    pub model: Spanned<Model>,
    /// The clean prompts.
    pub dataset: Spanned<Dataset>,
    /// Where corrupted prompts come from; none when the dataset gives tokens outright.
    pub corruption: Option<Spanned<Corruption>>,
    /// What is scored; the first is the main metric.
    pub metric: Vec<Metric>,
    /// Patching experiments.
    pub iteration: Vec<Iteration>,
    /// What is patched.
    pub grid: Vec<Grid>,
}

/// The model to patch.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Model {
    /// Hugging Face folder, relative to the spec.
    pub path: Option<Spanned<String>>,
    /// Repository in the local hub cache.
    pub hub: Option<Spanned<String>>,
    /// Branch, tag or commit of `hub`; default `main`.
    pub revision: Option<Spanned<String>>,
    /// Arithmetic; default float32.
    #[serde(default = "float32")]
    pub dtype: Dtype,
}

fn float32() -> Dtype {
    Dtype::Float32
}

/// The clean prompts.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Dataset {
    /// Text file, relative to the spec: one `prompt, answer` per line.
    pub path: Option<Spanned<String>>,
    /// JSON file, relative to the spec: clean, corrupted and answer token ids.
    pub tokens: Option<Spanned<String>>,
    /// Prompts to draw; default: every line, in order.
    pub samples: Option<Spanned<u32>>,
    /// Draw with replacement; default false.
    pub replace: Option<Spanned<bool>>,
    /// Seed of the draw; default 0.
    pub seed: Option<Spanned<u64>>,
    /// Put the BOS token first; default true.
    pub prepend_bos: Option<Spanned<bool>>,
}

impl Dataset {
    /// Whether prompts are drawn with replacement.
    #[must_use]
    pub fn replaces(&self) -> bool {
        self.replace.as_ref().is_some_and(|replace| *replace.get_ref())
    }

    /// Seed of the draw.
    #[must_use]
    pub fn seed(&self) -> u64 {
        self.seed.as_ref().map_or(0, |seed| *seed.get_ref())
    }
}

/// Where corrupted prompts come from.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Corruption {
    /// `permute`: tokens of other prompts, position by position.
    pub kind: Spanned<String>,
    /// Half-open position ranges, each drawn by a permutation of its own.
    pub groups: Vec<Spanned<Vec<u32>>>,
    /// Seed of the permutations; default 0.
    #[serde(default)]
    pub seed: u64,
}

/// What is scored.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Metric {
    /// `logit_diff_max`.
    pub kind: Spanned<String>,
    /// Unique name; default: the kind.
    pub name: Option<Spanned<String>>,
    /// `"A-Z"` or a list of strings, each one token.
    pub candidates: Option<Spanned<Candidates>>,
    /// Token ids instead.
    pub candidate_ids: Option<Spanned<Vec<u32>>>,
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
    /// Positions that take the corrupted tokens; negative counts from the end.
    pub corrupt: Option<Spanned<Vec<i64>>>,
    /// The position whose next-token logits are scored; negative counts from the end.
    pub read: Spanned<i64>,
    /// Which of the answer's tokens; default: its only one, or with token ids the iteration's index.
    pub answer: Option<Spanned<u32>>,
}

/// What is patched.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Grid {
    /// Component by its `TransformerLens` name.
    pub component: Spanned<String>,
    /// Axes in `TransformerLens`' order.
    pub axes: Vec<Spanned<String>>,
    /// Unique name; default: the component.
    pub name: Option<Spanned<String>>,
}

/// Every word of the schema, to find the nearest to a misspelt one.
pub(super) const WORDS: &[&str] = &[
    "schema",
    "name",
    "model",
    "path",
    "hub",
    "revision",
    "dtype",
    "float32",
    "bfloat16",
    "float16",
    "dataset",
    "tokens",
    "samples",
    "replace",
    "seed",
    "prepend_bos",
    "corruption",
    "kind",
    "groups",
    "metric",
    "candidates",
    "candidate_ids",
    "iteration",
    "label",
    "corrupt",
    "read",
    "answer",
    "grid",
    "component",
    "axes",
];
