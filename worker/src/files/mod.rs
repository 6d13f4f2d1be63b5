//! Model folders in Hugging Face's layout: `config.json` and safetensors, single or sharded.

mod error;
mod stamp;
mod weight_file;
mod weights;

use std::fs;
use std::path::Path;

pub use error::ModelError;
pub use stamp::FolderStamp;
pub use weights::{WeightFiles, WeightTensor};

use patchsweep_proto::model::Gpt2Config;

/// Reads a folder's `config.json`.
pub fn read_config(folder: &Path) -> Result<Gpt2Config, ModelError> {
    let path = folder.join("config.json");
    let text = fs::read_to_string(&path).map_err(|source| ModelError::Read { path: path.clone(), source })?;
    Gpt2Config::from_json(&text).map_err(|source| ModelError::Config { path, source })
}
