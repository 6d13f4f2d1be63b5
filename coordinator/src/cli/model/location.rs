//! Where a model is that a person names on the command line.

use std::path::{Path, PathBuf};

use patchsweep_core::model::ModelRef;
use patchsweep_files::ModelError;
use patchsweep_files::locate::{LocateError, ModelFolders, refuse_adapter};

use crate::cli::CliError;

/// What a repository's revision is unless one is named.
pub(super) const MAIN: &str = "main";

/// The folder of a model that is named by a path, by a name below the model folders, or by a repository in the hub cache.
///
/// `revision`: only a repository has one, so nothing else is meant where it is given.
pub(super) fn located(name: &str, revision: Option<&str>, folders: &ModelFolders) -> Result<PathBuf, CliError> {
    if revision.is_none() {
        let path = Path::new(name);
        // A link that leads nowhere is there too, and is called that when it is read.
        if path.join("config.json").symlink_metadata().is_ok() {
            return Ok(path.to_owned());
        }
        refuse_adapter(path).map_err(|source| missing(name, source))?;
        match ModelRef::folder(name).map(|folder| folders.locate(&folder)) {
            Err(_) | Ok(Err(LocateError::NoFolder { .. })) => {}
            Ok(found) => return found.map_err(|source| missing(name, source)),
        }
    }
    match ModelRef::hub(name, revision.unwrap_or(MAIN)) {
        Ok(repository) => folders.locate(&repository).map_err(|source| missing(name, source)),
        Err(_) => Err(CliError::NoModelFolder { folder: name.into() }),
    }
}

fn missing(name: &str, source: LocateError) -> CliError {
    match source {
        LocateError::NoFolder { .. } | LocateError::NotCached { .. } => {
            CliError::NoModel { name: name.to_owned(), source: Box::new(source) }
        }
        LocateError::Incomplete { .. } | LocateError::Adapter { .. } | LocateError::Dangling(_) => {
            CliError::Model(Box::new(ModelError::from(source).into()))
        }
    }
}
