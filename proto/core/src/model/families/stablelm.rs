//! StableLM: layer norms, a part of each head rotated, and blocks that may be parallel.

use super::gated::{self, Defaults};
use super::{ConfigError, Family, Keys, Reading, TokenizerClass, rope};
use crate::architecture::{Activation, NormKind, ParallelNorms, Wiring};

pub(super) const FAMILY: Family = gated::family("stablelm", read, TokenizerClass::AsWritten);

const DEFAULTS: Defaults = Defaults {
    layers: 32,
    d_model: 2560,
    d_mlp: 6912,
    d_vocab: 50304,
    n_ctx: 4096,
    heads: 32,
    kv_heads: Some(32),
    d_head: None,
    eps: ("layer_norm_eps", 1e-5),
    activation: ("hidden_act", Activation::Silu),
    tied: false,
};

fn read(keys: &Keys<'_>) -> Result<Reading, ConfigError> {
    let mut model = gated::read(keys, &DEFAULTS)?;
    keys.refuse_true("qk_layernorm", ": norms with other weights for each head are not computed here")?;
    gated::refuse_own_heads(&model, keys)?;
    model.norm.kind = NormKind::Layer;
    model.norm.bias = true;
    model.attention.qkv_bias = keys.flag("use_qkv_bias", false)?;
    if keys.flag("use_parallel_residual", false)? {
        model.wiring = Wiring::Parallel { norms: ParallelNorms::One };
    }
    rope::part_of_heads(&mut model, keys, keys.number("partial_rotary_factor", 0.25)?)?;
    Ok(model.into())
}
