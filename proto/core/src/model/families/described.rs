//! Models whose `config.json` holds the description itself, and whose tensors have the names that they have here: made-up
//! models for tests, and whatever no family covers.

use super::{ConfigError, Family, Keys, Reading, Source, TokenizerClass};
use crate::architecture::Architecture;

pub(super) const FAMILY: Family = Family {
    model_type: "patchsweep",
    read,
    source: |_, parameter| Source::whole(parameter.to_string(), parameter),
    landmark: "embed.weight",
    prefixes: &[""],
    renamed: &[],
    is_constant: |_| false,
    tokenizer: TokenizerClass::None,
};

fn read(keys: &Keys<'_>) -> Result<Reading, ConfigError> {
    Ok(keys.value::<Architecture>("architecture")?.into())
}
