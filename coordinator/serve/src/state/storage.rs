//! The bytes below the database.

use std::fs::{DirBuilder, File, OpenOptions, Permissions, TryLockError};
use std::io;
use std::os::unix::fs::{DirBuilderExt, FileExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use redb::StorageBackend;

use super::StateError;

/// The file below the state folder.
pub(super) const FILE: &str = "state.redb";

const OWNER_ONLY_FILE: u32 = 0o600;
const OWNER_ONLY_FOLDER: u32 = 0o700;

/// Bytes that outlive the databases opened on them: after a failed write a database has to be opened again, and the lock
/// must not be let go meanwhile.
#[derive(Clone, Debug)]
pub(super) struct Storage {
    backend: Arc<dyn StorageBackend>,
    /// What it is called in errors.
    pub(super) path: PathBuf,
}

impl Storage {
    pub(super) fn new(backend: impl StorageBackend, path: &str) -> Self {
        Self { backend: Arc::new(backend), path: path.into() }
    }

    /// What is stored.
    pub(super) fn bytes(&self) -> u64 {
        self.backend.len().unwrap_or(0)
    }

    /// The file below a folder; both are made if they are not there. Nobody else can open it until this is dropped.
    pub(super) fn in_folder(folder: &Path) -> Result<Self, StateError> {
        let unusable = |path: &Path| {
            let path = path.to_owned();
            move |source| StateError::Unusable { path, source }
        };
        let is_new = !folder.exists();
        DirBuilder::new().recursive(true).mode(OWNER_ONLY_FOLDER).create(folder).map_err(unusable(folder))?;
        let path = folder.join(FILE);
        let open =
            OpenOptions::new().read(true).write(true).create(true).truncate(false).mode(OWNER_ONLY_FILE).open(&path);
        let file = open.map_err(unusable(&path))?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Err(StateError::Locked { path }),
            Err(TryLockError::Error(source)) => return Err(StateError::Unusable { path, source }),
        }
        let sync_names = || {
            file.set_permissions(Permissions::from_mode(OWNER_ONLY_FILE))?;
            File::open(folder)?.sync_all()?;
            match folder.parent() {
                Some(parent) if is_new && parent != Path::new("") => File::open(parent)?.sync_all(),
                _ => Ok(()),
            }
        };
        sync_names().map_err(unusable(&path))?;
        Ok(Self { backend: Arc::new(LockedFile(file)), path })
    }
}

impl StorageBackend for Storage {
    fn len(&self) -> io::Result<u64> {
        self.backend.len()
    }

    fn read(&self, offset: u64, out: &mut [u8]) -> io::Result<()> {
        self.backend.read(offset, out)
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        self.backend.set_len(len)
    }

    fn sync_data(&self) -> io::Result<()> {
        self.backend.sync_data()
    }

    fn write(&self, offset: u64, data: &[u8]) -> io::Result<()> {
        self.backend.write(offset, data)
    }
}

#[derive(Debug)]
struct LockedFile(File);

impl StorageBackend for LockedFile {
    fn len(&self) -> io::Result<u64> {
        Ok(self.0.metadata()?.len())
    }

    fn read(&self, offset: u64, out: &mut [u8]) -> io::Result<()> {
        self.0.read_exact_at(out, offset)
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        self.0.set_len(len)
    }

    fn sync_data(&self) -> io::Result<()> {
        self.0.sync_data()
    }

    fn write(&self, offset: u64, data: &[u8]) -> io::Result<()> {
        self.0.write_all_at(data, offset)
    }
}
