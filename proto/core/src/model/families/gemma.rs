//! Gemma: embeddings times the square root of the width, and norms times one more than their weights.

use super::gated::{self, Defaults};
use super::{ConfigError, Family, Keys, Reading, TokenizerClass, rope};
use crate::architecture::{Activation, Architecture};

pub(super) const FAMILY: Family = gated::family("gemma", read, TokenizerClass::Named("GemmaTokenizer"));

const DEFAULTS: Defaults = Defaults {
    layers: 28,
    d_model: 3072,
    d_mlp: 24576,
    d_vocab: 256_000,
    n_ctx: 8192,
    heads: 16,
    kv_heads: Some(16),
    d_head: Some(256),
    eps: ("rms_norm_eps", 1e-6),
    activation: ("hidden_act", Activation::GeluTanh),
    tied: true,
};

fn read(keys: &Keys<'_>) -> Result<Reading, ConfigError> {
    let mut model = common(keys, &DEFAULTS)?;
    // The first release wrote `gelu`, and meant the approximation.
    if model.mlp.activation == Activation::Gelu {
        model.mlp.activation = Activation::GeluTanh;
    }
    // Releases before 5 read this key where it was not null.
    if keys.has("hidden_activation")
        && keys.activation("hidden_activation", Activation::GeluTanh)? != model.mlp.activation
    {
        return Err(
            keys.refused("hidden_activation", ": `hidden_act` says otherwise, and releases of transformers differ")
        );
    }
    rope::whole_heads(&mut model, keys)?;
    Ok(model.into())
}

/// What all Gemmas have in common.
pub(super) fn common(keys: &Keys<'_>, defaults: &Defaults) -> Result<Architecture, ConfigError> {
    let mut model = gated::read(keys, defaults)?;
    keys.refuse_true("use_bidirectional_attention", ": patches are computed for causal attention")?;
    gated::attention_bias(&mut model, keys)?;
    model.embed.scale = f64::from(model.d_model).sqrt();
    model.norm.offset = 1.0;
    Ok(model)
}
