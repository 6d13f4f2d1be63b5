//! Whether the files of a model's folder, or a dictionary's, are those that were read before.

use std::fs;
use std::io::ErrorKind;
use std::path::Path;
use std::time::SystemTime;

use crate::ModelError;

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
            if [".json", ".safetensors", ".npz"].iter().any(|ending| name.ends_with(ending)) {
                // Through the link, where the hub cache has one.
                match fs::metadata(entry.path()) {
                    Ok(metadata) => files.push((name, metadata.len(), metadata.modified().ok())),
                    // A link that leads nowhere; reading the file reports it.
                    Err(error) if error.kind() == ErrorKind::NotFound => files.push((name, 0, None)),
                    Err(error) => return Err(unreadable(error)),
                }
            }
        }
        files.sort();
        Ok(Self(files))
    }
}
