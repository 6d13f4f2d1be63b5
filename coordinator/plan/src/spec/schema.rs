//! The spec as it stands in the file. Unknown keys are refused everywhere.
//!
//! The comments on keys here are the texts of `docs/spec.md` and `docs/spec.schema.json`: `tests/spec_reference` makes
//! them of these types.

mod data;
mod dictionary;
mod named;
mod scores;
mod words;

use patchsweep_core::context::Direction;
use patchsweep_core::model::Dtype;
use schemars::JsonSchema;
use serde::Deserialize;

pub use super::one_or_more::OneOrMore;
pub use super::position::Position;
use super::spanned::Spanned;
use super::{MOST_METRICS, MOST_NAME_CHARS, MOST_TABLES, SCHEMA};
pub use data::{Corruption, Dataset, Ignore, PrependBos};
pub use dictionary::{Dictionary, Features};
pub use named::{NamedPosition, WhichToken};
pub(crate) use scores::RECEIVERS;
pub use scores::{Ablation, Also, Candidates, DEFAULT_STEPS, Gradient, Grid, Iteration, Metric, To, TokenSet, Verify};
pub(super) use words::WORDS;
pub(crate) use words::{CORRUPTION_KINDS, METRIC_KINDS};

/// A sweep of activation patching.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(title = "patchsweep spec")]
pub struct Spec {
    /// Version of this file's form.
    #[schemars(extend("const" = SCHEMA))]
    pub schema: Spanned<u32>,
    /// Names the sweep in lists and results; its id is made of it.
    #[schemars(length(min = 1, max = MOST_NAME_CHARS))]
    pub name: Spanned<String>,
    /// Which run is patched.
    #[serde(default)]
    pub direction: Direction,
    /// Whether effect, clean and corrupted metric of each prompt are kept, besides their means. Intervals are then those of a bootstrap.
    #[schemars(extend("default" = false))]
    pub per_prompt: Option<Spanned<bool>>,
    /// The model to patch. Give either `path` or `hub`.
    pub model: Spanned<Model>,
    /// The clean prompts and their answers; there must be answers where a metric scores them, and with `distinct`. Give either `path` or `tokens`. Text is tokenized as the model's `tokenizer.json`
    /// says, with the special tokens and the `add_prefix_space` of the files beside it. transformers 5 makes other tokens
    /// where its class for the folder is that of one family (`tokenizer_class` of `tokenizer_config.json`, or what it has
    /// for the model's `model_type`) and `tokenizer.json` is not what that class makes: `GPT2Tokenizer`, `GPTNeoXTokenizer`,
    /// `Qwen2Tokenizer`, `GemmaTokenizer`, `CohereTokenizer` and `LlamaTokenizer` take only its vocabulary and merges, and
    /// bring a normalizer and a pre-tokenizer of their own. Where that makes a difference for the dataset, `plan`, `init`,
    /// `run` and `submit` say so; with `"tokenizer_class": "PreTrainedTokenizerFast"` the tokens are the same.
    pub dataset: Spanned<Dataset>,
    /// Where corrupted prompts come from. Which keys there may be depends on `kind`. The table may be left out where
    /// `tokens` gives the corrupted prompts, and where every grid has `ablate`, and each of its `also`.
    pub corruption: Option<Spanned<Corruption>>,
    /// Dictionaries (sparse autoencoders), whose features grids may be over.
    #[serde(default)]
    #[schemars(length(max = MOST_TABLES))]
    pub dictionary: Vec<Dictionary>,
    /// Positions that are found by a text, and may be others in each prompt.
    #[serde(default)]
    #[schemars(length(max = MOST_TABLES))]
    pub position: Vec<NamedPosition>,
    /// What is scored. The first is the main metric, which lists and pictures show.
    #[schemars(length(min = 1, max = MOST_METRICS))]
    pub metric: Vec<Metric>,
    /// Patching experiments: each has all grids, and is one row of each tensor.
    #[schemars(length(min = 1, max = MOST_TABLES))]
    pub iteration: Vec<Iteration>,
    /// What is patched: one component, or several, over some axes. An axis that is left out is patched at all its indices at once, or
    /// at those that the grid names.
    #[schemars(length(min = 1, max = MOST_TABLES))]
    pub grid: Vec<Grid>,
}

/// The model to patch.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Model {
    /// A Hugging Face folder, relative to a folder of `--models`; without a leading `/` and without `..`. `run` and `plan`
    /// also look beside the spec; what is submitted is looked for below the `--models` of the coordinator and of each worker.
    pub path: Option<Spanned<String>>,
    /// A repository in the local cache of the Hugging Face hub, like `openai-community/gpt2`.
    pub hub: Option<Spanned<String>>,
    /// Branch, tag or commit of `hub`. The sweep is of the commit that this is on the coordinator, and the manifest names it.
    #[schemars(extend("default" = "main"))]
    pub revision: Option<Spanned<String>>,
    /// Arithmetic of the forward pass. Metrics are always float32.
    #[serde(default = "float32")]
    pub dtype: Dtype,
    /// Whether float32 matrix products may round their inputs to TF32, where the device can.
    #[serde(default)]
    pub tf32: bool,
}

fn float32() -> Dtype {
    Dtype::Float32
}
