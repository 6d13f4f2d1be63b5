//! A disk that loses what was not synced when its machine crashes.

use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use rand::Rng;
use rand::seq::SliceRandom;

/// The contents of a disk; clones are the same disk.
#[derive(Clone, Debug, Default)]
pub struct Disk(Arc<Mutex<Contents>>);

#[derive(Debug, Default)]
struct Contents {
    /// As the running system sees it.
    seen: Vec<u8>,
    /// As it was after the last sync.
    synced: Vec<u8>,
    /// Since then, in order.
    unsynced: Vec<Change>,
    /// Which life of the machine may write.
    life: u64,
    /// It takes nothing more.
    is_full: bool,
}

#[derive(Debug)]
enum Change {
    Length(usize),
    Bytes { offset: usize, bytes: Vec<u8> },
}

/// The disk as one life of a machine has it open. After a crash, what it still does has no effect.
#[derive(Debug)]
pub struct OpenDisk {
    disk: Disk,
    life: u64,
}

impl Disk {
    /// For the machine's present life.
    #[must_use]
    pub fn open(&self) -> OpenDisk {
        OpenDisk { disk: self.clone(), life: self.contents().life }
    }

    /// The machine crashes: of what was not synced some changes are on the disk and some are not, in any order.
    pub fn crash(&self, rng: &mut impl Rng) {
        let mut contents = self.contents();
        contents.life += 1;
        let mut surviving = std::mem::take(&mut contents.unsynced);
        surviving.retain(|_| rng.random_bool(0.5));
        surviving.shuffle(rng);
        let mut bytes = std::mem::take(&mut contents.synced);
        for change in surviving {
            apply(&mut bytes, &change);
        }
        contents.seen.clone_from(&bytes);
        contents.synced = bytes;
    }

    /// It takes nothing more, or does again.
    pub(super) fn set_full(&self, is_full: bool) {
        self.contents().is_full = is_full;
    }

    fn contents(&self) -> MutexGuard<'_, Contents> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn apply(disk: &mut Vec<u8>, change: &Change) {
    match change {
        Change::Length(length) => disk.resize(*length, 0),
        Change::Bytes { offset, bytes } => {
            let end = offset + bytes.len();
            if disk.len() < end {
                disk.resize(end, 0);
            }
            disk[*offset..end].copy_from_slice(bytes);
        }
    }
}

impl OpenDisk {
    fn change(&self, change: Change) -> io::Result<()> {
        let mut contents = self.alive()?;
        if contents.is_full {
            return Err(io::ErrorKind::StorageFull.into());
        }
        apply(&mut contents.seen, &change);
        contents.unsynced.push(change);
        Ok(())
    }

    fn alive(&self) -> io::Result<MutexGuard<'_, Contents>> {
        let contents = self.disk.contents();
        if contents.life == self.life { Ok(contents) } else { Err(io::Error::other("the machine has crashed")) }
    }
}

fn to_usize(number: u64) -> io::Result<usize> {
    usize::try_from(number).map_err(io::Error::other)
}

impl redb::StorageBackend for OpenDisk {
    fn len(&self) -> io::Result<u64> {
        Ok(self.alive()?.seen.len() as u64)
    }

    fn read(&self, offset: u64, out: &mut [u8]) -> io::Result<()> {
        let offset = to_usize(offset)?;
        let contents = self.alive()?;
        let bytes = contents.seen.get(offset..offset + out.len()).ok_or(io::ErrorKind::UnexpectedEof)?;
        out.copy_from_slice(bytes);
        Ok(())
    }

    fn set_len(&self, length: u64) -> io::Result<()> {
        self.change(Change::Length(to_usize(length)?))
    }

    fn sync_data(&self) -> io::Result<()> {
        let mut contents = self.alive()?;
        let Contents { synced, unsynced, .. } = &mut *contents;
        unsynced.drain(..).for_each(|change| apply(synced, &change));
        Ok(())
    }

    fn write(&self, offset: u64, data: &[u8]) -> io::Result<()> {
        self.change(Change::Bytes { offset: to_usize(offset)?, bytes: data.to_vec() })
    }
}
