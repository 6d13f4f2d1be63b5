//! What many families have in common: sequential blocks with RMS norms, gated MLPs, grouped queries and rotation.

use super::keys::shown;
use super::names::{Names, is_in_block};
use super::{ConfigError, Family, Keys, Reading, TokenizerClass};
use crate::architecture::{Activation, Architecture, NormKind, Sizes, Slot};

/// What a family's class in transformers takes for keys that are missing.
pub(super) struct Defaults {
    pub(super) layers: u32,
    pub(super) d_model: u32,
    pub(super) d_mlp: u32,
    pub(super) d_vocab: u32,
    pub(super) n_ctx: u32,
    pub(super) heads: u32,
    /// `None`: as many as there are query heads.
    pub(super) kv_heads: Option<u32>,
    /// `None`: what is the heads' share of the width.
    pub(super) d_head: Option<u32>,
    /// Key and value.
    pub(super) eps: (&'static str, f64),
    /// Key and value.
    pub(super) activation: (&'static str, Activation),
    pub(super) tied: bool,
}

/// A family with the usual names, or with all but the names of these.
pub(super) const fn family(
    model_type: &'static str,
    read: fn(&Keys<'_>) -> Result<Reading, ConfigError>,
    tokenizer: TokenizerClass,
) -> Family {
    Family {
        model_type,
        read,
        source: |_, parameter| NAMES.source(parameter),
        landmark: "norm.weight",
        prefixes: PREFIXES,
        renamed: &[],
        is_constant: is_frequency,
        tokenizer,
    }
}

/// All but what is particular to the family; nothing is rotated, and there are no biases.
pub(super) fn read(keys: &Keys<'_>, defaults: &Defaults) -> Result<Architecture, ConfigError> {
    let sizes = Sizes {
        layers: keys.size("num_hidden_layers", defaults.layers)?,
        heads: keys.size("num_attention_heads", defaults.heads)?,
        d_model: keys.size("hidden_size", defaults.d_model)?,
        d_mlp: keys.size("intermediate_size", defaults.d_mlp)?,
        d_vocab: keys.size("vocab_size", defaults.d_vocab)?,
        n_ctx: keys.size("max_position_embeddings", defaults.n_ctx)?,
    };
    let mut architecture = Architecture::plain(sizes);
    architecture.kv_heads = keys.size_or_null("num_key_value_heads", defaults.kv_heads)?.unwrap_or(sizes.heads);
    if let Some(d_head) = keys.size_or_null("head_dim", defaults.d_head)? {
        architecture.d_head = d_head;
        scale(&mut architecture, 1.0 / f64::from(d_head).sqrt());
    }
    architecture.embed.positions = None;
    architecture.norm.kind = NormKind::Rms;
    architecture.norm.bias = false;
    architecture.norm.eps = keys.number(defaults.eps.0, defaults.eps.1)?;
    architecture.attention.qkv_bias = false;
    architecture.attention.output_bias = false;
    architecture.mlp.gated = true;
    architecture.mlp.bias = false;
    architecture.mlp.activation = keys.activation(defaults.activation.0, defaults.activation.1)?;
    architecture.readout.tied = keys.flag("tie_word_embeddings", defaults.tied)?;
    Ok(architecture)
}

/// What attention scores of all layers are multiplied by.
pub(super) fn scale(architecture: &mut Architecture, scale: f64) {
    for layer in &mut architecture.attention.layers {
        layer.scale = scale;
    }
}

/// Biases of all of attention's projections, under the usual key.
pub(super) fn attention_bias(architecture: &mut Architecture, keys: &Keys<'_>) -> Result<(), ConfigError> {
    let bias = keys.flag("attention_bias", false)?;
    (architecture.attention.qkv_bias, architecture.attention.output_bias) = (bias, bias);
    Ok(())
}

/// Gives the window to the layers that `layer_types` calls sliding. `by_default`: where `layer_types` is missing.
pub(super) fn windows(
    architecture: &mut Architecture,
    keys: &Keys<'_>,
    window: Option<u32>,
    by_default: impl Fn(u32) -> bool,
) -> Result<(), ConfigError> {
    let layers = architecture.attention.layers.len();
    let slides = match keys.list("layer_types")? {
        None => (0u32..).take(layers).map(by_default).collect(),
        Some(kinds) if kinds.len() != layers => {
            return Err(keys.refused("layer_types", ": there must be one for each layer"));
        }
        Some(kinds) => {
            let slides = |kind: &serde_json::Value| match kind.as_str() {
                Some("sliding_attention") => Ok(true),
                Some("full_attention" | "attention") => Ok(false),
                _ => {
                    let hint = "; supported are full_attention and sliding_attention";
                    Err(ConfigError::Key { key: "layer_types", value: shown(kind), hint })
                }
            };
            kinds.iter().map(slides).collect::<Result<Vec<bool>, _>>()?
        }
    };
    for (layer, slides) in architecture.attention.layers.iter_mut().zip(slides) {
        if slides && window.is_none() {
            let value = "missing or not used".to_owned();
            let hint = ": `layer_types` has layers that slide, and they need it";
            return Err(ConfigError::Key { key: "sliding_window", value, hint });
        }
        layer.window = window.filter(|_| slides);
    }
    Ok(())
}

/// Refuses heads that do not share the width among them.
pub(super) fn refuse_own_heads(architecture: &Architecture, keys: &Keys<'_>) -> Result<(), ConfigError> {
    let Architecture { heads, d_head, d_model, .. } = *architecture;
    if heads == 0 || !d_model.is_multiple_of(heads) {
        return Err(keys.refused("num_attention_heads", ": it must divide `hidden_size`"));
    }
    if d_head != d_model / heads {
        return Err(keys.refused("head_dim", ": heads of this family share `hidden_size` among them"));
    }
    Ok(())
}

/// The names that all these families have in common.
pub(super) const NAMES: Names = Names {
    blocks: "layers.",
    block: &[
        (Slot::Ln1, "input_layernorm"),
        (Slot::Q, "self_attn.q_proj"),
        (Slot::K, "self_attn.k_proj"),
        (Slot::V, "self_attn.v_proj"),
        (Slot::QNorm, "self_attn.q_norm"),
        (Slot::KNorm, "self_attn.k_norm"),
        (Slot::O, "self_attn.o_proj"),
        (Slot::Ln2, "post_attention_layernorm"),
        (Slot::Gate, "mlp.gate_proj"),
        (Slot::In, "mlp.up_proj"),
        (Slot::Out, "mlp.down_proj"),
    ],
    around: &[(Slot::Embed, "embed_tokens"), (Slot::LnFinal, "norm"), (Slot::Unembed, "lm_head")],
};

/// Those of families that normalise what blocks add.
pub(super) const POST_NORM_NAMES: Names = Names {
    block: &[
        (Slot::Ln1, "input_layernorm"),
        (Slot::Q, "self_attn.q_proj"),
        (Slot::K, "self_attn.k_proj"),
        (Slot::V, "self_attn.v_proj"),
        (Slot::QNorm, "self_attn.q_norm"),
        (Slot::KNorm, "self_attn.k_norm"),
        (Slot::O, "self_attn.o_proj"),
        (Slot::Ln1Post, "post_attention_layernorm"),
        (Slot::Ln2, "pre_feedforward_layernorm"),
        (Slot::Gate, "mlp.gate_proj"),
        (Slot::In, "mlp.up_proj"),
        (Slot::Out, "mlp.down_proj"),
        (Slot::Ln2Post, "post_feedforward_layernorm"),
    ],
    ..NAMES
};

/// What stands before the names.
pub(super) const PREFIXES: &[&str] = &["model.", ""];

/// Frequencies of the rotation, which old releases of transformers saved with the weights.
pub(super) fn is_frequency(name: &str) -> bool {
    name == "rotary_emb.inv_freq" || is_in_block(name, "layers.", &["self_attn.rotary_emb.inv_freq"])
}
