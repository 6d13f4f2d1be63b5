//! Llama, 1 to 3.3, and what has its `config.json`.

use super::gated::{self, Defaults};
use super::{ConfigError, Family, Keys, Reading, TokenizerClass, rope};
use crate::architecture::Activation;

pub(super) const FAMILY: Family = gated::family("llama", read, TokenizerClass::None);

pub(super) const DEFAULTS: Defaults = Defaults {
    layers: 32,
    d_model: 4096,
    d_mlp: 11008,
    d_vocab: 32000,
    n_ctx: 2048,
    heads: 32,
    kv_heads: None,
    d_head: None,
    eps: ("rms_norm_eps", 1e-6),
    activation: ("hidden_act", Activation::Silu),
    tied: false,
};

fn read(keys: &Keys<'_>) -> Result<Reading, ConfigError> {
    let mut model = gated::read(keys, &DEFAULTS)?;
    gated::attention_bias(&mut model, keys)?;
    model.mlp.bias = keys.flag("mlp_bias", false)?;
    rope::whole_heads(&mut model, keys)?;
    Ok(model.into())
}
