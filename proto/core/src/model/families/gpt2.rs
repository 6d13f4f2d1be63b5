//! GPT-2, as Hugging Face writes it.

use serde::Deserialize;

use super::{ConfigError, Family, Outputs, Read, Source};
use crate::architecture::{Activation, Architecture, Parameter, Part, Sizes, Slot};

pub(super) const FAMILY: Family =
    Family { model_type: "gpt2", read, source, landmark: "ln_f.weight", is_constant: is_mask };

#[derive(Deserialize)]
struct Config {
    n_layer: u32,
    n_head: u32,
    n_embd: u32,
    #[serde(default)]
    n_inner: Option<u32>,
    vocab_size: u32,
    n_positions: u32,
    #[serde(default = "default_epsilon")]
    layer_norm_epsilon: f64,
    #[serde(default = "default_activation")]
    activation_function: Activation,
    #[serde(default = "default_true")]
    scale_attn_weights: bool,
    #[serde(default)]
    scale_attn_by_inverse_layer_idx: bool,
    #[serde(default)]
    bos_token_id: Option<u32>,
    #[serde(default = "default_true")]
    tie_word_embeddings: bool,
}

fn default_epsilon() -> f64 {
    1e-5
}

fn default_activation() -> Activation {
    Activation::GeluTanh
}

fn default_true() -> bool {
    true
}

fn read(text: &str) -> Read {
    let config: Config = serde_json::from_str(text)?;
    let &Config { n_layer: layers, n_head: heads, n_embd: d_model, .. } = &config;
    if heads == 0 || !d_model.is_multiple_of(heads) {
        return Err(ConfigError::Key { key: "n_head", value: heads.to_string(), hint: ": it must divide n_embd" });
    }
    let sizes = Sizes {
        layers,
        heads,
        d_model,
        d_mlp: config.n_inner.unwrap_or_else(|| d_model.saturating_mul(4)),
        d_vocab: config.vocab_size,
        n_ctx: config.n_positions,
    };
    let mut architecture = Architecture::plain(sizes);
    for (layer, attention) in (0u32..).zip(&mut architecture.attention.layers) {
        let by_width = if config.scale_attn_weights { attention.scale } else { 1.0 };
        let by_layer = if config.scale_attn_by_inverse_layer_idx { 1.0 / f64::from(layer + 1) } else { 1.0 };
        attention.scale = by_width * by_layer;
    }
    architecture.norm.eps = config.layer_norm_epsilon;
    architecture.mlp.activation = config.activation_function;
    architecture.readout.tied = config.tie_word_embeddings;
    Ok((architecture, config.bos_token_id))
}

/// Matrices are stored \[in, out\]; queries, keys and values side by side.
fn source(architecture: &Architecture, parameter: &Parameter) -> Source {
    let width = architecture.d_model;
    let (module, third) = match parameter.slot {
        Slot::Embed => return Source::whole("wte.weight".to_owned(), parameter),
        Slot::PosEmbed => return Source::whole("wpe.weight".to_owned(), parameter),
        Slot::Unembed => return Source::whole("lm_head.weight".to_owned(), parameter),
        Slot::LnFinal => ("ln_f", None),
        Slot::Ln1 => ("ln_1", None),
        Slot::Ln2 => ("ln_2", None),
        Slot::Q => ("attn.c_attn", Some(0)),
        Slot::K => ("attn.c_attn", Some(1)),
        Slot::V => ("attn.c_attn", Some(2)),
        Slot::O => ("attn.c_proj", None),
        Slot::In => ("mlp.c_fc", None),
        Slot::Out => ("mlp.c_proj", None),
        Slot::Ln1Post | Slot::Ln2Post | Slot::QNorm | Slot::KNorm | Slot::Gate => {
            unreachable!("an architecture that `read` makes has no {}", parameter.slot.name())
        }
    };
    let block = parameter.layer.map(|layer| format!("h.{layer}.")).unwrap_or_default();
    let part = match parameter.part {
        Part::Weight => "weight",
        Part::Bias => "bias",
    };
    let mut shape = parameter.shape.clone();
    if third.is_some() {
        shape[0] = 3 * width;
    }
    shape.reverse();
    let outputs = third.map_or(Outputs::All, |third| Outputs::Range { start: third * width, count: width });
    Source { name: format!("{block}{module}.{part}"), shape, is_transposed: parameter.shape.len() == 2, outputs }
}

/// Whether a tensor is the causal mask of a block, or the number that stood for minus infinity beside it. Old releases of
/// transformers saved these constants with the weights.
fn is_mask(name: &str) -> bool {
    let block = name.strip_prefix("h.").and_then(|rest| rest.split_once('.'));
    block.is_some_and(|(layer, part)| layer.parse::<u32>().is_ok() && matches!(part, "attn.bias" | "attn.masked_bias"))
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
