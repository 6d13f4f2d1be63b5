//! The dictionaries in memory: those of the sweep in hand.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use patchsweep_core::dictionary::Dictionary;
use patchsweep_files::{DictionaryFiles, FolderStamp};
use tch::Device;

use super::DictionaryTensors;
use crate::engine::EngineError;

/// The dictionaries in memory.
#[derive(Debug, Default)]
pub(crate) struct Dictionaries(Vec<Loaded>);

#[derive(Debug)]
struct Loaded {
    dictionary: Arc<Dictionary>,
    device: Device,
    /// As the files were when they were read.
    stamp: FolderStamp,
    tensors: DictionaryTensors,
}

impl Dictionaries {
    /// Drops those of other sweeps.
    pub(crate) fn keep(&mut self, wanted: impl Fn(&Arc<Dictionary>) -> bool) {
        self.0.retain(|loaded| wanted(&loaded.dictionary));
    }

    /// What they take on all devices together.
    pub(crate) fn bytes(&self) -> u64 {
        self.0.iter().map(|loaded| loaded.tensors.bytes()).sum()
    }

    /// Whether one is here, as its files are now. Otherwise it is not here any more.
    pub(crate) fn has(&mut self, dictionary: &Dictionary, device: Device, path: &Path) -> Result<bool, EngineError> {
        let stamp = FolderStamp::of(&folder_of(path))?;
        let is_wanted = |loaded: &Loaded| *loaded.dictionary == *dictionary && loaded.device == device;
        self.0.retain(|loaded| !is_wanted(loaded) || loaded.stamp == stamp);
        Ok(self.0.iter().any(is_wanted))
    }

    /// Reads one that is not here. Files of another one than the sweep was planned with are refused.
    pub(crate) fn load(
        &mut self,
        dictionary: &Arc<Dictionary>,
        device: Device,
        path: &Path,
    ) -> Result<(), EngineError> {
        let stamp = FolderStamp::of(&folder_of(path))?;
        let files = DictionaryFiles::open(path)?;
        let found = files.digest()?;
        if found != dictionary.digest || !files.header().is_of(dictionary) {
            let (name, path) = (dictionary.name.clone(), path.to_owned());
            return Err(EngineError::OtherDictionary { name, path, found, wanted: dictionary.digest });
        }
        let tensors = DictionaryTensors::read(&files, dictionary, device)?;
        files.refuse_changed()?;
        tracing::info!(dictionary = %dictionary.name, digest = %found.short(), "dictionary loaded");
        self.0.push(Loaded { dictionary: dictionary.clone(), device, stamp, tensors });
        Ok(())
    }

    /// One that is here.
    pub(crate) fn get(&self, dictionary: &Dictionary) -> Option<&DictionaryTensors> {
        self.0.iter().find(|loaded| *loaded.dictionary == *dictionary).map(|loaded| &loaded.tensors)
    }
}

/// A dictionary is a folder, or a file in one.
fn folder_of(path: &Path) -> PathBuf {
    if path.is_file() { path.parent().map_or_else(PathBuf::new, Path::to_owned) } else { path.to_owned() }
}
