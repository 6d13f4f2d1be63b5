//! Finds a model's folder below the folders that this process was given, and nowhere else.

use std::fs;
use std::path::{Path, PathBuf};

use super::ModelRef;

/// Where this process looks for models.
#[derive(Clone, Debug, Default)]
pub struct ModelFolders {
    /// The `--models` folders, first match wins.
    pub roots: Vec<PathBuf>,
    /// The hub cache: `$HF_HOME/hub`.
    pub hub_cache: Option<PathBuf>,
}

/// Why a model's folder was not found.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum LocateError {
    /// Below none of the folders.
    #[error("no model folder `{name}` (with a config.json) below {}; check the name, or give the folder that it is in with --models", list(.roots))]
    NoFolder {
        /// The model's name.
        name: String,
        /// The folders searched.
        roots: Vec<PathBuf>,
    },
    /// Not in the hub cache.
    #[error("model `{repository}` at revision `{revision}` is not in the hub cache {}; download it with `hf download {repository}`", .cache.display())]
    NotCached {
        /// The repository.
        repository: String,
        /// The revision.
        revision: String,
        /// The cache searched.
        cache: PathBuf,
    },
}

fn list(roots: &[PathBuf]) -> String {
    let roots: Vec<_> = roots.iter().map(|root| root.display().to_string()).collect();
    if roots.is_empty() { "any folder (no --models given)".to_owned() } else { roots.join(", ") }
}

impl ModelFolders {
    /// These folders and the hub cache that the environment names (`HF_HOME`, else `~/.cache/huggingface`).
    #[must_use]
    pub fn with_hub_cache(roots: Vec<PathBuf>) -> Self {
        let hf_home = std::env::var_os("HF_HOME").map(PathBuf::from);
        let home = || std::env::home_dir().map(|home| home.join(".cache/huggingface"));
        Self { roots, hub_cache: hf_home.or_else(home).map(|dir| dir.join("hub")) }
    }

    /// The model's folder.
    pub fn locate(&self, model: &ModelRef) -> Result<PathBuf, LocateError> {
        match model {
            ModelRef::Folder(name) => {
                let mut candidates = self.roots.iter().map(|root| root.join(name));
                let found = candidates.find(|folder| folder.join("config.json").is_file());
                found.ok_or_else(|| LocateError::NoFolder { name: name.clone(), roots: self.roots.clone() })
            }
            ModelRef::Hub { repository, revision } => {
                let cache = self.hub_cache.clone().unwrap_or_default();
                snapshot(&cache, repository, revision).ok_or_else(|| LocateError::NotCached {
                    repository: repository.clone(),
                    revision: revision.clone(),
                    cache,
                })
            }
        }
    }
}

/// The hub cache keeps `models--owner--name/refs/<revision>` (a file with a commit) and `snapshots/<commit>/`.
fn snapshot(cache: &Path, repository: &str, revision: &str) -> Option<PathBuf> {
    let model = cache.join(format!("models--{}", repository.replace('/', "--")));
    let commit = fs::read_to_string(model.join("refs").join(revision));
    let commit = commit.map_or_else(|_| revision.to_owned(), |text| text.trim().to_owned());
    let folder = model.join("snapshots").join(commit);
    folder.join("config.json").is_file().then_some(folder)
}
