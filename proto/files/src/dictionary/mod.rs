//! Dictionaries as they are stored: folders of `SAELens`, and Gemma Scope's `params.npz`.

mod config;
mod error;
mod npz;
#[cfg(test)]
mod tests;

use std::path::{Path, PathBuf};

use half::{bf16, f16};
use patchsweep_core::dictionary::{DictionaryHeader, Encoder};
use patchsweep_core::digest::Digest;
use safetensors::Dtype;

pub use error::DictionaryFileError;

use crate::hashing::Hashing;
use crate::locate::ModelFolders;
use crate::read::{is_there, read, read_text};
use crate::weight_file::WeightFile;
use npz::Archive;

const CONFIG: &str = "cfg.json";
const WEIGHTS: &str = "sae_weights.safetensors";
const ARCHIVE: &str = "params.npz";

/// A dictionary's files, open. What they say has been checked; the numbers have not been read.
#[derive(Debug)]
pub struct DictionaryFiles {
    header: DictionaryHeader,
    config: Vec<u8>,
    tensors: Tensors,
    path: PathBuf,
}

#[derive(Debug)]
enum Tensors {
    SaeLens(WeightFile),
    GemmaScope(Archive),
}

impl ModelFolders {
    /// The folder or file of a dictionary, by its path below the folders.
    pub fn dictionary(&self, path: &str) -> Result<PathBuf, DictionaryFileError> {
        let found = self.roots.iter().map(|root| root.join(path)).find(|path| {
            let has = |name: &str| is_there(&path.join(name));
            path.is_file() || has(CONFIG) || has(WEIGHTS) || has(ARCHIVE)
        });
        let folders = || {
            let all: Vec<String> = self.roots.iter().map(|root| root.display().to_string()).collect();
            if all.is_empty() { "any folder (no --models given)".to_owned() } else { all.join(", ") }
        };
        found.ok_or_else(|| DictionaryFileError::NotFound { path: path.to_owned(), folders: folders() })
    }
}

impl DictionaryFiles {
    /// Opens those at a path: a folder of `SAELens`, a folder with a `params.npz`, or such a file.
    pub fn open(path: &Path) -> Result<Self, DictionaryFileError> {
        if path.is_file() {
            return Self::of_archive(path);
        }
        if is_there(&path.join(ARCHIVE)) {
            return Self::of_archive(&path.join(ARCHIVE));
        }
        let (config, weights) = (path.join(CONFIG), path.join(WEIGHTS));
        let text = read_text(&config)?;
        let header = config::read(&config, &text)?;
        let tensors = Tensors::SaeLens(WeightFile::open(&weights)?);
        Self { header, config: text.into_bytes(), tensors, path: weights }.checked()
    }

    /// Gemma Scope: jumprelu, without the decoder's bias at the input.
    fn of_archive(path: &Path) -> Result<Self, DictionaryFileError> {
        let archive = Archive::open(path)?;
        let encoder = Encoder::JumpRelu;
        let missing = || DictionaryFileError::Missing { name: "W_enc", path: path.to_owned(), encoder: encoder.name() };
        let Some(&[width, features]) = archive.get("W_enc").map(|array| array.shape.as_slice()) else {
            return Err(missing());
        };
        let size = |size: usize| u32::try_from(size).unwrap_or(u32::MAX);
        let (width, features) = (size(width), size(features));
        let header = DictionaryHeader {
            width,
            features,
            encoder,
            subtracts_decoder_bias: false,
            of_centred_model: false,
            hook: None,
            model: None,
        };
        Self { header, config: Vec::new(), tensors: Tensors::GemmaScope(archive), path: path.to_owned() }.checked()
    }

    /// Refuses tensors that are missing, superfluous or of another shape or type.
    fn checked(self) -> Result<Self, DictionaryFileError> {
        let (path, encoder) = (|| self.path.clone(), self.header.encoder.name());
        let wanted = tensors(&self.header);
        for (name, shape) in &wanted {
            let Some((found, dtype)) = self.tensors.info(name) else {
                return Err(DictionaryFileError::Missing { name, path: path(), encoder });
            };
            if found != *shape {
                return Err(DictionaryFileError::Shape { name, path: path(), found, wanted: shape.clone() });
            }
            let dtype = dtype.map_err(|found| DictionaryFileError::Type { name, path: path(), found })?;
            let width = if dtype == Dtype::F32 { 4 } else { 2 };
            if self.tensors.length(name) != shape.iter().product::<usize>() as u64 * width {
                let reason = "an array has not as many numbers as its shape says";
                return Err(DictionaryFileError::Archive { path: path(), reason });
            }
        }
        let names = self.tensors.names();
        match names.into_iter().find(|name| wanted.iter().all(|(wanted, _)| wanted != name)) {
            Some(name) => Err(DictionaryFileError::Superfluous { name, path: path(), encoder }),
            None => Ok(self),
        }
    }

