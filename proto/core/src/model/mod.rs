//! Models: their names, their config files, and where these say that parameters are stored.

mod families;
mod loaded;
mod name;

pub use families::{ConfigError, ModelConfig, Outputs, Source, TokenizerClass, model_types, tokenizer_class};
pub use loaded::{LoadedModel, MOST_LOADED};
pub use name::{ModelNameError, ModelRef};

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
