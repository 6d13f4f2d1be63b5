//! GPT-Neo: a window in every other layer, and scores that are not scaled.

use serde_json::Value;

use super::names::{Names, is_in_block};
use super::{ConfigError, Family, Keys, Reading, TokenizerClass, gpt2};
use crate::architecture::{Activation, Architecture, LearnedPositions, Sizes, Slot};

pub(super) const FAMILY: Family = Family {
    model_type: "gpt_neo",
    read,
    source: |_, parameter| NAMES.source(parameter),
    landmark: "ln_f.weight",
    prefixes: gpt2::PREFIXES,
    renamed: &[],
    is_constant: |name| is_in_block(name, "h.", &["attn.attention.bias", "attn.attention.masked_bias"]),
    tokenizer: TokenizerClass::Named("GPT2Tokenizer"),
};

fn read(keys: &Keys<'_>) -> Result<Reading, ConfigError> {
    gpt2::refuse_aliases(keys, &[("num_attention_heads", "num_heads"), ("num_hidden_layers", "num_layers")])?;
    let (layers, heads) = (keys.size("num_layers", 24)?, keys.size("num_heads", 16)?);
    let d_model = keys.size("hidden_size", 2048)?;
    if heads == 0 || !d_model.is_multiple_of(heads) {
        return Err(keys.refused("num_heads", ": it must divide `hidden_size`"));
    }
    let d_mlp = keys.size_or_null("intermediate_size", None)?.unwrap_or_else(|| d_model.saturating_mul(4));
    let (d_vocab, n_ctx) = (keys.size("vocab_size", 50257)?, keys.size("max_position_embeddings", 2048)?);
    let mut model = Architecture::plain(Sizes { layers, heads, d_model, d_mlp, d_vocab, n_ctx });
    model.embed.positions = Some(LearnedPositions { offset: 0 });
    model.norm.eps = keys.number("layer_norm_epsilon", 1e-5)?;
    model.mlp.activation = keys.activation("activation_function", Activation::GeluTanh)?;
    model.attention.qkv_bias = false;
    model.readout.tied = keys.flag("tie_word_embeddings", true)?;
    let window = keys.size("window_size", 256)?;
    let kinds = kinds(keys, model.attention.layers.len())?;
    for (layer, is_local) in model.attention.layers.iter_mut().zip(kinds) {
        layer.scale = 1.0;
        layer.window = is_local.then_some(window);
    }
    Ok(model.into())
}

/// Which layers have the window. `attention_layers` says it layer by layer and wins; `attention_types` in lists of a few
/// layers and how often these come.
fn kinds(keys: &Keys<'_>, layers: usize) -> Result<Vec<bool>, ConfigError> {
    let (key, kinds) = match (keys.list("attention_layers")?, keys.list("attention_types")?) {
        (Some(kinds), _) => ("attention_layers", kinds.iter().map(is_local).collect()),
        (None, Some(types)) => ("attention_types", expanded(types, layers)),
        (None, None) => ("attention_types", Some([false, true].repeat(12))),
    };
    let kinds: Option<Vec<bool>> = kinds;
    kinds
        .filter(|kinds| kinds.len() == layers)
        .ok_or_else(|| keys.refused(key, ": it must say `global` or `local` for each layer"))
}

/// Of `[[["global", "local"], 12]]`; nothing if it is of another form, or says more layers than there are.
fn expanded(types: &[Value], layers: usize) -> Option<Vec<bool>> {
    let mut all = Vec::new();
    for item in types {
        let [few, times] = item.as_array()?.as_slice() else { return None };
        let few: Vec<bool> = few.as_array()?.iter().map(is_local).collect::<Option<_>>()?;
        for _ in 0..times.as_u64()? {
            all.extend(&few);
            if few.is_empty() || all.len() > layers {
                return None;
            }
        }
    }
    Some(all)
}

fn is_local(kind: &Value) -> Option<bool> {
    match kind.as_str()? {
        "local" => Some(true),
        "global" => Some(false),
        _ => None,
    }
}

const NAMES: Names = Names {
    blocks: "h.",
    block: &[
        (Slot::Ln1, "ln_1"),
        (Slot::Q, "attn.attention.q_proj"),
        (Slot::K, "attn.attention.k_proj"),
        (Slot::V, "attn.attention.v_proj"),
        (Slot::O, "attn.attention.out_proj"),
        (Slot::Ln2, "ln_2"),
        (Slot::In, "mlp.c_fc"),
        (Slot::Out, "mlp.c_proj"),
    ],
    around: gpt2::AROUND,
};
