//! Finds a model's folder below the folders that this process was given, and nowhere else.

use std::fs;
use std::path::{Path, PathBuf};

use patchsweep_core::model::ModelRef;

use crate::hub_cache;

pub use crate::link::DanglingLink;

/// Where this process looks for models.
#[derive(Clone, Debug, Default)]
pub struct ModelFolders {
    /// The `--models` folders, first match wins.
    pub roots: Vec<PathBuf>,
    /// The cache of `huggingface_hub`.
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
    #[error("model `{repository}` at revision `{revision}` is not in the hub cache {}; fetch it with `{}`", .cache.display(), fetch(.repository, .revision))]
    NotCached {
        /// The repository.
        repository: String,
        /// The revision.
        revision: String,
        /// The cache searched.
        cache: PathBuf,
    },
    /// In the hub cache, but not whole.
    #[error("{} has no config.json: the download is incomplete, get it again with `{}`", .snapshot.display(), fetch(.repository, .revision))]
    Incomplete {
        /// The repository.
        repository: String,
        /// The revision.
        revision: String,
        /// The revision's folder.
        snapshot: PathBuf,
    },
    /// A change of a model, and no model.
    #[error("{} is an adapter (LoRA) and no model: it has an adapter_config.json and no config.json; merge it into its model with peft and \
             transformers, `PeftModel.from_pretrained(model, \"{}\").merge_and_unload().save_pretrained(\"FOLDER\")`, save the tokenizer \
             there too, and give that folder", .folder.display(), .folder.display())]
    Adapter {
        /// Its folder.
        folder: PathBuf,
    },
    /// The config is a link that leads nowhere.
    #[error(transparent)]
    Dangling(#[from] DanglingLink),
}

impl LocateError {
    /// The command that brings the model into the hub cache, where it belongs there.
    #[must_use]
    pub fn fetch_command(&self) -> Option<String> {
        match self {
            Self::NotCached { repository, revision, .. } | Self::Incomplete { repository, revision, .. } => {
                Some(fetch(repository, revision))
            }
            Self::NoFolder { .. } | Self::Adapter { .. } | Self::Dangling(_) => None,
        }
    }
}

fn fetch(repository: &str, revision: &str) -> String {
    let revision = if revision == "main" { String::new() } else { format!(" --revision {revision}") };
    format!("patchsweep model fetch {repository}{revision}")
}

fn list(roots: &[PathBuf]) -> String {
    let roots: Vec<_> = roots.iter().map(|root| root.display().to_string()).collect();
    if roots.is_empty() { "any folder (no --models given)".to_owned() } else { roots.join(", ") }
}

impl ModelFolders {
    /// These folders and the hub cache, where `huggingface_hub` would look for it: the first one of `HF_HUB_CACHE`,
    /// `HUGGINGFACE_HUB_CACHE`, `HF_HOME` and `XDG_CACHE_HOME` that is set says where, else it is below `~/.cache`.
    #[must_use]
    pub fn with_hub_cache(roots: Vec<PathBuf>) -> Self {
        Self { roots, hub_cache: Some(hub_cache::folder()) }
    }

