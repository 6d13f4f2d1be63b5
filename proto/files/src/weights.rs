//! Safetensors files of one model, and the tensors in them by name.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use patchsweep_core::digest::Digest;
use patchsweep_core::model::Dtype::{Bfloat16, Float16, Float32};
use patchsweep_core::model::ModelConfig;
use safetensors::Dtype;
use safetensors::tensor::TensorInfo;
use serde::Deserialize;

use crate::hashing::Hashing;
use crate::names::{Names, Stored};
use crate::read::{is_there, read};
use crate::weight_file::WeightFile;
use crate::{ModelError, convert};

/// A model's weight files, open. Their tensors are read one by one, so that the files are never in memory as a whole.
#[derive(Debug)]
pub struct WeightFiles {
    folder: PathBuf,
    /// By file name, sorted.
    files: BTreeMap<String, WeightFile>,
    names: Names,
}

/// One tensor as it stands in a file: little-endian, row-major.
#[derive(Debug)]
pub struct WeightTensor<'a> {
    file: &'a WeightFile,
    info: &'a TensorInfo,
}

#[derive(Deserialize)]
struct ShardIndex {
    weight_map: BTreeMap<String, String>,
}

impl WeightFiles {
    /// Opens a folder's `model.safetensors`, or the shards that its index names.
    pub fn open(folder: &Path, config: &ModelConfig) -> Result<Self, ModelError> {
        Self::open_if_there(folder, config)?.ok_or_else(|| ModelError::NoWeights { folder: folder.to_owned() })
    }

    /// As [`WeightFiles::open`]; `None` for a folder without weights, as a coordinator may have it.
    pub fn open_if_there(folder: &Path, config: &ModelConfig) -> Result<Option<Self>, ModelError> {
        let names = if is_there(&folder.join(SINGLE)) {
            BTreeSet::from([SINGLE.to_owned()])
        } else if is_there(&folder.join(INDEX)) {
            shards_there(folder)?
        } else if let Some(file) = convert::pickle(folder) {
            return Err(ModelError::OnlyPickle { folder: folder.to_owned(), file });
        } else {
            return Ok(None);
        };
        let mut files = BTreeMap::new();
        for name in names {
            let file = WeightFile::open(&folder.join(&name))?;
            files.insert(name, file);
        }
        let stored = files
            .iter()
            .flat_map(|(file, open)| open.names().into_iter().map(|name| Stored { file: file.clone(), name }));
        let names = Names::of(stored.collect(), folder, config)?;
        Ok(Some(Self { folder: folder.to_owned(), files, names }))
    }

    /// Digest over the config and all weight files: scores of different models are never merged. By so many threads.
    pub fn digest(&self, threads: usize) -> Result<Digest, ModelError> {
        let mut hashing = Hashing::new(threads);
        hashing.add(&read(&self.folder.join("config.json"))?);
        for (name, file) in &self.files {
            hashing.add(name.as_bytes());
            file.hash_into(&mut hashing)?;
        }
        Ok(Digest(hashing.finish()))
    }

    /// Digest over names, lengths and times of all weight files, as they were opened: another one where they were written to
    /// or replaced, and perhaps where they were only touched. Reads none of their bytes.
    #[must_use]
    pub fn stamp(&self) -> Digest {
        let mut hasher = blake3::Hasher::new();
        for (name, file) in &self.files {
            hasher.update(&(name.len() as u64).to_le_bytes());
            hasher.update(name.as_bytes());
            file.stamp_into(&mut hasher);
        }
        Digest(*hasher.finalize().as_bytes())
    }

    /// Bytes of all tensors that are stored, by type: floats that a sweep may have under a spec's names, others under the files'
    /// own.
    #[must_use]
    pub fn stored(&self) -> BTreeMap<String, u64> {
        let mut stored = BTreeMap::new();
        for file in self.files.values() {
            for TensorInfo { dtype, data_offsets: (start, end), .. } in file.infos() {
                let name = match dtype {
                    Dtype::F32 => Float32.name().to_owned(),
                    Dtype::BF16 => Bfloat16.name().to_owned(),
                    Dtype::F16 => Float16.name().to_owned(),
                    other => other.to_string(),
                };
                *stored.entry(name).or_default() += (end - start) as u64;
            }
        }
        stored
    }

