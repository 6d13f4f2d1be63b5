//! GPT-2: matrices are stored \[in, out\]; queries, keys and values side by side.

use super::names::{Names, is_in_block};
use super::{ConfigError, Family, Keys, Outputs, Reading, Source, TokenizerClass};
use crate::architecture::{Activation, Architecture, Parameter, Sizes, Slot};

pub(super) const FAMILY: Family = Family {
    model_type: "gpt2",
    read,
    source,
    landmark: "ln_f.weight",
    prefixes: PREFIXES,
    renamed: &[],
    is_constant: is_mask,
    tokenizer: TokenizerClass::Named("GPT2Tokenizer"),
};

/// What stands before the names.
pub(super) const PREFIXES: &[&str] = &["transformer.", ""];

/// What a family's class in transformers takes for keys that are missing.
pub(super) struct Defaults {
    pub(super) layers: u32,
    pub(super) heads: u32,
    pub(super) d_model: u32,
    pub(super) d_vocab: u32,
    pub(super) n_ctx: u32,
    pub(super) tied: bool,
}

const DEFAULTS: Defaults = Defaults { layers: 12, heads: 12, d_model: 768, d_vocab: 50257, n_ctx: 1024, tied: true };

/// Other names that transformers' class has for keys, and these.
const ALIASES: [(&str, &str); 4] = [
    ("hidden_size", "n_embd"),
    ("max_position_embeddings", "n_positions"),
    ("num_attention_heads", "n_head"),
    ("num_hidden_layers", "n_layer"),
];

/// `reorder_and_upcast_attn` changes where numbers are rounded in half precision, where scores are in float32 here anyhow.
fn read(keys: &Keys<'_>) -> Result<Reading, ConfigError> {
    let mut architecture = common(keys, &DEFAULTS)?;
    let is_by_width = keys.flag("scale_attn_weights", true)?;
    let is_by_layer = keys.flag("scale_attn_by_inverse_layer_idx", false)?;
    for (layer, attention) in (0u32..).zip(&mut architecture.attention.layers) {
        let by_width = if is_by_width { attention.scale } else { 1.0 };
        let by_layer = if is_by_layer { 1.0 / f64::from(layer + 1) } else { 1.0 };
        attention.scale = by_width * by_layer;
    }
    architecture.mlp.activation = keys.activation("activation_function", Activation::GeluTanh)?;
    Ok(architecture.into())
}

/// What families with these keys have in common.
pub(super) fn common(keys: &Keys<'_>, defaults: &Defaults) -> Result<Architecture, ConfigError> {
    refuse_aliases(keys, &ALIASES)?;
    let (heads, d_model) = (keys.size("n_head", defaults.heads)?, keys.size("n_embd", defaults.d_model)?);
    if heads == 0 || !d_model.is_multiple_of(heads) {
        return Err(keys.refused("n_head", ": it must divide n_embd"));
    }
    let sizes = Sizes {
        layers: keys.size("n_layer", defaults.layers)?,
        heads,
        d_model,
        d_mlp: keys.size_or_null("n_inner", None)?.unwrap_or_else(|| d_model.saturating_mul(4)),
        d_vocab: keys.size("vocab_size", defaults.d_vocab)?,
        n_ctx: keys.size("n_positions", defaults.n_ctx)?,
    };
    let mut architecture = Architecture::plain(sizes);
    architecture.norm.eps = keys.number("layer_norm_epsilon", 1e-5)?;
    architecture.readout.tied = keys.flag("tie_word_embeddings", defaults.tied)?;
    Ok(architecture)
}

/// Refuses keys under their other name: transformers reads them, but writes them under the usual one.
pub(super) fn refuse_aliases(keys: &Keys<'_>, aliases: &[(&'static str, &'static str)]) -> Result<(), ConfigError> {
    for &(alias, usual) in aliases {
        if keys.has(alias) && keys.size(alias, 0)? != keys.size(usual, 0)? {
            return Err(keys.refused(alias, ": write it under the name that the family's own files have for it"));
        }
    }
    Ok(())
}

/// What is around the blocks.
pub(super) const AROUND: &[(Slot, &str)] =
    &[(Slot::Embed, "wte"), (Slot::PosEmbed, "wpe"), (Slot::LnFinal, "ln_f"), (Slot::Unembed, "lm_head")];

const NAMES: Names = Names {
    blocks: "h.",
    block: &[
        (Slot::Ln1, "ln_1"),
        (Slot::Q, "attn.c_attn"),
        (Slot::K, "attn.c_attn"),
        (Slot::V, "attn.c_attn"),
        (Slot::O, "attn.c_proj"),
        (Slot::Ln2, "ln_2"),
        (Slot::In, "mlp.c_fc"),
        (Slot::Out, "mlp.c_proj"),
    ],
    around: AROUND,
};

fn source(architecture: &Architecture, parameter: &Parameter) -> Source {
    let width = architecture.d_model;
    let third =
        |third: u32| NAMES.some_outputs(parameter, 3 * width, Outputs::Range { start: third * width, count: width });
    let source = match parameter.slot {
        Slot::Q => third(0),
        Slot::K => third(1),
        Slot::V => third(2),
        _ => NAMES.source(parameter),
    };
    match parameter.layer {
        Some(_) => source.transposed(),
        None => source,
    }
}

/// Whether a tensor is the causal mask of a block, or the number that stood for minus infinity beside it. Old releases of
/// transformers saved these constants with the weights.
fn is_mask(name: &str) -> bool {
    is_in_block(name, "h.", &["attn.bias", "attn.masked_bias"])
}

#[cfg(test)]
mod tests {
    use super::is_mask;

    #[test]
    fn masks_are_no_biases() {
        assert!(is_mask("h.0.attn.bias") && is_mask("h.11.attn.masked_bias"));
        for name in ["h.0.attn.c_attn.bias", "h.0.ln_1.bias", "attn.bias", "h.x.attn.bias", "v_head.attn.bias"] {
            assert!(!is_mask(name), "{name}");
        }
    }
}
