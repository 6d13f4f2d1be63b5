//! A model's files are opened and read here, so that what stands in for a file is never taken for it.

use std::fs::{self, File};
use std::io::{ErrorKind, Read};
use std::path::Path;

use crate::locate::DanglingLink;
use patchsweep_core::model::ModelConfig;

use crate::ModelError;

/// What a pointer of Git LFS begins with; the file itself is stored elsewhere.
const POINTER: &[u8] = b"version https://git-lfs.github.com/spec/";

/// Reads a whole file.
pub(crate) fn read(path: &Path) -> Result<Vec<u8>, ModelError> {
    let mut bytes = Vec::new();
    open(path)?.read_to_end(&mut bytes).map_err(|source| ModelError::Read { path: path.to_owned(), source })?;
    if is_pointer(&bytes) { Err(ModelError::Pointer { path: path.to_owned() }) } else { Ok(bytes) }
}

/// Reads a whole file of text.
pub fn read_text(path: &Path) -> Result<String, ModelError> {
    String::from_utf8(read(path)?).map_err(|error| {
        let source = std::io::Error::new(ErrorKind::InvalidData, error.utf8_error());
        ModelError::Read { path: path.to_owned(), source }
    })
}

/// As [`read_text`]; `None` where nothing has that name. A link that leads nowhere is something.
pub fn read_text_if_there(path: &Path) -> Result<Option<String>, ModelError> {
    if is_there(path) { read_text(path).map(Some) } else { Ok(None) }
}

/// Reads a folder's `config.json`.
pub fn read_config(folder: &Path) -> Result<ModelConfig, ModelError> {
    let path = folder.join("config.json");
    ModelConfig::from_json(&read_text(&path)?).map_err(|source| ModelError::Config { path, source })
}

/// Opens a file; of a link that leads nowhere it says that.
pub(crate) fn open(path: &Path) -> Result<File, ModelError> {
    File::open(path).map_err(|source| match DanglingLink::at(path) {
        Some(dangling) if source.kind() == ErrorKind::NotFound => dangling.into(),
        _ => ModelError::Read { path: path.to_owned(), source },
    })
}

/// Whether something has that name, be it a link that leads nowhere.
pub(crate) fn is_there(path: &Path) -> bool {
    fs::symlink_metadata(path).is_ok()
}

/// Whether a file that begins so is a pointer of Git LFS.
pub(crate) fn is_pointer(beginning: &[u8]) -> bool {
    beginning.starts_with(POINTER)
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;

    #[test]
    fn a_pointer_is_not_taken_for_the_file() {
        let folder = tempfile::tempdir().expect("a folder");
        let text = "version https://git-lfs.github.com/spec/v1\noid sha256:4d7a214614ab2935c943f9e0ff69d22eadbb8f32b1258daaa\nsize 12345\n";
        fs::write(folder.path().join("config.json"), text).expect("written");
        let refused = read_config(folder.path()).expect_err("is refused").to_string();
        assert!(refused.ends_with("run `git lfs pull` in its folder"), "{refused}");
    }

    #[test]
    fn a_link_that_leads_nowhere_is_not_nothing() {
        let folder = tempfile::tempdir().expect("a folder");
        let link = folder.path().join("tokenizer.json");
        assert!(read_text_if_there(&link).expect("nothing is there").is_none());
        symlink("../../blobs/abc", &link).expect("a link");
        let refused = read_text_if_there(&link).expect_err("is refused").to_string();
        assert!(refused.contains("tokenizer.json is a link to ../../blobs/abc, which is missing"), "{refused}");
    }

    #[test]
    fn what_is_missing_is_named() {
        let refused = read(Path::new("nowhere/config.json")).expect_err("is refused");
        assert_eq!(refused.to_string(), "cannot read nowhere/config.json");
    }
}
