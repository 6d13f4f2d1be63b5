//! Mistral: a window in every layer.

use super::gated::{self, Defaults};
use super::{ConfigError, Family, Keys, Reading, TokenizerClass, rope};
use crate::architecture::Activation;

pub(super) const FAMILY: Family = gated::family("mistral", read, TokenizerClass::AsWritten);

const DEFAULTS: Defaults = Defaults {
    layers: 32,
    d_model: 4096,
    d_mlp: 14336,
    d_vocab: 32000,
    n_ctx: 131_072,
    heads: 32,
    kv_heads: Some(8),
    d_head: None,
    eps: ("rms_norm_eps", 1e-6),
    activation: ("hidden_act", Activation::Silu),
    tied: false,
};

fn read(keys: &Keys<'_>) -> Result<Reading, ConfigError> {
    let mut model = gated::read(keys, &DEFAULTS)?;
    keys.refuse_given("layer_types", ": transformers' class of this family does not read it")?;
    let window = keys.size_or_null("sliding_window", Some(4096))?;
    for layer in &mut model.attention.layers {
        layer.window = window;
    }
    rope::whole_heads(&mut model, keys)?;
    Ok(model.into())
}
