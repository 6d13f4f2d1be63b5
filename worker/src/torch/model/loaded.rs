//! The models in memory: as many as fit, the one that was used last the last.

use patchsweep_core::architecture::Architecture;
use patchsweep_core::model::{Dtype, LoadedModel, MOST_LOADED};
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
            && (self.bytes().saturating_add(bytes) > self.most || self.loaded.len() >= MOST_LOADED)
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

    /// What the weights take on the device.
    pub(crate) fn bytes(&self) -> u64 {
        self.loaded.iter().map(|loaded| loaded.model.bytes()).sum()
    }

    pub(crate) fn names(&self) -> Vec<LoadedModel> {
        self.loaded.iter().map(|loaded| loaded.name.clone()).collect()
    }
}

/// What a model's parameters will take on the device.
pub(crate) fn weight_bytes(model: &Architecture, dtype: Dtype) -> u64 {
    // What is folded of values and, where key-value heads are shared, of `z`.
    let shared = if model.group() == 1 { 0 } else { model.d_queries() };
    let folded = u64::from(model.layers).saturating_mul(u64::from(model.d_keys()) + u64::from(shared));
    model.parameter_count().saturating_add(folded).saturating_mul(dtype.bytes())
}