    /// Refuses files that were written to since they were opened.
    pub fn refuse_changed(&self) -> Result<(), ModelError> {
        self.files.values().try_for_each(WeightFile::refuse_changed)
    }

    /// A tensor by its family's name for it, whatever stands before that in the file.
    pub fn tensor(&self, name: &str, wanted: &[usize]) -> Result<WeightTensor<'_>, ModelError> {
        let tensor = self.find(name).ok_or_else(|| ModelError::MissingTensor {
            name: name.to_owned(),
            folder: self.folder.clone(),
            wanted: wanted.to_vec(),
        })?;
        let TensorInfo { shape, dtype, .. } = tensor.info;
        if shape != wanted {
            let (folder, found, wanted) = (self.folder.clone(), shape.clone(), wanted.to_vec());
            return Err(ModelError::TensorShape { name: name.to_owned(), folder, found, wanted });
        }
        if !matches!(dtype, Dtype::F32 | Dtype::F16 | Dtype::BF16) {
            let (folder, found) = (self.folder.clone(), format!("{dtype:?}"));
            return Err(ModelError::TensorType { name: name.to_owned(), folder, found });
        }
        Ok(tensor)
    }

    /// Whether there is a tensor of that name.
    pub(crate) fn has(&self, name: &str) -> bool {
        self.names.get(name).is_some()
    }

    /// Stored names of all tensors but constants and those that these names are of.
    pub(crate) fn others(&self, config: &ModelConfig, is_known: impl Fn(&str) -> bool) -> Vec<&str> {
        self.names.others(config, is_known)
    }

    fn find(&self, name: &str) -> Option<WeightTensor<'_>> {
        let stored = self.names.get(name)?;
        let file = self.files.get(&stored.file)?;
        Some(WeightTensor { file, info: file.info(&stored.name)? })
    }
}

impl WeightTensor<'_> {
    /// How many numbers.
    pub(crate) fn count(&self) -> usize {
        self.info.shape.iter().product()
    }

    /// Float32, float16 or bfloat16.
    #[must_use]
    pub fn dtype(&self) -> Dtype {
        self.info.dtype
    }

    /// A path of its open file, which names no other file whatever becomes of the folder, and where its bytes begin there:
    /// for who maps them.
    #[must_use]
    pub fn place(&self) -> (PathBuf, u64) {
        self.file.place(self.info)
    }

    /// Fills `buffer` with the bytes from `start` on.
    pub fn read(&self, start: usize, buffer: &mut [u8]) -> Result<(), ModelError> {
        self.file.read(self.info, start, buffer)
    }
}

/// The weights where they are one file.
pub const SINGLE: &str = "model.safetensors";
/// The list of shards where they are several.
pub const INDEX: &str = "model.safetensors.index.json";

/// Whether a folder has a config and all weight files, be they good or bad.
#[must_use]
pub fn is_whole(folder: &Path) -> bool {
    let has = |name: &str| folder.join(name).is_file();
    let has_shards = || shards(folder).is_ok_and(|names| names.iter().all(|name| has(name)));
    has("config.json") && (has(SINGLE) || has_shards())
}

/// The file names of the shards that a folder's index names, be they there or not; nothing outside the folder.
pub fn shards(folder: &Path) -> Result<BTreeSet<String>, ModelError> {
    let path = folder.join(INDEX);
    let text = read(&path)?;
    let refuse = |reason: String| ModelError::Index { path, reason };
    let parsed: ShardIndex = match serde_json::from_slice(&text) {
        Ok(parsed) => parsed,
        Err(error) => return Err(refuse(error.to_string())),
    };
    let names: BTreeSet<String> = parsed.weight_map.into_values().collect();
    match names.iter().find(|name| Path::new(name).file_name() != Some(name.as_ref())) {
        Some(name) => Err(refuse(format!("shard `{name}` is not a plain file name"))),
        None => Ok(names),
    }
}

/// The shards, all of which are there.
fn shards_there(folder: &Path) -> Result<BTreeSet<String>, ModelError> {
    let names = shards(folder)?;
    let refuse = |reason: String| ModelError::Index { path: folder.join(INDEX), reason };
    match names.iter().find(|name| !is_there(&folder.join(name))) {
        Some(name) => Err(refuse(format!("its shard {name} is missing: the download is incomplete, get it again"))),
        None => Ok(names),
    }
}
