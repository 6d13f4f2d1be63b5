//! Why a model cannot be loaded.

use std::path::PathBuf;

use patchsweep_proto::Whole;
use patchsweep_proto::model::ConfigError;
use patchsweep_proto::model::locate::LocateError;

/// Why a model cannot be loaded.
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
    /// The config is not one of a GPT-2.
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
    /// Somebody wrote to a file while it was read.
    #[error("{} changed while it was read: run the sweep again when it is complete", .path.display())]
    Changed {
        /// The file.
        path: PathBuf,
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
