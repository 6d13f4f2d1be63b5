//! Why a dictionary's files cannot be used.

use std::path::PathBuf;

use crate::ModelError;

/// Why a dictionary's files cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum DictionaryFileError {
    /// Below none of the folders.
    #[error(
        "no dictionary `{path}` (a folder with cfg.json and sae_weights.safetensors, or a params.npz) below {folders}; check the \
         path, or give the folder that it is in with --models"
    )]
    NotFound {
        /// Its path.
        path: String,
        /// The folders searched.
        folders: String,
    },
    /// A file could not be read, or is damaged.
    #[error(transparent)]
    File(#[from] ModelError),
    /// Not what `SAELens` writes.
    #[error("cannot use {}: {reason}", .path.display())]
    Config {
        /// The file.
        path: PathBuf,
        /// What is wrong, and what to do.
        reason: String,
    },
    /// Not an archive of arrays.
    #[error("{} is no archive of numpy arrays as `numpy.savez` writes it ({reason}); copy it again", .path.display())]
    Archive {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        reason: &'static str,
    },
    /// Arrays that would have to be unpacked first.
    #[error("`{name}` in {} is compressed; write the file again with `numpy.savez` (not `savez_compressed`)", .path.display())]
    Compressed {
        /// The array.
        name: String,
        /// The file.
        path: PathBuf,
    },
    /// A tensor that the encoder needs.
    #[error("tensor `{name}` is missing in {}, which a dictionary of architecture {encoder} has", .path.display())]
    Missing {
        /// Its name.
        name: &'static str,
        /// The file.
        path: PathBuf,
        /// The architecture.
        encoder: &'static str,
    },
    /// A tensor that changes what features are in a way that is not known.
    #[error(
        "tensor `{name}` in {} is not one of a dictionary of architecture {encoder}; load the dictionary with SAELens and save it \
         again with `save_model`",
        .path.display()
    )]
    Superfluous {
        /// Its name.
        name: String,
        /// The file.
        path: PathBuf,
        /// The architecture.
        encoder: &'static str,
    },
    /// A tensor of another shape.
    #[error("tensor `{name}` in {} has shape {found:?}, not {wanted:?}", .path.display())]
    Shape {
        /// Its name.
        name: &'static str,
        /// The file.
        path: PathBuf,
        /// As in the file.
        found: Vec<usize>,
        /// As it should be.
        wanted: Vec<usize>,
    },
    /// A tensor of integers, or of a float that is not supported.
    #[error(
        "tensor `{name}` in {} is {found}; float32, float16 and bfloat16 are supported: convert the dictionary, with SAELens \
         `sae.to(torch.float32)`, and save it again",
        .path.display()
    )]
    Type {
        /// Its name.
        name: &'static str,
        /// The file.
        path: PathBuf,
        /// As in the file.
        found: String,
    },
}
