//! Models whose `config.json` holds the description itself, and whose tensors have the names that they have here: made-up
//! models for tests, and whatever no family covers.

use serde::Deserialize;

use super::{Family, Read, Source};
use crate::architecture::Architecture;

pub(super) const FAMILY: Family = Family {
    model_type: "patchsweep",
    read,
    source: |_, parameter| Source::whole(parameter.to_string(), parameter),
    landmark: "embed.weight",
    is_constant: |_| false,
};

#[derive(Deserialize)]
struct Config {
    architecture: Architecture,
    #[serde(default)]
    bos_token_id: Option<u32>,
}

fn read(text: &str) -> Read {
    let Config { architecture, bos_token_id } = serde_json::from_str(text)?;
    Ok((architecture, bos_token_id))
}
