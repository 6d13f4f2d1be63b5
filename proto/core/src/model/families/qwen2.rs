//! Qwen 2 and 2.5: biases of queries, keys and values, and a window in the last layers where it is used.

use super::gated::{self, Defaults};
use super::{ConfigError, Family, Keys, Reading, TokenizerClass, rope};
use crate::architecture::{Activation, Architecture};

pub(super) const FAMILY: Family = gated::family("qwen2", read, TokenizerClass::Forced("Qwen2Tokenizer"));

pub(super) const DEFAULTS: Defaults = Defaults {
    layers: 32,
    d_model: 4096,
    d_mlp: 22016,
    d_vocab: 151_936,
    n_ctx: 32768,
    heads: 32,
    kv_heads: Some(32),
    d_head: None,
    eps: ("rms_norm_eps", 1e-6),
    activation: ("hidden_act", Activation::Silu),
    tied: false,
};

fn read(keys: &Keys<'_>) -> Result<Reading, ConfigError> {
    let mut model = gated::read(keys, &DEFAULTS)?;
    model.attention.qkv_bias = true;
    windows(&mut model, keys)?;
    rope::whole_heads(&mut model, keys)?;
    Ok(model.into())
}

/// Layers from `max_window_layers` on have it.
pub(super) fn windows(model: &mut Architecture, keys: &Keys<'_>) -> Result<(), ConfigError> {
    let is_used = keys.flag("use_sliding_window", false)?;
    let window = keys.size_or_null("sliding_window", Some(4096))?.filter(|_| is_used);
    let first = keys.size("max_window_layers", 28)?;
    gated::windows(model, keys, window, |layer| window.is_some() && layer >= first)
}
