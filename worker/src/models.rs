//! Where a worker finds models: below its folders, in the hub cache, or, where that is allowed, on the hub.

use std::path::PathBuf;

use patchsweep_core::model::ModelRef;
use patchsweep_files::locate::ModelFolders;
use patchsweep_files::{ModelError, is_whole};
use patchsweep_hub::{Hub, HubError, Listener};

use crate::engine::{Cancel, EngineError};

/// Where a worker finds models.
#[derive(Debug)]
pub struct ModelSource {
    folders: ModelFolders,
    hub: Option<Hub>,
}

impl From<ModelFolders> for ModelSource {
    /// Nothing is fetched.
    fn from(folders: ModelFolders) -> Self {
        Self { folders, hub: None }
    }
}

impl ModelSource {
    /// What is not in the hub cache is fetched.
    #[must_use]
    pub fn with_hub(folders: ModelFolders, hub: Hub) -> Self {
        Self { folders, hub: Some(hub) }
    }

    /// A model's folder. Where the model has to be fetched, that may take long.
    pub fn locate(&self, model: &ModelRef, cancel: &Cancel) -> Result<PathBuf, EngineError> {
        let located = self.folders.locate(model);
        let (Some(hub), ModelRef::Hub { repository, revision }) = (&self.hub, model) else {
            return Ok(located.map_err(ModelError::from)?);
        };
        match located {
            Ok(folder) if is_whole(&folder) => return Ok(folder),
            _ => tracing::info!(%model, cache = %hub.cache().display(), "fetching the model from the hub"),
        }
        let fetched = hub.fetch(repository, revision, &mut Ear { model, cancel })?;
        tracing::info!(%model, folder = %fetched.folder.display(), "model fetched");
        Ok(fetched.folder)
    }
}

#[cfg(feature = "tch")]
impl ModelSource {
    /// Where a dictionary's files are. They are below the folders; nothing is fetched.
    pub(crate) fn dictionary(&self, path: &str) -> Result<PathBuf, EngineError> {
        Ok(self.folders.dictionary(path)?)
    }
}

impl From<HubError> for EngineError {
    fn from(error: HubError) -> Self {
        match error {
            HubError::Cancelled => Self::Cancelled,
            error => Self::Hub(error),
        }
    }
}

/// Says little, and stops where the tile is cancelled that the model is for.
struct Ear<'a> {
    model: &'a ModelRef,
    cancel: &'a Cancel,
}

impl Listener for Ear<'_> {
    fn begins(&mut self, file: &str, bytes: u64, have: u64) {
        tracing::debug!(model = %self.model, file, bytes, have, "fetching");
    }

    fn has(&mut self, _: u64) {}

    fn ends(&mut self) {}

    fn waits(&mut self, file: &str) {
        tracing::info!(model = %self.model, file, "waiting for another process that fetches the model");
    }

    fn is_cancelled(&self) -> bool {
        self.cancel.is_cancelled()
    }
}
