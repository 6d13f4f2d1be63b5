//! Gemma 2: norms before and after attention and MLP, caps of scores and logits, and a window in every other layer.

use super::gated::{self, Defaults};
use super::{ConfigError, Family, Keys, Reading, TokenizerClass, gemma, rope};
use crate::architecture::{Activation, Architecture, NormPlace};

pub(super) const FAMILY: Family = Family {
    source: |_, parameter| gated::POST_NORM_NAMES.source(parameter),
    ..gated::family("gemma2", read, TokenizerClass::Named("GemmaTokenizer"))
};

const DEFAULTS: Defaults = Defaults {
    layers: 26,
    d_model: 2304,
    d_mlp: 9216,
    d_vocab: 256_000,
    n_ctx: 8192,
    heads: 8,
    kv_heads: Some(4),
    d_head: Some(256),
    eps: ("rms_norm_eps", 1e-6),
    activation: ("hidden_activation", Activation::GeluTanh),
    tied: true,
};

fn read(keys: &Keys<'_>) -> Result<Reading, ConfigError> {
    let mut model = common(keys, &DEFAULTS)?;
    model.attention.score_cap = keys.number_or_null("attn_logit_softcapping", Some(50.0))?;
    model.readout.cap = keys.number_or_null("final_logit_softcapping", Some(30.0))?;
    let window = keys.size_or_null("sliding_window", Some(4096))?;
    gated::windows(&mut model, keys, window, |layer| layer % 2 == 0)?;
    rope::whole_heads(&mut model, keys)?;
    Ok(model.into())
}

/// What Gemma 2 and its successors have in common.
pub(super) fn common(keys: &Keys<'_>, defaults: &Defaults) -> Result<Architecture, ConfigError> {
    let mut model = gemma::common(keys, defaults)?;
    model.norm.place = NormPlace::BeforeAndAfter;
    gated::scale(&mut model, 1.0 / keys.number("query_pre_attn_scalar", 256.0)?.sqrt());
    Ok(model)
}
