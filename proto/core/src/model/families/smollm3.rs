//! SmolLM 3: as Llama, but some layers do not rotate.

use super::gated::{self, Defaults};
use super::rope::Rope;
use super::{ConfigError, Family, Keys, Reading, TokenizerClass};
use crate::architecture::Activation;

pub(super) const FAMILY: Family = gated::family("smollm3", read, TokenizerClass::None);

const DEFAULTS: Defaults = Defaults {
    layers: 36,
    d_model: 2048,
    d_mlp: 11008,
    d_vocab: 128_256,
    n_ctx: 32768,
    heads: 16,
    kv_heads: Some(4),
    d_head: None,
    eps: ("rms_norm_eps", 1e-6),
    activation: ("hidden_act", Activation::Silu),
    tied: true,
};

fn read(keys: &Keys<'_>) -> Result<Reading, ConfigError> {
    let mut model = gated::read(keys, &DEFAULTS)?;
    gated::attention_bias(&mut model, keys)?;
    model.mlp.bias = keys.flag("mlp_bias", false)?;
    let rotates = rotating(keys, model.attention.layers.len())?;
    let is_used = keys.flag("use_sliding_window", false)?;
    let window = keys.size_or_null("sliding_window", None)?.filter(|_| is_used);
    gated::windows(&mut model, keys, window, |layer| window.is_some() && !rotates[layer as usize])?;
    let rotary = Rope::read(keys, 2_000_000.0)?.whole(keys, &model)?;
    for (layer, rotates) in model.attention.layers.iter_mut().zip(rotates) {
        layer.rotary = rotates.then_some(rotary);
    }
    Ok(model.into())
}

/// Which layers rotate. Despite the key's name, 1 stands for those that do.
fn rotating(keys: &Keys<'_>, layers: usize) -> Result<Vec<bool>, ConfigError> {
    const KEY: &str = "no_rope_layers";
    if let Some(rotating) = keys.list(KEY)? {
        if rotating.len() < layers {
            return Err(keys.refused(KEY, ": there must be a number for each layer"));
        }
        let is_one = |number: &serde_json::Value| match number.as_u64() {
            Some(0) => Ok(false),
            Some(1) => Ok(true),
            _ => Err(keys.refused(KEY, ": it must be a list of 0 and 1")),
        };
        return rotating.iter().take(layers).map(is_one).collect();
    }
    let every = keys.size("no_rope_layer_interval", 4)?;
    if every == 0 {
        return Err(keys.refused("no_rope_layer_interval", ": every so many layers one does not rotate"));
    }
    Ok((1u32..).take(layers).map(|number| !number.is_multiple_of(every)).collect())
}
