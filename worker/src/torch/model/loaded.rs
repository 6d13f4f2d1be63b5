//! The models in memory: as many as fit, the one that was used last the last.

use patchsweep_core::model::{LoadedModel, MOST_LOADED};
use patchsweep_files::FolderStamp;

use crate::torch::model::parameters::Model;

/// The models in memory, least recently used first.
#[derive(Debug)]
pub(crate) struct Models {
    loaded: Vec<Loaded>,
    /// What several of them may take together; a single one may take more.
    most: u64,
}

/// A model in memory, and what it was loaded from.
#[derive(Debug)]
struct Loaded {
    name: LoadedModel,
    /// As the files were when they were read: training that goes on in the same folder gives new weights.
    stamp: FolderStamp,
    model: Model,
}

impl Models {
    /// None so far. Of the memory budget, half is left for activations before a second model is kept.
    pub(crate) fn new(budget: u64) -> Self {
        Self { loaded: Vec::new(), most: budget / 2 }
    }

    /// Makes a model the one in use, if it is here as its files are now. Otherwise it is not here any more.
    pub(crate) fn take_up(&mut self, name: &LoadedModel, stamp: &FolderStamp) -> bool {
        let Some(index) = self.loaded.iter().position(|loaded| loaded.name == *name) else { return false };
        let found = self.loaded.remove(index);
        let is_current = found.stamp == *stamp;
        if is_current {
            self.loaded.push(found);
        } else {
            tracing::info!(model = %name, "model dropped: its files have changed");
        }
        is_current
    }

    /// Drops models until one of so many bytes fits beside the others, or is the only one.
    pub(crate) fn make_room(&mut self, bytes: u64) {
        while !self.loaded.is_empty()
            && (self.most_bytes().saturating_add(bytes) > self.most || self.loaded.len() >= MOST_LOADED)
        {
            let Loaded { name, .. } = self.loaded.remove(0);
            tracing::info!(model = %name, "model dropped: there has to be room for another");
        }
    }

    /// It is the one in use.
    pub(crate) fn add(&mut self, name: LoadedModel, stamp: FolderStamp, model: Model) {
        self.loaded.push(Loaded { name, stamp, model });
    }

    /// The one in use.
    pub(crate) fn in_use(&self) -> Option<&Model> {
        self.loaded.last().map(|loaded| &loaded.model)
    }

    /// What the weights take on all devices together.
    pub(crate) fn bytes(&self) -> u64 {
        self.loaded.iter().map(|loaded| loaded.model.bytes()).sum()
    }

    /// What the weights take at most on one device.
    pub(crate) fn most_bytes(&self) -> u64 {
        self.loaded.iter().map(|loaded| loaded.model.most_bytes()).sum()
    }

    pub(crate) fn names(&self) -> Vec<LoadedModel> {
        self.loaded.iter().map(|loaded| loaded.name.clone()).collect()
    }
}
