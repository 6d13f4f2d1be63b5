//! GPT-J: parallel blocks with one norm, adjacent entries rotated, and an unembedding with a bias.

use super::names::{Names, is_in_block};
use super::rope::everywhere;
use super::{ConfigError, Family, Keys, Reading, TokenizerClass, gpt2};
use crate::architecture::{Activation, Pairing, ParallelNorms, Rotary, Scaling, Slot, Wiring};

pub(super) const FAMILY: Family = Family {
    model_type: "gptj",
    read,
    source: |_, parameter| NAMES.source(parameter),
    landmark: "ln_f.weight",
    prefixes: gpt2::PREFIXES,
    renamed: &[],
    is_constant: |name| is_in_block(name, "h.", &["attn.bias", "attn.masked_bias", "attn.embed_positions"]),
    tokenizer: TokenizerClass::Named("GPT2Tokenizer"),
};

const DEFAULTS: gpt2::Defaults =
    gpt2::Defaults { layers: 28, heads: 16, d_model: 4096, d_vocab: 50400, n_ctx: 2048, tied: false };

fn read(keys: &Keys<'_>) -> Result<Reading, ConfigError> {
    let mut model = gpt2::common(keys, &DEFAULTS)?;
    model.mlp.activation = keys.activation("activation_function", Activation::GeluTanh)?;
    let width = keys.size_or_null("rotary_dim", Some(64))?.unwrap_or_default();
    if width == 0 {
        return Err(keys.refused("rotary_dim", ": so many entries of each head are rotated"));
    }
    let rotary = Rotary { width, pairing: Pairing::Adjacent, base: 10_000.0, scaling: Scaling::None };
    everywhere(&mut model, rotary);
    model.embed.positions = None;
    model.wiring = Wiring::Parallel { norms: ParallelNorms::One };
    model.attention.qkv_bias = false;
    model.attention.output_bias = false;
    model.readout.bias = true;
    Ok(model.into())
}

const NAMES: Names = Names {
    blocks: "h.",
    block: &[
        (Slot::Ln1, "ln_1"),
        (Slot::Q, "attn.q_proj"),
        (Slot::K, "attn.k_proj"),
        (Slot::V, "attn.v_proj"),
        (Slot::O, "attn.out_proj"),
        (Slot::In, "mlp.fc_in"),
        (Slot::Out, "mlp.fc_out"),
    ],
    around: &[(Slot::Embed, "wte"), (Slot::LnFinal, "ln_f"), (Slot::Unembed, "lm_head")],
};
