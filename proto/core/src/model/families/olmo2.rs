//! OLMo 2: norms only of what attention and MLP add, and of all queries and keys together.

use super::gated::{self, Defaults};
use super::{ConfigError, Family, Keys, Reading, TokenizerClass, olmo, rope};
use crate::architecture::{NormPlace, QkNorm};

pub(super) const FAMILY: Family = Family {
    source: |_, parameter| gated::POST_NORM_NAMES.source(parameter),
    ..gated::family("olmo2", read, TokenizerClass::AsWritten)
};

fn read(keys: &Keys<'_>) -> Result<Reading, ConfigError> {
    let mut model = gated::read(keys, &Defaults { eps: ("rms_norm_eps", 1e-5), ..olmo::DEFAULTS })?;
    gated::attention_bias(&mut model, keys)?;
    model.norm.place = NormPlace::After;
    model.attention.qk_norm = QkNorm::Whole;
    rope::whole_heads(&mut model, keys)?;
    Ok(model.into())
}
