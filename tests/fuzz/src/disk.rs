//! A disk in memory.

use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use redb::StorageBackend;

/// The bytes of a file; clones share them.
#[derive(Clone, Debug)]
pub struct Disk(Arc<Mutex<Vec<u8>>>);

impl Disk {
    /// A file that holds these.
    #[must_use]
    pub fn new(bytes: Vec<u8>) -> Self {
        Self(Arc::new(Mutex::new(bytes)))
    }

    /// What it holds by now.
    #[must_use]
    pub fn bytes(&self) -> Vec<u8> {
        self.content().clone()
    }

    fn content(&self) -> MutexGuard<'_, Vec<u8>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Where bytes are, if they are in the file.
fn range(offset: u64, length: usize, bytes: &[u8]) -> io::Result<std::ops::Range<usize>> {
    let start = usize::try_from(offset).ok();
    let range = start.and_then(|start| Some(start..start.checked_add(length)?));
    range.filter(|range| range.end <= bytes.len()).ok_or_else(|| io::ErrorKind::UnexpectedEof.into())
}

impl StorageBackend for Disk {
    fn len(&self) -> io::Result<u64> {
        Ok(self.content().len() as u64)
    }

    fn read(&self, offset: u64, out: &mut [u8]) -> io::Result<()> {
        let content = self.content();
        out.copy_from_slice(&content[range(offset, out.len(), &content)?]);
        Ok(())
    }

    fn set_len(&self, length: u64) -> io::Result<()> {
        self.content().resize(usize::try_from(length).map_err(|_| io::ErrorKind::StorageFull)?, 0);
        Ok(())
    }

    fn sync_data(&self) -> io::Result<()> {
        Ok(())
    }

    fn write(&self, offset: u64, data: &[u8]) -> io::Result<()> {
        let mut content = self.content();
        let range = range(offset, data.len(), &content)?;
        content[range].copy_from_slice(data);
        Ok(())
    }
}
