//! Prompts, clean and corrupted.

use schemars::JsonSchema;
use serde::Deserialize;

use super::super::MOST_REPLICATES;
use super::{CORRUPTION_KINDS, Spanned};

/// The clean prompts.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Dataset {
    /// A text file, relative to the spec, with one `prompt, answer` per line; or a table, if its name ends in `.csv`; or
    /// records, one JSON object per line with the table's columns as keys, if it ends in `.jsonl`, `.ndjson` or `.json`.
    pub path: Option<Spanned<String>>,
    /// A JSON file, relative to the spec, with the token ids of clean prompts, corrupted prompts and answers.
    pub tokens: Option<Spanned<String>>,
    /// Columns of `path` that are passed over: their names, or `"*"` for every one that nothing here reads.
    pub ignore: Option<Spanned<Ignore>>,
    /// How many lines of `path` are drawn. Without it, every line, in order.
    #[schemars(extend("x-unit" = "prompts"))]
    pub samples: Option<Spanned<u32>>,
    /// Whether a line may be drawn twice.
    #[schemars(extend("default" = false))]
    pub replace: Option<Spanned<bool>>,
    /// Seed of the draw.
    #[schemars(extend("default" = 0))]
    pub seed: Option<Spanned<u64>>,
    /// Whether the BOS token is put at position 0: the one that `special_tokens_map.json` or `tokenizer_config.json` name,
    /// else that of the tokenizer's class, else that of `config.json`. `"auto"`: what the tokenizer puts there by itself.
    #[schemars(extend("default" = true))]
    pub prepend_bos: Option<Spanned<PrependBos>>,
}

/// Columns that are passed over.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(untagged, expecting = "give a list of names of columns, or \"*\" for all that nothing reads")]
pub enum Ignore {
    /// These.
    Columns(Vec<String>),
    /// Others than those that are read.
    Others(Others),
}

/// Which columns besides those that are read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
pub enum Others {
    /// Every one.
    #[serde(rename = "*")]
    All,
}

/// What prompts begin with.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(untagged, expecting = "give true, false or \"auto\"")]
pub enum PrependBos {
    /// With the BOS token, or without.
    Fixed(bool),
    /// With what the tokenizer puts there.
    Own(Own),
}

/// Who decides what prompts begin with.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Own {
    /// The tokenizer.
    Auto,
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

/// Where corrupted prompts come from. Which keys there may be depends on the kind.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Corruption {
    /// `permute`: tokens of other prompts, position by position. `pairs`: the dataset's column `corrupted`. `noise`: the
    /// clean tokens, with Gaussian noise on their embeddings.
    #[schemars(extend("enum" = CORRUPTION_KINDS))]
    pub kind: Spanned<String>,
    /// Of `permute`, where it is required: ranges of positions, the end not included, each drawn by a permutation of its
    /// own, like `[[0, 6], [6, 8]]`.
    #[schemars(extend("x-unit" = "positions"))]
    pub groups: Option<Spanned<Vec<Spanned<Vec<u32>>>>>,
    /// Of `permute`: whether every prompt takes tokens of one with another answer.
    #[schemars(extend("default" = false))]
    pub distinct: Option<Spanned<bool>>,
    /// Of `noise`, where it is required: the noise's standard deviation; more than 0.
    #[schemars(extend("x-unit" = "standard deviations of the embedding's entries"))]
    pub scale: Option<Spanned<f64>>,
    /// Of `permute` and `noise`: seed of what is drawn.
    #[schemars(extend("default" = 0))]
    pub seed: Option<Spanned<u64>>,
    /// Of `permute` and `noise`: how often the corruption is drawn, with seeds that count up from `seed`.
    #[schemars(extend("default" = 1, "x-unit" = "draws"), range(min = 1, max = MOST_REPLICATES))]
    pub replicates: Option<Spanned<u32>>,
}
