//! Planning with a model's config and tokenizer, read below the folders that this process was given.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use patchsweep_proto::model::locate::ModelFolders;
use patchsweep_proto::model::{ConfigError, Gpt2Config};
use patchsweep_proto::status::PlanOptions;

use crate::plan::{Inputs, Plan, PlanError, PromptTokenizer, TokenizerFiles};
use crate::spec::{Source, Spec, SpecError};

/// Why a model's small files cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum ModelFilesError {
    /// A file could not be read.
    #[error("cannot read {}", .path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The config is not one of a GPT-2.
    #[error("{}", .path.display())]
    Config {
        /// The file.
        path: PathBuf,
        /// Why.
        source: ConfigError,
    },
    /// The tokenizer is not one.
    #[error("{}", .folder.display())]
    Tokenizer {
        /// The model's folder.
        folder: PathBuf,
        /// Why.
        source: PlanError,
    },
}

/// Why a spec was not planned.
#[derive(Debug, thiserror::Error)]
pub enum PlanningError {
    /// The spec is refused.
    #[error(transparent)]
    Spec(#[from] SpecError),
    /// The spec is refused in the light of its dataset or model.
    #[error(transparent)]
    Plan(#[from] PlanError),
    /// The model's small files cannot be used.
    #[error(transparent)]
    Model(#[from] ModelFilesError),
}

/// Plans a sweep from its spec and the contents of its dataset.
pub fn make_plan(
    folders: &ModelFolders,
    source: &Source,
    dataset: &str,
    options: PlanOptions,
) -> Result<Plan, PlanningError> {
    let spec = Spec::parse(source)?;
    let located = folders.locate(&spec.model_ref(source)?);
    let folder = located.map_err(|error| source.error(spec.model.span(), error.to_string()))?;
    let (config, tokenizer) = read_model(&folder)?;
    let inputs = Inputs { source, spec: &spec, dataset, config: &config, tokenizer: tokenizer.as_ref() };
    Ok(Plan::build(&inputs, options)?)
}

/// Reads a model folder's config, and its tokenizer if it has one.
pub fn read_model(folder: &Path) -> Result<(Gpt2Config, Option<PromptTokenizer>), ModelFilesError> {
    let path = folder.join("config.json");
    let text = fs::read_to_string(&path).map_err(|source| ModelFilesError::Read { path: path.clone(), source })?;
    let config = Gpt2Config::from_json(&text).map_err(|source| ModelFilesError::Config { path, source })?;
    let Some(tokenizer) = read_if_there(folder, "tokenizer.json")? else { return Ok((config, None)) };
    let [tokenizer_config, special_tokens_map] =
        ["tokenizer_config.json", "special_tokens_map.json"].map(|name| read_if_there(folder, name));
    let (tokenizer_config, special_tokens_map) = (tokenizer_config?, special_tokens_map?);
    let files = TokenizerFiles {
        tokenizer: &tokenizer,
        tokenizer_config: tokenizer_config.as_deref(),
        special_tokens_map: special_tokens_map.as_deref(),
        config: Some(&text),
    };
    let tokenizer = PromptTokenizer::from_files(&files);
    let refuse = |source| ModelFilesError::Tokenizer { folder: folder.to_owned(), source };
    Ok((config, Some(tokenizer.map_err(refuse)?)))
}

fn read_if_there(folder: &Path, name: &str) -> Result<Option<String>, ModelFilesError> {
    let path = folder.join(name);
    match fs::read_to_string(&path) {
        Ok(text) => Ok(Some(text)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(source) => Err(ModelFilesError::Read { path, source }),
    }
}
