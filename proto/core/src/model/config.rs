//! Hugging Face's `config.json` of a GPT-2 model.

use serde::Deserialize;

use super::ModelShape;

/// Everything of a GPT-2's `config.json` that changes its outputs.
#[derive(Clone, Debug, PartialEq)]
pub struct Gpt2Config {
    /// Sizes.
    pub shape: ModelShape,
    /// Added to the variance in layer norms.
    pub layer_norm_epsilon: f64,
    /// The MLP's nonlinearity.
    pub activation: Activation,
    /// Attention scores are divided by sqrt(`d_head`).
    pub scale_attn_weights: bool,
    /// Attention scores of block ℓ are also divided by ℓ + 1.
    pub scale_attn_by_inverse_layer_idx: bool,
    /// Token that `prepend_bos` puts first.
    pub bos_token_id: Option<u32>,
    /// The unembedding is the embedding.
    pub tie_word_embeddings: bool,
}

/// Nonlinearities, by Hugging Face's names.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
pub enum Activation {
    /// GELU in the tanh approximation.
    #[serde(rename = "gelu_new", alias = "gelu_pytorch_tanh", alias = "gelu_fast")]
    GeluTanh,
    /// GELU with the error function.
    #[serde(rename = "gelu")]
    Gelu,
    /// max(x, 0).
    #[serde(rename = "relu")]
    Relu,
    /// x · sigmoid(x).
    #[serde(rename = "silu", alias = "swish")]
    Silu,
}

/// Why a `config.json` cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// Not the JSON that was expected.
    #[error("not a GPT-2 config")]
    Json(#[from] serde_json::Error),
    /// Another architecture.
    #[error("model_type is `{found}`; only `gpt2` models are supported")]
    ModelType {
        /// As in the file.
        found: String,
    },
    /// A size of 0 or larger than any model's, or heads that do not divide the width.
    #[error(
        "n_layer, n_head, n_embd, vocab_size and n_positions must be positive and those of a model, and n_head must divide \
         n_embd"
    )]
    Sizes,
}

#[derive(Deserialize)]
struct RawConfig {
    n_layer: u32,
    n_head: u32,
    n_embd: u32,
    #[serde(default)]
    n_inner: Option<u32>,
    vocab_size: u32,
    n_positions: u32,
    #[serde(default = "default_epsilon")]
    layer_norm_epsilon: f64,
    #[serde(default = "default_activation")]
    activation_function: Activation,
    #[serde(default = "default_true")]
    scale_attn_weights: bool,
    #[serde(default)]
    scale_attn_by_inverse_layer_idx: bool,
    #[serde(default)]
    bos_token_id: Option<u32>,
    #[serde(default = "default_true")]
    tie_word_embeddings: bool,
}

fn default_epsilon() -> f64 {
    1e-5
}

fn default_activation() -> Activation {
    Activation::GeluTanh
}

fn default_true() -> bool {
    true
}

impl Gpt2Config {
    /// Reads the text of a `config.json`.
    pub fn from_json(text: &str) -> Result<Self, ConfigError> {
        #[derive(Deserialize)]
        struct ModelType {
            model_type: String,
        }
        let ModelType { model_type } = serde_json::from_str(text)?;
        if model_type != "gpt2" {
            return Err(ConfigError::ModelType { found: model_type });
        }
        let raw: RawConfig = serde_json::from_str(text)?;
        let shape = ModelShape {
            layers: raw.n_layer,
            heads: raw.n_head,
            d_model: raw.n_embd,
            d_mlp: raw.n_inner.unwrap_or_else(|| raw.n_embd.saturating_mul(4)),
            d_vocab: raw.vocab_size,
            n_ctx: raw.n_positions,
        };
        if !shape.is_plausible() || !shape.d_model.is_multiple_of(shape.heads) {
            return Err(ConfigError::Sizes);
        }
        Ok(Self {
            shape,
            layer_norm_epsilon: raw.layer_norm_epsilon,
            activation: raw.activation_function,
            scale_attn_weights: raw.scale_attn_weights,
            scale_attn_by_inverse_layer_idx: raw.scale_attn_by_inverse_layer_idx,
            bos_token_id: raw.bos_token_id,
            tie_word_embeddings: raw.tie_word_embeddings,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SMALL: &str = r#"{"model_type": "gpt2", "n_layer": 2, "n_head": 3, "n_embd": 24, "n_inner": 20,
        "vocab_size": 50, "n_positions": 16, "activation_function": "relu", "layer_norm_epsilon": 0.001}"#;

    #[test]
    fn inner_width_activation_and_epsilon_are_honoured() {
        let config = Gpt2Config::from_json(SMALL).expect("valid");
        assert_eq!(config.shape.d_mlp, 20);
        assert_eq!(config.activation, Activation::Relu);
        assert!((config.layer_norm_epsilon - 0.001).abs() < 1e-12);
        let plain = SMALL.replace(r#""n_inner": 20,"#, "").replace(r#""activation_function": "relu","#, "");
        let config = Gpt2Config::from_json(&plain).expect("valid");
        assert_eq!((config.shape.d_mlp, config.activation), (96, Activation::GeluTanh));
    }

    #[test]
    fn other_architectures_and_sizes_are_refused() {
        let llama = Gpt2Config::from_json(r#"{"model_type": "llama"}"#).unwrap_err();
        assert_eq!(llama.to_string(), "model_type is `llama`; only `gpt2` models are supported");
        let uneven = SMALL.replace(r#""n_head": 3"#, r#""n_head": 5"#);
        assert!(matches!(Gpt2Config::from_json(&uneven), Err(ConfigError::Sizes)));
    }

    #[test]
    fn sizes_that_no_model_has_are_refused_before_anything_is_made_of_them() {
        for (plain, huge) in [
            ("\"n_layer\": 2", "\"n_layer\": 4294967295"),
            ("\"n_embd\": 24, \"n_inner\": 20", "\"n_embd\": 3000000000"),
            ("\"n_positions\": 16", "\"n_positions\": 4294967295"),
        ] {
            let refused = Gpt2Config::from_json(&SMALL.replace(plain, huge));
            assert!(matches!(refused, Err(ConfigError::Sizes)), "{huge}: {refused:?}");
        }
    }
}
