//! Why a model's files cannot be used.

use std::path::PathBuf;

use crate::locate::{DanglingLink, LocateError};
use patchsweep_core::Whole;
use patchsweep_core::model::ConfigError;

use crate::convert;

/// Why a model's files cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum ModelError {
    /// No folder of that name.
    #[error(transparent)]
    Locate(#[from] LocateError),
    /// A file could not be read.
    #[error("cannot read {}", .path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// A link to a file that is missing.
    #[error(transparent)]
    Dangling(#[from] DanglingLink),
    /// A clone of a repository without its large files.
    #[error("{} is a pointer of Git LFS, not the file that it stands for: run `git lfs pull` in its folder", .path.display())]
    Pointer {
        /// The file.
        path: PathBuf,
    },
    /// The config is not one of a model that is known here.
    #[error("cannot use {}", .path.display())]
    Config {
        /// The file.
        path: PathBuf,
        /// Why.
        source: ConfigError,
    },
    /// No weights in the folder.
    #[error("{} has neither model.safetensors nor model.safetensors.index.json: a worker needs the weights", .folder.display())]
    NoWeights {
        /// The folder.
        folder: PathBuf,
    },
    /// Weights that only PyTorch reads.
    #[error(
        "{} has its weights as {file}, a format that only PyTorch reads; with its packages torch and transformers this \
         writes model.safetensors beside it: {}",
        .folder.display(), convert::weights(.folder)
    )]
    OnlyPickle {
        /// The folder.
        folder: PathBuf,
        /// The file's name.
        file: &'static str,
    },
    /// A tokenizer in the files that came before `tokenizer.json`.
    #[error(
        "{} has vocab.json and merges.txt but no tokenizer.json; with the package transformers this makes it of them: {}",
        .folder.display(), convert::tokenizer(.folder)
    )]
    OnlyBpeFiles {
        /// The folder.
        folder: PathBuf,
    },
    /// The index of the shards is not what was expected.
    #[error("cannot use {}: {reason}", .path.display())]
    Index {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        reason: String,
    },
    /// Not a whole safetensors file.
    #[error("{} is damaged or truncated; copy it again", .path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
        /// Why.
        source: Whole<safetensors::SafeTensorError>,
    },
    /// A file was written to while it was read.
    #[error("{} changed while it was read: run the sweep again when it is complete", .path.display())]
    Changed {
        /// The file.
        path: PathBuf,
    },
    /// Several models in one folder's weights.
    #[error("the weights in {} are of several models, under {prefixes}; keep one of them", .folder.display())]
    SeveralModels {
        /// The folder.
        folder: PathBuf,
        /// What stands before the tensors' names, each in backticks.
        prefixes: String,
    },
    /// One tensor under two names, or in two files.
    #[error("tensor `{name}` is twice in {}, as {first} and as {second}; keep one of them", .folder.display())]
    Twice {
        /// Its name.
        name: String,
        /// The model's folder.
        folder: PathBuf,
        /// Where it stands.
        first: String,
        /// Where else.
        second: String,
    },
    /// A tensor that the architecture needs.
    #[error("tensor `{name}` is missing in {}; its config.json wants one of shape {wanted:?}", .folder.display())]
    MissingTensor {
        /// Its name.
        name: String,
        /// The model's folder.
        folder: PathBuf,
        /// Its shape by the config.
        wanted: Vec<usize>,
    },
    /// A tensor of another shape than the config says.
    #[error("tensor `{name}` in {} has shape {found:?}; its config.json wants {wanted:?}", .folder.display())]
    TensorShape {
        /// Its name.
        name: String,
        /// The model's folder.
        folder: PathBuf,
        /// As in the file.
        found: Vec<usize>,
        /// By the config.
        wanted: Vec<usize>,
    },
    /// A tensor of integers, or of a float that is not supported.
    #[error("tensor `{name}` in {} is {found}; float32, float16 and bfloat16 are supported", .folder.display())]
    TensorType {
        /// Its name.
        name: String,
        /// The model's folder.
        folder: PathBuf,
        /// As in the file.
        found: String,
    },
}
