//! Families of models: one file each reads the family's `config.json` and knows the names of its tensors.
//!
//! Outside this folder nobody knows a family's name.

mod described;
mod gated;
mod gemma;
mod gemma2;
mod gemma3;
mod gpt2;
mod gpt_neo;
mod gpt_neox;
mod gptj;
mod granite;
mod keys;
mod llama;
mod mistral;
mod names;
mod olmo;
mod olmo2;
mod opt;
mod phi;
mod phi3;
mod qwen2;
mod qwen3;
mod rope;
mod smollm3;
mod stablelm;

use serde::Deserialize;
use serde_json::{Map, Value};

use crate::architecture::{Architecture, Parameter, Slot, Unsupported};

use keys::Keys;

/// A `config.json`, read.
#[derive(Clone, Debug)]
pub struct ModelConfig {
    /// What the model is.
    pub architecture: Architecture,
    /// Token that `prepend_bos` puts first where no tokenizer says otherwise.
    pub bos_token_id: Option<u32>,
    /// What parameters of some slots are multiplied by.
    factors: Vec<(Slot, f64)>,
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
    /// A key with something else than it is for.
    #[error("`{key}` is {value}, which is not {wanted}")]
    Kind {
        /// As in the file.
        key: &'static str,
        /// As in the file.
        value: String,
        /// What it should be.
        wanted: &'static str,
    },
}

/// Where a parameter is stored.
#[derive(Clone, Debug, PartialEq)]
pub struct Source {
    /// The stored tensor's name, without what programs put before all names.
    pub name: String,
    /// Its shape, as it is stored.
    pub shape: Vec<u32>,
    /// Whether matrices are stored \[in, out\].
    pub is_transposed: bool,
    /// Which of its outputs are the parameter's.
    pub outputs: Outputs,
    /// What is stored is multiplied by this.
    pub factor: f64,
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

/// What a family's reader makes of a config.
struct Reading {
    architecture: Architecture,
    /// What parameters of some slots are multiplied by.
    factors: Vec<(Slot, f64)>,
}

impl From<Architecture> for Reading {
    fn from(architecture: Architecture) -> Self {
        Self { architecture, factors: Vec::new() }
    }
}

/// What is known of a family.
struct Family {
    model_type: &'static str,
    /// Reads what is particular to the family.
    read: fn(&Keys<'_>) -> Result<Reading, ConfigError>,
    source: fn(&Architecture, &Parameter) -> Source,
    /// A tensor that each model of the family has once: what stands before it stands before all.
    landmark: &'static str,
    /// What transformers puts before names, the likeliest first.
    prefixes: &'static [&'static str],
    /// Other names of tensors, and those that they have here.
    renamed: &'static [(&'static str, &'static str)],
    /// Whether a stored tensor is a constant, or otherwise no parameter.
    is_constant: fn(&str) -> bool,
    tokenizer: TokenizerClass,
}

/// Which class transformers 5 opens the tokenizer of a family's folders with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TokenizerClass {
    /// The one that the folder's files name, or none.
    None,
    /// None, unless the files name just that: `tokenizer.json` counts as it stands.
    AsWritten,
    /// This one where the files name none.
    Named(&'static str),
    /// This one whatever the files name.
    Forced(&'static str),
}

static FAMILIES: [&Family; 20] = [
    &gpt2::FAMILY,
    &gpt_neo::FAMILY,
    &gpt_neox::FAMILY,
    &gptj::FAMILY,
    &opt::FAMILY,
    &llama::FAMILY,
    &mistral::FAMILY,
    &qwen2::FAMILY,
    &qwen3::FAMILY,
    &gemma::FAMILY,
    &gemma2::FAMILY,
    &gemma3::FAMILY,
    &gemma3::WITH_IMAGES,
    &phi::FAMILY,
    &phi3::FAMILY,
    &olmo::FAMILY,
    &olmo2::FAMILY,
    &smollm3::FAMILY,
    &granite::FAMILY,
    &stablelm::FAMILY,
];

impl ModelConfig {
    /// Reads the text of a `config.json`.
    pub fn from_json(text: &str) -> Result<Self, ConfigError> {
        #[derive(Deserialize)]
        struct Config {
            model_type: String,
            #[serde(flatten)]
            keys: Map<String, Value>,
        }
        let Config { model_type: found, keys } = serde_json::from_str(text)?;
        let mut families = FAMILIES.into_iter().chain([&described::FAMILY]);
        let Some(family) = families.find(|family| family.model_type == found) else {
            return Err(ConfigError::ModelType { found });
        };
        let keys = Keys::of(&keys);
        keys.refuse_given("quantization_config", ": weights must be float32, float16 or bfloat16")?;
        keys.refuse_given("per_layer_config", ": layers must be alike but for what the family says of them")?;
        let Reading { architecture, factors } = (family.read)(&keys)?;
        architecture.refuse_unsupported()?;
        let text_part = keys.part("text_config")?;
        let bos_token_id = text_part.and_then(|text| text.token(BOS)).or_else(|| keys.token(BOS));
        Ok(Self { architecture, bos_token_id, factors, family })
    }

    /// The family, as the config names it.
    #[must_use]
    pub fn model_type(&self) -> &'static str {
        self.family.model_type
    }

    /// Where a parameter of the architecture is stored.
    #[must_use]
    pub fn source(&self, parameter: &Parameter) -> Source {
        let source = (self.family.source)(&self.architecture, parameter);
        let factor = self.factors.iter().find(|(slot, _)| *slot == parameter.slot).map_or(1.0, |&(_, factor)| factor);
        Source { factor, ..source }
    }

    /// A tensor that is stored once: what stands before it stands before all.
    #[must_use]
    pub fn landmark(&self) -> &'static str {
        self.family.landmark
    }

    /// What transformers puts before names, the likeliest first.
    #[must_use]
    pub fn prefixes(&self) -> &'static [&'static str] {
        self.family.prefixes
    }

    /// Other names of tensors, and those that they have here.
    #[must_use]
    pub fn renamed(&self) -> &'static [(&'static str, &'static str)] {
        self.family.renamed
    }

    /// Whether a stored tensor that is no parameter is a constant, such as a mask.
    #[must_use]
    pub fn is_constant(&self, name: &str) -> bool {
        (self.family.is_constant)(name)
    }
}

const BOS: &str = "bos_token_id";

impl Source {
    /// The parameter alone, as it is called and shaped here.
    fn whole(name: String, parameter: &Parameter) -> Self {
        Self { name, shape: parameter.shape.clone(), is_transposed: false, outputs: Outputs::All, factor: 1.0 }
    }

    /// The same, stored \[in, out\].
    fn transposed(mut self) -> Self {
        self.shape.reverse();
        Self { is_transposed: self.shape.len() == 2, ..self }
    }
}

impl std::fmt::Debug for Family {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.model_type)
    }
}

/// Families of Hugging Face's, as `model_type` names them.
#[must_use]
pub fn model_types() -> Vec<&'static str> {
    FAMILIES.iter().map(|family| family.model_type).collect()
}

/// Which class transformers opens the tokenizer of a family's folders with.
#[must_use]
pub fn tokenizer_class(model_type: &str) -> TokenizerClass {
    let family = FAMILIES.into_iter().find(|family| family.model_type == model_type);
    family.map_or(TokenizerClass::None, |family| family.tokenizer)
}

fn known() -> String {
    let names: Vec<String> =
        model_types().into_iter().chain([described::FAMILY.model_type]).map(|name| format!("`{name}`")).collect();
    names.join(", ")
}

#[cfg(test)]
mod tests;
