//! Safetensors files of one model, and the tensors in them by name.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use patchsweep_proto::digest::Digest;
use safetensors::Dtype;
use safetensors::tensor::TensorInfo;
use serde::Deserialize;

use super::ModelError;
use super::weight_file::WeightFile;

/// A model's weight files, open. Their tensors are read one by one, so that the files are never in memory as a whole.
#[derive(Debug)]
pub struct WeightFiles {
    folder: PathBuf,
    /// By file name, sorted.
    files: BTreeMap<String, WeightFile>,
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
    pub fn open(folder: &Path) -> Result<Self, ModelError> {
        let names = if folder.join(SINGLE).is_file() {
            BTreeSet::from([SINGLE.to_owned()])
        } else if folder.join(INDEX).is_file() {
            shards(&folder.join(INDEX))?
        } else {
            return Err(ModelError::NoWeights { folder: folder.to_owned() });
        };
        let mut files = BTreeMap::new();
        for name in names {
            let file = WeightFile::open(&folder.join(&name))?;
            files.insert(name, file);
        }
        Ok(Self { folder: folder.to_owned(), files })
    }

    /// Digest over the config and all weight files: scores of different models are never merged.
    pub fn digest(&self) -> Result<Digest, ModelError> {
        let mut hasher = blake3::Hasher::new();
        hasher.update(&read(&self.folder.join("config.json"))?);
        for (name, file) in &self.files {
            hasher.update(name.as_bytes());
            file.hash_into(&mut hasher)?;
        }
        Ok(Digest(*hasher.finalize().as_bytes()))
    }

    /// Refuses files that somebody has written to since they were opened.
    pub fn check_unchanged(&self) -> Result<(), ModelError> {
        self.files.values().try_for_each(WeightFile::check_unchanged)
    }

    /// A tensor by its name in Hugging Face's GPT-2, with or without `transformer.` before it.
    pub fn tensor(&self, name: &str, wanted: &[usize]) -> Result<WeightTensor<'_>, ModelError> {
        let prefixed = format!("transformer.{name}");
        let find = |file| [&prefixed, name].into_iter().find_map(|name| WeightTensor::find(file, name));
        let tensor = self.files.values().find_map(find).ok_or_else(|| ModelError::MissingTensor {
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
}

impl<'a> WeightTensor<'a> {
    fn find(file: &'a WeightFile, name: &str) -> Option<Self> {
        Some(Self { file, info: file.info(name)? })
    }

    /// Float32, float16 or bfloat16.
    #[must_use]
    pub fn dtype(&self) -> Dtype {
        self.info.dtype
    }

    /// Fills `buffer` with the bytes from `start` on.
    pub fn read(&self, start: usize, buffer: &mut [u8]) -> Result<(), ModelError> {
        self.file.read(self.info, start, buffer)
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
