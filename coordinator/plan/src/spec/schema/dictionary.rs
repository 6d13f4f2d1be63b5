//! Dictionaries, whose features grids are over.

use patchsweep_core::dictionary::DictionaryHeader;
use patchsweep_core::digest::Digest;
use schemars::JsonSchema;
use serde::Deserialize;

use super::Spanned;

/// A dictionary: a sparse autoencoder at one site of the model.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Dictionary {
    /// What grids call it in `component`; letters, digits, `_` and `-`, no two alike, and no component's name.
    #[schemars(regex(pattern = super::scores::TENSOR_NAME))]
    pub name: Spanned<String>,
    /// Where its files are, looked for where `path` of `[model]` is; without a leading `/` and without `..`. A folder
    /// as `SAELens` 6 writes it (`cfg.json` and `sae_weights.safetensors`) of architecture `standard`, `jumprelu`, `topk` or
    /// `gated`, or Gemma Scope's `params.npz`, or a folder with that. Where its `model_name` and the name of the sweep's model do
    /// not resemble each other, a warning says so.
    pub path: Spanned<String>,
    /// The activation that it reads, by its full hook name, like `blocks.8.hook_resid_pre`: a residual stream, `attn_out`,
    /// `mlp_out`, `mlp_post`, or `z` of all heads together. Required.
    #[schemars(required)]
    pub at: Option<Spanned<String>>,
    /// What its files say, and their digest, once they have been looked at.
    #[serde(skip)]
    #[schemars(skip)]
    pub files: Option<(DictionaryHeader, Digest)>,
}

/// Which features are written.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(untagged, expecting = "give a list of whole numbers, or \"active\"")]
pub enum Features {
    /// Their numbers.
    List(Vec<i64>),
    /// `active`: those that are active in the clean or the corrupted run.
    #[schemars(extend("enum" = ["active"]))]
    Word(String),
}
