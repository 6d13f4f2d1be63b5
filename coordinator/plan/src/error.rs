//! Why a sweep cannot be planned.

use super::Inputs;
use crate::spec::SpecError;

/// Why a sweep cannot be planned.
#[derive(Debug, thiserror::Error)]
pub enum PlanError {
    /// Something in the spec.
    #[error(transparent)]
    Spec(#[from] SpecError),
    /// Something in the dataset.
    #[error("{file} line {line}: {message}")]
    Dataset {
        /// As the spec names it.
        file: String,
        /// Counted from 1.
        line: usize,
        /// What is wrong with that line.
        message: String,
    },
    /// The dataset as a whole.
    #[error("{file}: {message}")]
    DatasetFile {
        /// As the spec names it.
        file: String,
        /// What is wrong with it.
        message: String,
    },
    /// The cut into tiles.
    #[error("more than {most} tiles; larger ones come with a larger --tile-multiply-adds or --tile-prompts")]
    TooManyTiles {
        /// Tiles that a sweep may have.
        most: usize,
    },
    /// The model's tokenizer.
    #[error("{file}: {message}")]
    Tokenizer {
        /// One of the files that it is made of.
        file: &'static str,
        /// What is wrong with it.
        message: String,
    },
}

impl PlanError {
    /// Something in the dataset's file.
    pub(super) fn in_dataset(inputs: &Inputs<'_>, message: String) -> Self {
        Self::DatasetFile { file: inputs.spec.dataset_file().to_owned(), message }
    }
}
