//! Families of models: one file each reads the family's `config.json` and knows the names of its tensors.
//!
//! Outside this folder nobody knows a family's name.

mod described;
mod gpt2;

use serde::Deserialize;

use crate::architecture::{Architecture, Parameter, Unsupported};

/// A `config.json`, read.
#[derive(Clone, Debug)]
pub struct ModelConfig {
    /// What the model is.
    pub architecture: Architecture,
    /// Token that `prepend_bos` puts first where no tokenizer says otherwise.
    pub bos_token_id: Option<u32>,
    family: &'static Family,
}

/// Why a `config.json` cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// Not the JSON that was expected.
    #[error("not the config of a model")]
    Json(#[from] serde_json::Error),
    /// No family that is known here.
    #[error("model_type is `{found}`; supported are {}", known())]
    ModelType {
        /// As in the file.
        found: String,
    },
    /// A model that nothing here can compute.
    #[error("a model of this config is not supported")]
    Unsupported(#[from] Unsupported),
    /// A key that changes the arithmetic in a way that is not computed here.
    #[error("`{key}` is {value}, which is not supported{hint}")]
    Key {
        /// As in the file.
        key: &'static str,
        /// As in the file.
        value: String,
        /// What would be, with what joins it to the rest; may be empty.
        hint: &'static str,
    },
}

/// Where a parameter is stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Source {
    /// The stored tensor's name, without what programs put before all names.
    pub name: String,
    /// Its shape, as it is stored.
    pub shape: Vec<u32>,
    /// Whether matrices are stored \[in, out\].
    pub is_transposed: bool,
    /// Which of its outputs are the parameter's.
    pub outputs: Outputs,
}

/// Outputs of a stored matrix, or entries of a stored bias, that may hold several parameters.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outputs {
    /// All.
    All,
    /// A range of them.
    Range {
        /// The first.
        start: u32,
        /// How many.
        count: u32,
    },
    /// Of `of` parts of width `width` that each head has side by side, the part `index`.
    PartOfHeads {
        /// Of a head's part.
        width: u32,
        /// Which part.
        index: u32,
        /// How many parts each head has.
        of: u32,
    },
}

/// The architecture, and the token that `prepend_bos` puts first.
type Read = Result<(Architecture, Option<u32>), ConfigError>;

/// What is known of a family.
struct Family {
    model_type: &'static str,
    /// Reads what is particular to the family.
    read: fn(&str) -> Read,
    source: fn(&Architecture, &Parameter) -> Source,
    /// A tensor that each model of the family has once: what stands before it stands before all.
    landmark: &'static str,
    /// Whether a stored tensor is a constant, or otherwise no parameter.
    is_constant: fn(&str) -> bool,
}

const FAMILIES: [&Family; 2] = [&gpt2::FAMILY, &described::FAMILY];

impl ModelConfig {
    /// Reads the text of a `config.json`.
    pub fn from_json(text: &str) -> Result<Self, ConfigError> {
        #[derive(Deserialize)]
        struct ModelType {
            model_type: String,
        }
        let ModelType { model_type: found } = serde_json::from_str(text)?;
        let Some(family) = FAMILIES.into_iter().find(|family| family.model_type == found) else {
            return Err(ConfigError::ModelType { found });
        };
        let (architecture, bos_token_id) = (family.read)(text)?;
        architecture.refuse_unsupported()?;
        Ok(Self { architecture, bos_token_id, family })
    }

    /// Where a parameter of the architecture is stored.
    #[must_use]
    pub fn source(&self, parameter: &Parameter) -> Source {
        (self.family.source)(&self.architecture, parameter)
    }

    /// A tensor that is stored once: what stands before it stands before all.
    #[must_use]
    pub fn landmark(&self) -> &'static str {
        self.family.landmark
    }

    /// Whether a stored tensor that is no parameter is a constant, such as a mask.
    #[must_use]
    pub fn is_constant(&self, name: &str) -> bool {
        (self.family.is_constant)(name)
    }
}

impl Source {
    /// The parameter alone, as it is called and shaped here.
    fn whole(name: String, parameter: &Parameter) -> Self {
        Self { name, shape: parameter.shape.clone(), is_transposed: false, outputs: Outputs::All }
    }
}

impl std::fmt::Debug for Family {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.model_type)
    }
}

fn known() -> String {
    let names: Vec<String> = FAMILIES.iter().map(|family| format!("`{}`", family.model_type)).collect();
    names.join(", ")
}

#[cfg(test)]
mod tests;
