//! Qwen 3: as Qwen 2, with norms of each head of queries and keys instead of biases.

use super::gated::{self, Defaults};
use super::rope::{Rope, everywhere};
use super::{ConfigError, Family, Keys, Reading, TokenizerClass, qwen2};
use crate::architecture::QkNorm;

pub(super) const FAMILY: Family = Family {
    model_type: "qwen3",
    read,
    source: |_, parameter| gated::NAMES.source(parameter),
    landmark: "norm.weight",
    prefixes: gated::PREFIXES,
    renamed: &[],
    is_constant: gated::is_frequency,
    tokenizer: TokenizerClass::Named("Qwen2Tokenizer"),
};

fn read(keys: &Keys<'_>) -> Result<Reading, ConfigError> {
    let mut model = gated::read(keys, &Defaults { d_head: Some(128), ..qwen2::DEFAULTS })?;
    gated::attention_bias(&mut model, keys)?;
    model.attention.qk_norm = QkNorm::PerHead;
    qwen2::windows(&mut model, keys)?;
    let rotary = Rope::read(keys, 10_000.0)?.whole(keys, &model)?;
    everywhere(&mut model, rotary);
    Ok(model.into())
}
