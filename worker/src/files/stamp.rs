//! Whether a model folder's files are those that were read before.

use std::fs;
use std::path::Path;
use std::time::SystemTime;

use super::ModelError;

/// Names, lengths and times of a folder's config and weight files.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FolderStamp(Vec<(String, u64, Option<SystemTime>)>);

impl FolderStamp {
    /// The folder as it is now.
    pub fn of(folder: &Path) -> Result<Self, ModelError> {
        let unreadable = |source| ModelError::Read { path: folder.to_owned(), source };
        let mut files = Vec::new();
        for entry in fs::read_dir(folder).map_err(unreadable)? {
            let entry = entry.map_err(unreadable)?;
            let name = entry.file_name().to_string_lossy().into_owned();
            if name.ends_with("json") || name.ends_with("safetensors") {
                // Through the link, where the hub cache has one.
                let metadata = fs::metadata(entry.path()).map_err(unreadable)?;
                files.push((name, metadata.len(), metadata.modified().ok()));
            }
        }
        files.sort();
        Ok(Self(files))
    }
}
