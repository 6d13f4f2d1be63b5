//! Planning with a model's config and tokenizer, read below the folders that this process was given, and with its weights'
//! headers where they are there too.

use std::path::{Path, PathBuf};

use patchsweep_core::error_chain;
use patchsweep_core::model::{ModelConfig, ModelRef};
use patchsweep_core::status::PlanOptions;
use patchsweep_files::locate::ModelFolders;
use patchsweep_files::{
    DictionaryFiles, ModelError, WeightFiles, only_bpe_files, read_config, read_text, read_text_if_there,
};
use patchsweep_plan::spec::{Source, Spec, SpecError};
use patchsweep_plan::{Inputs, Plan, PlanError, PromptTokenizer, TokenizerFiles};

use super::model_files::ModelFiles;

/// Why a model's files cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum ModelFilesError {
    /// Config or weights.
    #[error(transparent)]
    Model(#[from] ModelError),
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
    /// The model's files cannot be used.
    #[error(transparent)]
    Model(#[from] ModelFilesError),
}

/// Plans a sweep from its spec and the contents of its dataset. A revision of a repository becomes the commit that it is now,
/// so that all workers have the same one.
pub fn make_plan(
    folders: &ModelFolders,
    source: &Source,
    dataset: &str,
    options: PlanOptions,
) -> Result<Plan, PlanningError> {
    Ok(plan_with_files(folders, source, dataset, options)?.0)
}

/// The same, with the model's files.
pub(super) fn plan_with_files(
    folders: &ModelFolders,
    source: &Source,
    dataset: &str,
    options: PlanOptions,
) -> Result<(Plan, ModelFiles), PlanningError> {
    let mut spec = Spec::parse(source)?;
    let model = spec.model_ref(source)?;
    let folder = folders.locate(&model);
    let folder = folder.map_err(|error| source.error(spec.model.span(), error.to_string()))?;
    // Snapshots are named by their commits.
    if let (ModelRef::Hub { .. }, Some(commit)) = (model, folder.file_name().and_then(|name| name.to_str())) {
        spec.pin(commit);
    }
    let (config, tokenizer) = read_model(&folder)?;
    let takes_text = spec.dataset.get_ref().tokens.is_none();
    if let Some(error) = only_bpe_files(&folder).filter(|_| takes_text) {
        return Err(ModelFilesError::from(error).into());
    }
    look_at_dictionaries(folders, source, &mut spec)?;
    let inputs = Inputs { source, spec: &spec, dataset, config: &config, tokenizer: tokenizer.as_ref() };
    let mut plan = Plan::build(&inputs, options)?;
    // Refuses weights that no worker could load. A folder without any will do: workers have folders of their own.
    let weights = WeightFiles::open_if_there(&folder, &config).map_err(ModelFilesError::from)?;
    if let Some(weights) = &weights {
        plan.warnings.extend(weights.contents(&config).map_err(ModelFilesError::from)?.notes);
    }
    let files = ModelFiles::of(&plan.context.model, &folder, weights).map_err(ModelFilesError::from)?;
    Ok((plan, files))
}

/// Finds the dictionaries' files, which the sweep is planned with: their digest is part of it.
fn look_at_dictionaries(folders: &ModelFolders, source: &Source, spec: &mut Spec) -> Result<(), PlanningError> {
    for index in 0..spec.dictionary.len() {
        let path = &spec.dictionary[index].path;
        // What is no name of a folder is refused with the rest of the spec.
        let Ok(ModelRef::Folder(name)) = ModelRef::folder(path.get_ref()) else { continue };
        let found = folders.dictionary(&name).and_then(|folder| {
            let files = DictionaryFiles::open(&folder)?;
            Ok((files.header().clone(), files.digest()?))
        });
        let (header, digest) = found.map_err(|error| source.error(path.span(), error_chain(&error)))?;
        spec.found(index, header, digest);
    }
    Ok(())
}

/// Refuses a model without weights, before workers are started that look in these folders. What else may be wrong is found
/// when the sweep is planned.
pub fn require_weights(folders: &ModelFolders, source: &Source) -> Result<(), PlanningError> {
    let model = Spec::parse(source).and_then(|spec| spec.model_ref(source));
    let Some(folder) = model.ok().and_then(|model| folders.locate(&model).ok()) else { return Ok(()) };
    let Ok(config) = read_config(&folder) else { return Ok(()) };
    match WeightFiles::open(&folder, &config) {
        Err(error @ ModelError::NoWeights { .. }) => Err(ModelFilesError::from(error).into()),
        _ => Ok(()),
    }
}

/// Reads a model folder's config, and its tokenizer if it has one.
pub fn read_model(folder: &Path) -> Result<(ModelConfig, Option<PromptTokenizer>), ModelFilesError> {
    let path = folder.join("config.json");
    let text = read_text(&path)?;
    let config = ModelConfig::from_json(&text).map_err(|source| ModelError::Config { path, source })?;
    let Some(tokenizer) = read_text_if_there(&folder.join("tokenizer.json"))? else { return Ok((config, None)) };
    let [tokenizer_config, special_tokens_map] =
        ["tokenizer_config.json", "special_tokens_map.json"].map(|name| read_text_if_there(&folder.join(name)));
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
