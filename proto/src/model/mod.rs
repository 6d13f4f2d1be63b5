//! Models: their names, their sizes, and where their folders are.

mod config;
pub mod locate;
mod name;

pub use config::{Activation, ConfigError, Gpt2Config};
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

/// Arithmetic of the forward pass; metrics are always float32.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, serde::Deserialize, serde::Serialize)]
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
    /// Bytes of one number.
    #[must_use]
    pub fn bytes(self) -> u64 {
        if self == Self::Float32 { 4 } else { 2 }
    }
}
