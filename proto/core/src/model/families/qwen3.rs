//! Qwen 3: as Qwen 2, with norms of each head of queries and keys instead of biases.

use super::gated::{self, Defaults};
use super::{ConfigError, Family, Keys, Reading, TokenizerClass, qwen2, rope};
use crate::architecture::QkNorm;

pub(super) const FAMILY: Family = gated::family("qwen3", read, TokenizerClass::Named("Qwen2Tokenizer"));

fn read(keys: &Keys<'_>) -> Result<Reading, ConfigError> {
    let mut model = gated::read(keys, &Defaults { d_head: Some(128), ..qwen2::DEFAULTS })?;
    gated::attention_bias(&mut model, keys)?;
    model.attention.qk_norm = QkNorm::PerHead;
    qwen2::windows(&mut model, keys)?;
    rope::whole_heads(&mut model, keys)?;
    Ok(model.into())
}
