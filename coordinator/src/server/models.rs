//! What the coordinator reads of a model: its config and its tokenizer, never its weights.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use patchsweep_proto::model::{ConfigError, Gpt2Config};

use crate::plan::{PlanError, PromptTokenizer};

/// Why a model's small files cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum ModelFilesError {
    /// A file could not be read.
    #[error("cannot read {}: {source}", .path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The config is not one of a GPT-2.
    #[error("{}: {source}", .path.display())]
    Config {
        /// The file.
        path: PathBuf,
        /// Why.
        source: ConfigError,
    },
    /// The tokenizer is not one.
    #[error("{}: {source}", .path.display())]
    Tokenizer {
        /// The file.
        path: PathBuf,
        /// Why.
        source: PlanError,
    },
}

/// A model folder's config, and its tokenizer if it has one.
pub fn read_model(folder: &Path) -> Result<(Gpt2Config, Option<PromptTokenizer>), ModelFilesError> {
    let path = folder.join("config.json");
    let text = fs::read_to_string(&path).map_err(|source| ModelFilesError::Read { path: path.clone(), source })?;
    let config = Gpt2Config::from_json(&text).map_err(|source| ModelFilesError::Config { path, source })?;
    let path = folder.join("tokenizer.json");
    let tokenizer = match fs::read(&path) {
        Ok(bytes) => {
            let parsed = PromptTokenizer::from_json(&bytes);
            Some(parsed.map_err(|source| ModelFilesError::Tokenizer { path, source })?)
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound => None,
        Err(source) => return Err(ModelFilesError::Read { path, source }),
    };
    Ok((config, tokenizer))
}
