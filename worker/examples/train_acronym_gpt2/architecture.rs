//! The model's dimensions.

use patchsweep_data::tokenizer::Vocabulary;

/// What a GPT-2 model's `config.json` says about its shape.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Architecture {
    pub(crate) layers: i64,
    pub(crate) heads: i64,
    /// The width of the residual stream.
    pub(crate) width: i64,
    pub(crate) positions: i64,
    pub(crate) vocabulary: i64,
    pub(crate) layer_norm_epsilon: f64,
}

impl Architecture {
    /// Large enough to have heads and layers worth telling apart, and small enough to be committed.
    pub(crate) fn of(vocabulary: &Vocabulary) -> Self {
        Self {
            layers: 4,
            heads: 4,
            width: 128,
            positions: 32,
            vocabulary: i64::try_from(vocabulary.size()).expect("a vocabulary fits memory"),
            layer_norm_epsilon: 1e-5,
        }
    }
}
