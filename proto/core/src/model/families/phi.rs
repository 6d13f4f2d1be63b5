//! Phi 1 and 2: parallel blocks with one norm, biases everywhere, and a part of each head rotated.

use super::gated::{self, Defaults};
use super::names::{Names, is_in_block};
use super::{ConfigError, Family, Keys, Reading, TokenizerClass, rope};
use crate::architecture::{Activation, NormKind, ParallelNorms, Slot, Wiring};

pub(super) const FAMILY: Family = Family {
    model_type: "phi",
    read,
    source: |_, parameter| NAMES.source(parameter),
    landmark: "final_layernorm.weight",
    prefixes: gated::PREFIXES,
    renamed: &[],
    is_constant: |name| is_in_block(name, "layers.", &["self_attn.rotary_emb.inv_freq"]),
    tokenizer: TokenizerClass::Named("GPT2Tokenizer"),
};

const DEFAULTS: Defaults = Defaults {
    layers: 24,
    d_model: 2048,
    d_mlp: 8192,
    d_vocab: 51200,
    n_ctx: 2048,
    heads: 32,
    kv_heads: None,
    d_head: None,
    eps: ("layer_norm_eps", 1e-5),
    activation: ("hidden_act", Activation::GeluTanh),
    tied: false,
};

fn read(keys: &Keys<'_>) -> Result<Reading, ConfigError> {
    let mut model = gated::read(keys, &DEFAULTS)?;
    keys.refuse_true("qk_layernorm", ": layer norms of queries and keys are not computed here")?;
    model.norm.kind = NormKind::Layer;
    model.norm.bias = true;
    model.wiring = Wiring::Parallel { norms: ParallelNorms::One };
    model.attention.qkv_bias = true;
    model.attention.output_bias = true;
    model.mlp.gated = false;
    model.mlp.bias = true;
    model.readout.bias = true;
    rope::part_of_heads(&mut model, keys, keys.number("partial_rotary_factor", 0.5)?)?;
    Ok(model.into())
}

const NAMES: Names = Names {
    blocks: "layers.",
    block: &[
        (Slot::Ln1, "input_layernorm"),
        (Slot::Q, "self_attn.q_proj"),
        (Slot::K, "self_attn.k_proj"),
        (Slot::V, "self_attn.v_proj"),
        (Slot::O, "self_attn.dense"),
        (Slot::In, "mlp.fc1"),
        (Slot::Out, "mlp.fc2"),
    ],
    around: &[(Slot::Embed, "embed_tokens"), (Slot::LnFinal, "final_layernorm"), (Slot::Unembed, "lm_head")],
};
