//! The spec as it stands in the file. Unknown keys are refused everywhere.

mod data;
mod scores;
mod words;

use patchsweep_proto::context::Direction;
use patchsweep_proto::model::Dtype;
use serde::Deserialize;
use toml::Spanned;

pub use super::one_or_more::OneOrMore;
pub use data::{Corruption, Dataset};
pub use scores::{Ablation, Candidates, Grid, Iteration, Metric};
pub(super) use words::WORDS;

/// A whole spec.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Spec {
    /// Version of this schema.
    pub schema: Spanned<u32>,
    /// Names the sweep in lists and results.
    pub name: Spanned<String>,
    /// Which run is patched; default noising: the clean one.
    #[serde(default)]
    pub direction: Direction,
    /// Keep the effect on each prompt; default false.
    pub per_prompt: Option<Spanned<bool>>,
    /// The model to patch.
    pub model: Spanned<Model>,
    /// The clean prompts.
    pub dataset: Spanned<Dataset>,
    /// Where corrupted prompts come from; none when the dataset gives their tokens, or nothing needs them.
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
    /// Let float32 matrix products round their inputs to TF32; default false.
    #[serde(default)]
    pub tf32: bool,
}

fn float32() -> Dtype {
    Dtype::Float32
}
