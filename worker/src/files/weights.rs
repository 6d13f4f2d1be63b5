//! Safetensors files of one model, and the tensors in them by name.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use patchsweep_proto::digest::Digest;
use safetensors::{Dtype, SafeTensors};
use serde::Deserialize;

use super::ModelError;

/// A model's weight files, read into memory.
#[derive(Debug)]
pub struct WeightFiles {
    folder: PathBuf,
    /// By file name, sorted.
    files: BTreeMap<String, Vec<u8>>,
}

/// One tensor as it stands in a file.
#[derive(Debug)]
pub struct WeightTensor<'a> {
    /// Float32, float16 or bfloat16.
    pub dtype: Dtype,
    /// Sizes.
    pub shape: Vec<usize>,
    /// Little-endian, row-major.
    pub data: &'a [u8],
}

#[derive(Deserialize)]
struct ShardIndex {
    weight_map: BTreeMap<String, String>,
}

impl WeightFiles {
    /// Reads a folder's `model.safetensors`, or the shards that its index names.
    pub fn read(folder: &Path) -> Result<Self, ModelError> {
        let names = if folder.join(SINGLE).is_file() {
            BTreeSet::from([SINGLE.to_owned()])
        } else if folder.join(INDEX).is_file() {
            shards(&folder.join(INDEX))?
        } else {
            return Err(ModelError::NoWeights { folder: folder.to_owned() });
        };
        let mut files = BTreeMap::new();
        for name in names {
            files.insert(name.clone(), read(&folder.join(&name))?);
        }
        Ok(Self { folder: folder.to_owned(), files })
    }

    /// Digest over the config and all weight files: scores of different models are never merged.
    pub fn digest(&self) -> Result<Digest, ModelError> {
        let mut hasher = blake3::Hasher::new();
        hasher.update(&read(&self.folder.join("config.json"))?);
        for (name, bytes) in &self.files {
            hasher.update(name.as_bytes());
            hasher.update(bytes);
        }
        Ok(Digest(*hasher.finalize().as_bytes()))
    }

    /// The tensors of all files.
    pub fn tensors(&self) -> Result<WeightTensors<'_>, ModelError> {
        let mut parsed = Vec::new();
        for (name, bytes) in &self.files {
            let damaged = |source| ModelError::Damaged { path: self.folder.join(name), source };
            parsed.push(SafeTensors::deserialize(bytes).map_err(damaged)?);
        }
        Ok(WeightTensors { folder: &self.folder, files: parsed })
    }
}

/// The tensors of a model's files.
#[derive(Debug)]
pub struct WeightTensors<'a> {
    folder: &'a Path,
    files: Vec<SafeTensors<'a>>,
}

impl<'a> WeightTensors<'a> {
    /// A tensor by its name in Hugging Face's GPT-2, with or without `transformer.` before it.
    pub fn get(&'a self, name: &str, wanted: &[usize]) -> Result<WeightTensor<'a>, ModelError> {
        let prefixed = format!("transformer.{name}");
        let mut views = self.files.iter().flat_map(|file| [file.tensor(&prefixed), file.tensor(name)]);
        let view = views.find_map(Result::ok).ok_or_else(|| ModelError::MissingTensor {
            name: name.to_owned(),
            folder: self.folder.to_owned(),
            wanted: wanted.to_vec(),
        })?;
        if view.shape() != wanted {
            let (folder, found, wanted) = (self.folder.to_owned(), view.shape().to_vec(), wanted.to_vec());
            return Err(ModelError::TensorShape { name: name.to_owned(), folder, found, wanted });
        }
        if !matches!(view.dtype(), Dtype::F32 | Dtype::F16 | Dtype::BF16) {
            let (folder, found) = (self.folder.to_owned(), format!("{:?}", view.dtype()));
            return Err(ModelError::TensorType { name: name.to_owned(), folder, found });
        }
        Ok(WeightTensor { dtype: view.dtype(), shape: view.shape().to_vec(), data: view.data() })
    }
}

const SINGLE: &str = "model.safetensors";
const INDEX: &str = "model.safetensors.index.json";

/// File names of the shards; nothing outside the folder.
fn shards(index: &Path) -> Result<BTreeSet<String>, ModelError> {
    let refuse = |reason: String| ModelError::Index { path: index.to_owned(), reason };
    let parsed: ShardIndex = serde_json::from_slice(&read(index)?).map_err(|error| refuse(error.to_string()))?;
    let names: BTreeSet<String> = parsed.weight_map.into_values().collect();
    match names.iter().find(|name| Path::new(name).file_name() != Some(name.as_ref())) {
        Some(name) => Err(refuse(format!("shard `{name}` is not a plain file name"))),
        None => Ok(names),
    }
}

fn read(path: &Path) -> Result<Vec<u8>, ModelError> {
    fs::read(path).map_err(|source| ModelError::Read { path: path.to_owned(), source })
}
