//! OLMo 1: layer norms without weights, and queries, keys and values within bounds.

use super::gated::{self, Defaults};
use super::{ConfigError, Family, Keys, Reading, TokenizerClass, rope};
use crate::architecture::{Activation, NormKind};

pub(super) const FAMILY: Family = Family {
    // No norm has a weight.
    landmark: "layers.0.self_attn.q_proj.weight",
    ..gated::family("olmo", read, TokenizerClass::Named("GPTNeoXTokenizer"))
};

pub(super) const DEFAULTS: Defaults = Defaults {
    layers: 32,
    d_model: 4096,
    d_mlp: 11008,
    d_vocab: 50304,
    n_ctx: 2048,
    heads: 32,
    kv_heads: None,
    d_head: None,
    // This key is never read: the number is a constant.
    eps: ("", 1e-5),
    activation: ("hidden_act", Activation::Silu),
    tied: false,
};

fn read(keys: &Keys<'_>) -> Result<Reading, ConfigError> {
    let mut model = gated::read(keys, &DEFAULTS)?;
    gated::attention_bias(&mut model, keys)?;
    model.norm.kind = NormKind::Layer;
    model.norm.weight = false;
    model.attention.clip = keys.number_or_null("clip_qkv", None)?;
    rope::whole_heads(&mut model, keys)?;
    Ok(model.into())
}
