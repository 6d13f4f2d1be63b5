//! GPT-NeoX, which Pythia is: parallel blocks with two norms, and queries, keys and values head by head in one matrix.

use super::gated::{self, Defaults};
use super::names::{Names, is_in_block};
use super::rope::{Rope, everywhere};
use super::{ConfigError, Family, Keys, Outputs, Reading, Source, TokenizerClass};
use crate::architecture::{Activation, Architecture, NormKind, ParallelNorms, Parameter, Slot, Wiring};

pub(super) const FAMILY: Family = Family {
    model_type: "gpt_neox",
    read,
    source,
    landmark: "final_layer_norm.weight",
    prefixes: &["gpt_neox.", ""],
    renamed: &[("lm_head.weight", "embed_out.weight")],
    is_constant: |name| is_in_block(name, "layers.", &CONSTANTS),
    tokenizer: TokenizerClass::Named("GPTNeoXTokenizer"),
};

const CONSTANTS: [&str; 3] = ["attention.bias", "attention.masked_bias", "attention.rotary_emb.inv_freq"];

const DEFAULTS: Defaults = Defaults {
    layers: 44,
    d_model: 6144,
    d_mlp: 24576,
    d_vocab: 50432,
    n_ctx: 2048,
    heads: 64,
    kv_heads: None,
    d_head: None,
    eps: ("layer_norm_eps", 1e-5),
    activation: ("hidden_act", Activation::Gelu),
    tied: false,
};

fn read(keys: &Keys<'_>) -> Result<Reading, ConfigError> {
    let mut model = gated::read(keys, &DEFAULTS)?;
    gated::refuse_own_heads(&model, keys)?;
    if model.kv_heads != model.heads {
        return Err(keys.refused("num_key_value_heads", ": every head of this family has keys of its own"));
    }
    model.norm.kind = NormKind::Layer;
    model.norm.bias = true;
    if keys.flag("use_parallel_residual", true)? {
        model.wiring = Wiring::Parallel { norms: ParallelNorms::Two };
    }
    let bias = keys.flag("attention_bias", true)?;
    (model.attention.qkv_bias, model.attention.output_bias) = (bias, bias);
    model.mlp.gated = false;
    model.mlp.bias = true;
    let rotary = rope(keys)?.partial(keys.number("rotary_pct", 0.25)?, &model);
    everywhere(&mut model, rotary);
    Ok(model.into())
}

/// The old keys have names of their own. Releases just before 5 wrote the usual ones beside them.
fn rope(keys: &Keys<'_>) -> Result<Rope, ConfigError> {
    let base = keys.number("rotary_emb_base", 10_000.0)?;
    for (usual, own, value) in [
        ("rope_theta", "rotary_emb_base", base),
        ("partial_rotary_factor", "rotary_pct", keys.number("rotary_pct", 0.25)?),
    ] {
        if keys.has(own) && (keys.number(usual, value)? - value).abs() > 0.0 {
            return Err(keys.refused(usual, ": the family's own key (`rotary_emb_base`, `rotary_pct`) says otherwise"));
        }
    }
    Rope::read_with_base(keys, base)
}

const NAMES: Names = Names {
    blocks: "layers.",
    block: &[
        (Slot::Ln1, "input_layernorm"),
        (Slot::Q, "attention.query_key_value"),
        (Slot::K, "attention.query_key_value"),
        (Slot::V, "attention.query_key_value"),
        (Slot::O, "attention.dense"),
        (Slot::Ln2, "post_attention_layernorm"),
        (Slot::In, "mlp.dense_h_to_4h"),
        (Slot::Out, "mlp.dense_4h_to_h"),
    ],
    around: &[(Slot::Embed, "embed_in"), (Slot::LnFinal, "final_layer_norm"), (Slot::Unembed, "embed_out")],
};

fn source(architecture: &Architecture, parameter: &Parameter) -> Source {
    let index = match parameter.slot {
        Slot::Q => 0,
        Slot::K => 1,
        Slot::V => 2,
        _ => return NAMES.source(parameter),
    };
    let outputs = Outputs::PartOfHeads { width: architecture.d_head, index, of: 3 };
    NAMES.some_outputs(parameter, 3 * architecture.d_model, outputs)
}