    /// What they say of the dictionary.
    #[must_use]
    pub fn header(&self) -> &DictionaryHeader {
        &self.header
    }

    /// Digest over all of them.
    pub fn digest(&self) -> Result<Digest, DictionaryFileError> {
        let mut hashing = Hashing::new(1);
        // The config's length before it, so that no two dictionaries run into the same bytes.
        hashing.add(&(self.config.len() as u64).to_le_bytes());
        hashing.add(&self.config);
        match &self.tensors {
            Tensors::SaeLens(file) => file.hash_into(&mut hashing)?,
            Tensors::GemmaScope(archive) => archive.hash_into(&mut hashing)?,
        }
        Ok(Digest(hashing.finish()))
    }

    /// A tensor that the header's architecture has, row-major. Every float16 and bfloat16 is a float32.
    ///
    /// # Panics
    /// Of another name.
    pub fn tensor(&self, name: &str) -> Result<Vec<f32>, DictionaryFileError> {
        let (_, dtype) = self.tensors.info(name).expect("opened files have their tensors");
        let bytes = self.tensors.bytes(name)?;
        Ok(numbers(&bytes, dtype.expect("a type that was checked")))
    }

    /// Refuses files that were written to since they were opened.
    pub fn refuse_changed(&self) -> Result<(), DictionaryFileError> {
        match &self.tensors {
            Tensors::SaeLens(file) => file.refuse_changed()?,
            Tensors::GemmaScope(archive) => archive.refuse_changed()?,
        }
        let config = self.path.with_file_name(CONFIG);
        if !self.config.is_empty() && read(&config)? != self.config {
            return Err(crate::ModelError::Changed { path: config }.into());
        }
        Ok(())
    }
}

/// Names and shapes of the tensors that a dictionary has.
fn tensors(header: &DictionaryHeader) -> Vec<(&'static str, Vec<usize>)> {
    let (width, features) = (header.width as usize, header.features as usize);
    let of_features = |name| (name, vec![features]);
    let mut tensors = vec![("W_enc", vec![width, features]), ("W_dec", vec![features, width]), ("b_dec", vec![width])];
    match header.encoder {
        Encoder::Standard | Encoder::TopK { .. } => tensors.push(of_features("b_enc")),
        Encoder::JumpRelu => tensors.extend(["b_enc", "threshold"].map(of_features)),
        Encoder::Gated => tensors.extend(["b_gate", "b_mag", "r_mag"].map(of_features)),
    }
    tensors
}

impl Tensors {
    fn names(&self) -> Vec<String> {
        match self {
            Self::SaeLens(file) => file.names(),
            Self::GemmaScope(archive) => archive.names().map(str::to_owned).collect(),
        }
    }

    /// Shape and type; a type that is not supported by its name.
    fn info(&self, name: &str) -> Option<(Vec<usize>, Result<Dtype, String>)> {
        match self {
            Self::SaeLens(file) => {
                let info = file.info(name)?;
                let is_known = matches!(info.dtype, Dtype::F32 | Dtype::F16 | Dtype::BF16);
                Some((info.shape.clone(), if is_known { Ok(info.dtype) } else { Err(format!("{:?}", info.dtype)) }))
            }
            Self::GemmaScope(archive) => {
                let array = archive.get(name)?;
                let dtype = match array.descr.as_str() {
                    "<f4" => Ok(Dtype::F32),
                    "<f2" => Ok(Dtype::F16),
                    other => Err(other.to_owned()),
                };
                Some((array.shape.clone(), dtype))
            }
        }
    }

    /// Bytes of a tensor that is there.
    fn length(&self, name: &str) -> u64 {
        match self {
            Self::SaeLens(file) => file.info(name).map_or(0, |info| (info.data_offsets.1 - info.data_offsets.0) as u64),
            Self::GemmaScope(archive) => archive.get(name).map_or(0, |array| array.length),
        }
    }

    fn bytes(&self, name: &str) -> Result<Vec<u8>, DictionaryFileError> {
        match self {
            Self::SaeLens(file) => {
                let info = file.info(name).expect("opened files have their tensors");
                let mut bytes = vec![0; info.data_offsets.1 - info.data_offsets.0];
                file.read(info, 0, &mut bytes)?;
                Ok(bytes)
            }
            Self::GemmaScope(archive) => archive.contents(archive.get(name).expect("opened files have their tensors")),
        }
    }
}

fn numbers(bytes: &[u8], dtype: Dtype) -> Vec<f32> {
    let of_two = |half: fn([u8; 2]) -> f32| bytes.as_chunks().0.iter().map(|&bytes| half(bytes)).collect();
    match dtype {
        Dtype::F16 => of_two(|bytes| f16::from_le_bytes(bytes).to_f32()),
        Dtype::BF16 => of_two(|bytes| bf16::from_le_bytes(bytes).to_f32()),
        _ => bytes.as_chunks().0.iter().map(|&bytes| f32::from_le_bytes(bytes)).collect(),
    }
}
