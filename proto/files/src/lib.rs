//! Model folders in Hugging Face's layout: `config.json` and safetensors, single or sharded.
//!
//! Both sides read them: the coordinator looks at the headers before it plans a sweep, so that a model that no worker could
//! load is refused there, and workers read the tensors. What stands in for a file is called that instead of what a parser
//! makes of it: a pointer of Git LFS, a link that leads nowhere, a format that is not read here.

#![forbid(unsafe_code)]

mod contents;
mod convert;
mod dictionary;
mod equal;
mod error;
mod hashing;
pub mod hub_cache;
mod link;
pub mod locate;
mod names;
mod notes;
mod read;
mod stamp;
mod weight_file;
mod weights;

pub use contents::Contents;
pub use convert::{PICKLES, conversion, only_bpe_files};
pub use dictionary::{DictionaryFileError, DictionaryFiles};
pub use error::ModelError;
pub use read::{read_config, read_text, read_text_if_there};
pub use stamp::FolderStamp;
pub use weights::{INDEX, SINGLE, WeightFiles, WeightTensor, is_whole, shards};
