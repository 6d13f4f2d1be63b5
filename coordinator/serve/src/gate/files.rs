//! Files that only their owner may read, and that are whole or not there.

use std::fs::{self, DirBuilder, File};
use std::io::{Read, Write};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, PermissionsExt};
use std::path::Path;
use std::time::SystemTime;

use super::GateError;

/// Largest file that is read here.
const MAX_BYTES: u64 = 1 << 20;

/// Tells whether a file is another than before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Stamp {
    inode: u64,
    bytes: u64,
    modified: Option<SystemTime>,
}

impl Stamp {
    /// `None`: there is no such file.
    pub(super) fn of(path: &Path) -> Option<Self> {
        let metadata = fs::metadata(path).ok()?;
        Some(Self { inode: metadata.ino(), bytes: metadata.len(), modified: metadata.modified().ok() })
    }
}

/// Makes a directory, and those above it, unless it is there.
pub(super) fn private_directory(path: &Path) -> Result<(), GateError> {
    let made = DirBuilder::new().recursive(true).mode(0o700).create(path);
    made.map_err(|source| GateError::File { doing: "create", path: path.to_owned(), source })
}

/// Writes a file of mode 0600 and gives it its name when it is complete and on disk.
pub(super) fn write_private(path: &Path, text: &str) -> Result<(), GateError> {
    let folder = path.parent().unwrap_or(Path::new("."));
    let write = || {
        let mut file = tempfile::Builder::new().permissions(fs::Permissions::from_mode(0o600)).tempfile_in(folder)?;
        file.write_all(text.as_bytes())?;
        file.as_file().sync_all()?;
        file.persist(path)?;
        File::open(folder)?.sync_all()
    };
    write().map_err(|source| GateError::File { doing: "write", path: path.to_owned(), source })
}

/// Reads a file, whatever its permissions let others do.
pub(super) fn read(path: &Path) -> Result<String, GateError> {
    let mut text = String::new();
    let read = File::open(path).and_then(|file| file.take(MAX_BYTES).read_to_string(&mut text));
    read.map_err(|source| GateError::File { doing: "read", path: path.to_owned(), source })?;
    Ok(text)
}

/// Reads a secret; one that others can read is none.
pub(super) fn read_private(path: &Path) -> Result<String, GateError> {
    let metadata = fs::metadata(path);
    let metadata = metadata.map_err(|source| GateError::File { doing: "read", path: path.to_owned(), source })?;
    if metadata.permissions().mode() & 0o077 != 0 {
        return Err(GateError::Exposed { path: path.to_owned() });
    }
    read(path)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_and_directories_are_their_owners_only() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let inner = folder.path().join("a/b");
        private_directory(&inner).expect("made");
        private_directory(&inner).expect("there already");
        let file = inner.join("secret");
        write_private(&file, "one").expect("written");
        write_private(&file, "two").expect("replaced");
        let mode = |path: &Path| fs::metadata(path).expect("there").permissions().mode() & 0o777;
        assert_eq!((mode(&folder.path().join("a")), mode(&inner), mode(&file)), (0o700, 0o700, 0o600));
        assert_eq!(read_private(&file).expect("read"), "two");
        assert_eq!(fs::read_dir(&inner).expect("a folder").count(), 1, "no temporary file is left");
    }

    #[test]
    fn a_secret_that_others_can_read_is_refused() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let file = folder.path().join("secret");
        write_private(&file, "one").expect("written");
        fs::set_permissions(&file, fs::Permissions::from_mode(0o640)).expect("changed");
        assert!(matches!(read_private(&file), Err(GateError::Exposed { .. })));
    }
}
