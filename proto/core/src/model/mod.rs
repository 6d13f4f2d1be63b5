//! Models: their names and their sizes.

mod config;
mod families;
mod loaded;
mod name;

pub use config::{Activation, ConfigError, Gpt2Config};
pub use families::{ModelConfig, Outputs, Source};
pub use loaded::{LoadedModel, MOST_LOADED};
pub use name::{ModelNameError, ModelRef};

/// The sizes that a plan depends on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ModelShape {
    /// Blocks.
    pub layers: u32,
    /// Attention heads per block.
    pub heads: u32,
    /// Width of the residual stream.
    pub d_model: u32,
    /// Width of an MLP's hidden layer.
    pub d_mlp: u32,
    /// Entries of the vocabulary.
    pub d_vocab: u32,
    /// Longest prompt, in tokens.
    pub n_ctx: u32,
}

/// Most layers, or heads of a layer.
const MOST_BLOCKS: u32 = 1 << 12;

/// Largest width, and most entries of a vocabulary or positions.
const MOST_WIDE: u32 = 1 << 24;

impl ModelShape {
    /// Whether there can be such a model: no size is 0, and none so large that counting with it would overflow or
    /// listing it would take the memory.
    #[must_use]
    pub fn is_plausible(&self) -> bool {
        let Self { layers, heads, d_model, d_mlp, d_vocab, n_ctx } = *self;
        let within = |sizes: &[u32], most: u32| sizes.iter().all(|size| (1..=most).contains(size));
        within(&[layers, heads], MOST_BLOCKS) && within(&[d_model, d_mlp, d_vocab, n_ctx], MOST_WIDE)
    }
}

/// Arithmetic of the forward pass; metrics are always float32.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, serde::Deserialize, serde::Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "lowercase")]
pub enum Dtype {
    /// 32-bit IEEE float.
    Float32,
    /// 16-bit float with float32's exponent.
    Bfloat16,
    /// 16-bit IEEE float.
    Float16,
}

impl Dtype {
    /// As in a spec.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Float32 => "float32",
            Self::Bfloat16 => "bfloat16",
            Self::Float16 => "float16",
        }
    }

    /// Bytes of one number.
    #[must_use]
    pub fn bytes(self) -> u64 {
        if self == Self::Float32 { 4 } else { 2 }
    }
}
