//! Phi 3 and 4: queries, keys and values in one matrix, gate and input of the MLP in another.

use super::gated::{self, Defaults};
use super::names::Names;
use super::{ConfigError, Family, Keys, Outputs, Reading, Source, TokenizerClass, rope};
use crate::architecture::{Activation, Architecture, Parameter, Slot};

pub(super) const FAMILY: Family = Family { source, ..gated::family("phi3", read, TokenizerClass::AsWritten) };

const DEFAULTS: Defaults = Defaults {
    layers: 32,
    d_model: 3072,
    d_mlp: 8192,
    d_vocab: 32064,
    n_ctx: 4096,
    heads: 32,
    kv_heads: None,
    d_head: None,
    eps: ("rms_norm_eps", 1e-5),
    activation: ("hidden_act", Activation::Silu),
    tied: false,
};

fn read(keys: &Keys<'_>) -> Result<Reading, ConfigError> {
    let mut model = gated::read(keys, &DEFAULTS)?;
    let window = keys.size_or_null("sliding_window", None)?;
    for layer in &mut model.attention.layers {
        layer.window = window;
    }
    rope::part_of_heads(&mut model, keys, keys.number("partial_rotary_factor", 1.0)?)?;
    Ok(model.into())
}

const NAMES: Names = Names {
    block: &[
        (Slot::Ln1, "input_layernorm"),
        (Slot::Q, "self_attn.qkv_proj"),
        (Slot::K, "self_attn.qkv_proj"),
        (Slot::V, "self_attn.qkv_proj"),
        (Slot::O, "self_attn.o_proj"),
        (Slot::Ln2, "post_attention_layernorm"),
        (Slot::Gate, "mlp.gate_up_proj"),
        (Slot::In, "mlp.gate_up_proj"),
        (Slot::Out, "mlp.down_proj"),
    ],
    ..gated::NAMES
};

fn source(architecture: &Architecture, parameter: &Parameter) -> Source {
    let (queries, keys, d_mlp) = (architecture.d_queries(), architecture.d_keys(), architecture.d_mlp);
    let (all, start, count) = match parameter.slot {
        Slot::Q => (queries + 2 * keys, 0, queries),
        Slot::K => (queries + 2 * keys, queries, keys),
        Slot::V => (queries + 2 * keys, queries + keys, keys),
        Slot::Gate => (2 * d_mlp, 0, d_mlp),
        Slot::In => (2 * d_mlp, d_mlp, d_mlp),
        _ => return NAMES.source(parameter),
    };
    NAMES.some_outputs(parameter, all, Outputs::Range { start, count })
}
