//! The fields of a model as JSON.

use patchsweep_core::weights::Placement;
use patchsweep_plan::ShownToken;
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::{Map, Value};

#[derive(Serialize, JsonSchema)]
pub(in crate::cli) struct ShowFields {
    /// The model's folder.
    pub(super) folder: String,
    /// Its family, as config.json names it.
    pub(super) model_type: &'static str,
    /// Numbers that a worker has in memory; an unembedding that is the embedding counts once.
    pub(super) parameters: u64,
    /// What config.json comes to, in the form that a config of `model_type` `patchsweep` has.
    pub(super) architecture: Map<String, Value>,
    /// What can be patched.
    pub(super) sites: Vec<SiteFields>,
    /// Null where the folder has no tokenizer.json.
    pub(super) tokenizer: Option<TokenizerFields>,
    /// What is in the weight files, by type; null where there are none.
    pub(super) stored: Option<Vec<StoredFields>>,
    /// What the weights take in memory, by the arithmetic of a spec's `dtype`.
    pub(super) weights: Vec<WeightFields>,
    /// What there is to hold them.
    pub(super) memory: MemoryFields,
    /// What a person should know before trusting the scores, one sentence each.
    pub(super) warnings: Vec<String>,
}

#[derive(Serialize, JsonSchema)]
pub(super) struct SiteFields {
    /// As in a spec's `component`.
    pub(super) site: String,
    /// The axes that a grid over it may have.
    pub(super) axes: Vec<String>,
    /// The activation at one position in one layer, slowest dimension first, such as `head=12`; a dimension without a size is
    /// as long as the prompt.
    pub(super) shape: Vec<String>,
}

#[derive(Clone, Serialize, JsonSchema)]
pub(super) struct TokenizerFields {
    /// What `prepend_bos = true` puts first; null: there is no such token.
    pub(super) bos: Option<ShownToken>,
    /// The file, or the class, that names it.
    pub(super) bos_named_by: Option<String>,
    /// What the tokenizer puts first by itself, as `prepend_bos = "auto"` does.
    pub(super) puts_first: Vec<ShownToken>,
}

#[derive(Clone, Serialize, JsonSchema)]
pub(super) struct StoredFields {
    /// Its name in specs, or the weight files' own.
    pub(super) dtype: String,
    /// Of all tensors of that type.
    pub(super) bytes: u64,
}

#[derive(Serialize, JsonSchema)]
pub(super) struct WeightFields {
    /// As in a spec.
    pub(super) dtype: String,
    /// Of all weights.
    pub(super) bytes: u64,
    /// Of those that are on the device at once where the weights are streamed.
    pub(super) streamed_bytes: u64,
    /// Where they are within the budget, on one device: `resident` (all on the device) or `streamed` (block by block out of
    /// their files); `null`: there is no room for either.
    pub(super) placement: Option<Placement>,
}

#[derive(Clone, Copy, Serialize, JsonSchema)]
pub(super) struct MemoryFields {
    /// What this machine lets a process have.
    pub(super) free_bytes: u64,
    /// What a worker may take: `--memory-budget`, or nine tenths of what is free.
    pub(super) budget_bytes: u64,
}

#[derive(Serialize, JsonSchema)]
pub(in crate::cli) struct FetchFields {
    /// As it was asked for.
    pub(super) repository: String,
    /// As it was asked for.
    pub(super) revision: String,
    /// The commit that this is.
    pub(super) commit: String,
    /// The model's folder in the hub cache.
    pub(super) folder: String,
    /// The files that are read here; none where `HF_HUB_OFFLINE` forbade to ask for them.
    pub(super) files: Vec<FileFields>,
}

#[derive(Serialize, JsonSchema)]
pub(super) struct FileFields {
    /// Its name.
    pub(super) name: String,
    /// Its bytes.
    pub(super) bytes: u64,
    /// Whether it was not in the cache before.
    pub(super) is_new: bool,
}