    /// The model's folder.
    pub fn locate(&self, model: &ModelRef) -> Result<PathBuf, LocateError> {
        match model {
            ModelRef::Folder(name) => {
                for folder in self.roots.iter().map(|root| root.join(name)) {
                    if has_config(&folder)? {
                        return Ok(folder);
                    }
                    refuse_adapter(&folder)?;
                }
                Err(LocateError::NoFolder { name: name.clone(), roots: self.roots.clone() })
            }
            ModelRef::Hub { repository, revision } => {
                let cache = self.hub_cache.clone().unwrap_or_default();
                let snapshot = snapshot(&cache, repository, revision);
                let (repository, revision) = (repository.clone(), revision.clone());
                if has_config(&snapshot)? {
                    return Ok(snapshot);
                }
                refuse_adapter(&snapshot)?;
                if snapshot.is_dir() {
                    Err(LocateError::Incomplete { repository, revision, snapshot })
                } else {
                    Err(LocateError::NotCached { repository, revision, cache })
                }
            }
        }
    }
}

/// Whether a folder is that of a model.
fn has_config(folder: &Path) -> Result<bool, DanglingLink> {
    let path = folder.join("config.json");
    DanglingLink::at(&path).map_or_else(|| Ok(path.is_file()), Err)
}

/// Refuses what `peft` writes: it names the model that it changes, and holds the changes alone.
pub fn refuse_adapter(folder: &Path) -> Result<(), LocateError> {
    if folder.join("adapter_config.json").is_file() {
        return Err(LocateError::Adapter { folder: folder.to_owned() });
    }
    Ok(())
}

/// The hub cache keeps `models--owner--name/refs/<revision>` (a file with a commit) and `snapshots/<commit>/`.
fn snapshot(cache: &Path, repository: &str, revision: &str) -> PathBuf {
    let model = cache.join(format!("models--{}", repository.replace('/', "--")));
    let commit = fs::read_to_string(model.join("refs").join(revision));
    let commit = commit.map_or_else(|_| revision.to_owned(), |text| text.trim().to_owned());
    model.join("snapshots").join(commit)
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;

    /// A cache with one snapshot, whose config links to a blob as `huggingface_hub` does it.
    fn cache() -> (std::path::PathBuf, tempfile::TempDir) {
        let cache = tempfile::tempdir().expect("a folder");
        let model = cache.path().join("models--a--b");
        for folder in ["refs", "blobs", "snapshots/c1"] {
            fs::create_dir_all(model.join(folder)).expect("a folder");
        }
        fs::write(model.join("refs/main"), "c1\n").expect("written");
        fs::write(model.join("blobs/x"), "{}").expect("written");
        symlink("../../blobs/x", model.join("snapshots/c1/config.json")).expect("a link");
        (model, cache)
    }

    fn located(cache: &tempfile::TempDir) -> Result<PathBuf, LocateError> {
        let folders = ModelFolders { roots: Vec::new(), hub_cache: Some(cache.path().to_owned()) };
        folders.locate(&ModelRef::hub("a/b", "main").expect("a name"))
    }

    #[test]
    fn a_download_that_is_not_whole_is_called_incomplete() {
        let (model, cache) = cache();
        assert_eq!(located(&cache), Ok(model.join("snapshots/c1")));
        fs::remove_file(model.join("blobs/x")).expect("removed");
        let link = model.join("snapshots/c1/config.json");
        let refused = located(&cache).expect_err("is refused");
        assert_eq!(refused, DanglingLink { link: link.clone(), target: "../../blobs/x".into() }.into());
        fs::remove_file(link).expect("removed");
        let refused = located(&cache).expect_err("is refused").to_string();
        assert!(refused.contains("c1 has no config.json: the download is incomplete"), "{refused}");
        fs::remove_dir(model.join("snapshots/c1")).expect("removed");
        assert!(matches!(located(&cache), Err(LocateError::NotCached { .. })));
    }

    #[test]
    fn an_adapter_is_no_model() {
        let root = tempfile::tempdir().expect("a folder");
        let model = root.path().join("m");
        fs::create_dir(&model).expect("a folder");
        fs::write(model.join("adapter_config.json"), "{}").expect("written");
        let folders = ModelFolders { roots: vec![root.path().to_owned()], hub_cache: None };
        let locate = || folders.locate(&ModelRef::folder("m").expect("a name"));
        let refused = locate().expect_err("is refused").to_string();
        assert!(
            refused.contains("is an adapter (LoRA) and no model") && refused.contains(".merge_and_unload()"),
            "{refused}"
        );
        fs::write(model.join("config.json"), "{}").expect("written");
        assert_eq!(locate(), Ok(model), "transformers may have both in one folder");
        let (snapshot, cache) = cache();
        let snapshot = snapshot.join("snapshots/c1");
        fs::remove_file(snapshot.join("config.json")).expect("removed");
        fs::write(snapshot.join("adapter_config.json"), "{}").expect("written");
        assert_eq!(located(&cache), Err(LocateError::Adapter { folder: snapshot }));
    }

    #[test]
    fn a_folder_whose_config_leads_nowhere_is_not_passed_over() {
        let root = tempfile::tempdir().expect("a folder");
        fs::create_dir(root.path().join("m")).expect("a folder");
        symlink("gone", root.path().join("m/config.json")).expect("a link");
        let folders = ModelFolders { roots: vec![root.path().to_owned()], hub_cache: None };
        let refused = folders.locate(&ModelRef::folder("m").expect("a name"));
        assert!(matches!(refused, Err(LocateError::Dangling(_))), "{refused:?}");
    }
}
