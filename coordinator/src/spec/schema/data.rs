//! Prompts, clean and corrupted.

use serde::Deserialize;
use toml::Spanned;

/// The clean prompts.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Dataset {
    /// Text file, relative to the spec: one `prompt, answer` per line, or a table if its name ends in `.csv`.
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

/// Where corrupted prompts come from. Which keys there may be depends on the kind.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Corruption {
    /// `permute`: tokens of other prompts, position by position; `pairs`: prompts of the dataset's own; `noise`:
    /// Gaussian noise on the embeddings.
    pub kind: Spanned<String>,
    /// Of `permute`: half-open position ranges, each drawn by a permutation of its own.
    pub groups: Option<Spanned<Vec<Spanned<Vec<u32>>>>>,
    /// Of `permute`: whether every prompt takes tokens of one with another answer; default false.
    pub distinct: Option<Spanned<bool>>,
    /// Of `noise`: its standard deviation, as a multiple of that of the embedding's entries.
    pub scale: Option<Spanned<f64>>,
    /// Of `permute` and `noise`: seed of what is drawn; default 0.
    pub seed: Option<Spanned<u64>>,
    /// Of `permute` and `noise`: how often it is drawn, with seeds that count up from `seed`; default 1.
    pub replicates: Option<Spanned<u32>>,
}
