//! Gemma 3: as Gemma 2, with norms of each head of queries and keys, and another rotation in layers with a window. The text
//! part of models that see images, too.

use serde_json::Map;

use super::gated::{self, Defaults};
use super::rope::Rope;
use super::{ConfigError, Family, Keys, Reading, TokenizerClass, gemma2};
use crate::architecture::{Activation, Architecture, QkNorm, Rotary};

pub(super) const FAMILY: Family = Family {
    source: |_, parameter| gated::POST_NORM_NAMES.source(parameter),
    ..gated::family("gemma3_text", |keys| read(keys).map(Into::into), TokenizerClass::Named("GemmaTokenizer"))
};

pub(super) const WITH_IMAGES: Family = Family {
    model_type: "gemma3",
    read: read_text_part,
    prefixes: &["model.language_model.", "language_model.model.", "language_model."],
    is_constant: |name| gated::is_frequency(name) || name.split('.').any(|part| IMAGE_PARTS.contains(&part)),
    ..FAMILY
};

const IMAGE_PARTS: [&str; 2] = ["vision_tower", "multi_modal_projector"];

const DEFAULTS: Defaults = Defaults {
    layers: 26,
    d_model: 2304,
    d_mlp: 9216,
    d_vocab: 262_208,
    n_ctx: 131_072,
    heads: 8,
    kv_heads: Some(4),
    d_head: Some(256),
    eps: ("rms_norm_eps", 1e-6),
    activation: ("hidden_activation", Activation::GeluTanh),
    tied: true,
};

fn read_text_part(keys: &Keys<'_>) -> Result<Reading, ConfigError> {
    let empty = Map::new();
    let text = keys.part("text_config")?.unwrap_or(Keys::of(&empty));
    let hint = ": transformers' class for images does not apply it, and that for text alone does";
    text.refuse_given("final_logit_softcapping", hint)?;
    let mut model = read(&text)?;
    model.readout.tied = keys.flag("tie_word_embeddings", true)?;
    Ok(model.into())
}

fn read(keys: &Keys<'_>) -> Result<Architecture, ConfigError> {
    let mut model = gemma2::common(keys, &DEFAULTS)?;
    keys.refuse_given(
        "attn_logit_softcapping",
        ": transformers' class of this family does not apply it, and others do",
    )?;
    model.attention.qk_norm = QkNorm::PerHead;
    model.readout.cap = keys.number_or_null("final_logit_softcapping", None)?;
    let window = keys.size_or_null("sliding_window", Some(4096))?;
    let every = keys.size("sliding_window_pattern", 6)?;
    if every == 0 {
        return Err(keys.refused("sliding_window_pattern", ": every so many layers one has no window"));
    }
    gated::windows(&mut model, keys, window, |layer| !(layer + 1).is_multiple_of(every))?;
    let (full, sliding) = rotations(keys, &model)?;
    for layer in &mut model.attention.layers {
        layer.rotary = Some(if layer.window.is_some() { sliding } else { full });
    }
    Ok(model)
}

/// Of layers without and with a window. The old keys are `rope_theta` and `rope_scaling` for the first, and
/// `rope_local_base_freq` for the second.
fn rotations(keys: &Keys<'_>, model: &Architecture) -> Result<(Rotary, Rotary), ConfigError> {
    let (full, sliding) = (keys.number("rope_theta", 1e6)?, keys.number("rope_local_base_freq", 1e4)?);
    let parameters = keys.part("rope_parameters")?;
    if parameters
        .as_ref()
        .is_some_and(|parameters| parameters.values().any(|part| !part.is_object() && !part.is_null()))
    {
        let hint = ": it must have `full_attention` and `sliding_attention`, and nothing beside them";
        return Err(keys.refused("rope_parameters", hint));
    }
    let of = |kind: &'static str, base: f64| match parameters.as_ref().map(|all| all.part(kind)).transpose()?.flatten()
    {
        Some(own) => Rope::of(keys, &own, base),
        None => Ok(Rope::plain(base)),
    };
    let full = match (keys.part("rope_scaling")?, keys.has("rope_parameters")) {
        (Some(_), true) => return Err(keys.refused("rope_scaling", " beside `rope_parameters`: keep one of them")),
        (Some(scaling), false) => Rope::of(keys, &scaling, full)?,
        (None, _) => of("full_attention", full)?,
    };
    Ok((full.whole(keys, model)?, of("sliding_attention", sliding)?.whole(keys, model)?))
}
