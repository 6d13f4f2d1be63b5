//! Granite: as Llama, with factors on embeddings, scores, what blocks add, and logits.

use super::gated::{self, Defaults};
use super::{ConfigError, Family, Keys, Reading, TokenizerClass, llama, rope};
use crate::architecture::Slot;

pub(super) const FAMILY: Family =
    Family { model_type: "granite", read, tokenizer: TokenizerClass::AsWritten, ..llama::FAMILY };

const DEFAULTS: Defaults = llama::DEFAULTS;

/// What blocks add is multiplied where it is projected, and logits where they are normalised: both are linear from there on.
fn read(keys: &Keys<'_>) -> Result<Reading, ConfigError> {
    let mut model = gated::read(keys, &DEFAULTS)?;
    gated::attention_bias(&mut model, keys)?;
    model.mlp.bias = keys.flag("mlp_bias", false)?;
    model.embed.scale = keys.number("embedding_multiplier", 1.0)?;
    gated::scale(&mut model, keys.number("attention_multiplier", 1.0)?);
    let added = keys.number("residual_multiplier", 1.0)?;
    let logits = keys.number("logits_scaling", 1.0)?;
    if logits.abs() < f64::MIN_POSITIVE {
        return Err(keys.refused("logits_scaling", ": logits are divided by it"));
    }
    rope::whole_heads(&mut model, keys)?;
    let factors = vec![(Slot::O, added), (Slot::Out, added), (Slot::LnFinal, 1.0 / logits)];
    Ok(Reading { architecture: model, factors })
}
