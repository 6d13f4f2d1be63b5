//! An image of some storage that can be written to without changing it.

use std::collections::BTreeMap;
use std::io;
use std::sync::{Mutex, PoisonError};

use redb::StorageBackend;

use super::storage::Storage;

const PAGE: u64 = 4096;

/// Reads from below, writes to memory. Opening a database repairs it; on an overlay the file stays as it was found.
#[derive(Debug)]
pub(super) struct Overlay {
    below: Storage,
    written: Mutex<Written>,
}

#[derive(Debug)]
struct Written {
    len: u64,
    /// Bytes below that still count.
    below_len: u64,
    /// By their place in the storage, in pages; each whole.
    pages: BTreeMap<u64, Vec<u8>>,
}

impl Overlay {
    pub(super) fn new(below: Storage) -> io::Result<Self> {
        let len = below.len()?;
        Ok(Self { below, written: Mutex::new(Written { len, below_len: len, pages: BTreeMap::new() }) })
    }

    fn with<T>(&self, act: impl FnOnce(&mut Written, &Storage) -> io::Result<T>) -> io::Result<T> {
        act(&mut self.written.lock().unwrap_or_else(PoisonError::into_inner), &self.below)
    }
}

impl Written {
    fn refuse_beyond_end(&self, offset: u64, length: usize) -> io::Result<()> {
        let end = offset.checked_add(length as u64);
        if end.is_some_and(|end| end <= self.len) { Ok(()) } else { Err(io::ErrorKind::UnexpectedEof.into()) }
    }

    /// What lies below, zeros behind its end.
    fn read_below(&self, below: &Storage, offset: u64, out: &mut [u8]) -> io::Result<()> {
        let there = usize::try_from(self.below_len.saturating_sub(offset)).unwrap_or(usize::MAX).min(out.len());
        out[there..].fill(0);
        if there > 0 { below.read(offset, &mut out[..there]) } else { Ok(()) }
    }

    fn page(&mut self, below: &Storage, page: u64) -> io::Result<&mut Vec<u8>> {
        if !self.pages.contains_key(&page) {
            let mut bytes = vec![0; to_usize(PAGE)];
            self.read_below(below, page * PAGE, &mut bytes)?;
            self.pages.insert(page, bytes);
        }
        Ok(self.pages.entry(page).or_default())
    }
}

/// Cuts a range of bytes at the borders of pages: page, place in it, and range of the bytes.
fn pieces(offset: u64, length: usize) -> impl Iterator<Item = (u64, usize, std::ops::Range<usize>)> {
    let mut done = 0;
    std::iter::from_fn(move || {
        let at = offset + done as u64;
        let within = to_usize(at % PAGE);
        let end = length.min(done + to_usize(PAGE) - within);
        let piece = (done < length).then_some((at / PAGE, within, done..end));
        done = end;
        piece
    })
}

/// Below a page's size.
fn to_usize(small: u64) -> usize {
    usize::try_from(small).expect("smaller than a page")
}

impl StorageBackend for Overlay {
    fn len(&self) -> io::Result<u64> {
        self.with(|written, _| Ok(written.len))
    }

    fn read(&self, offset: u64, out: &mut [u8]) -> io::Result<()> {
        self.with(|written, below| {
            written.refuse_beyond_end(offset, out.len())?;
            written.read_below(below, offset, out)?;
            for (page, within, range) in pieces(offset, out.len()) {
                if let Some(bytes) = written.pages.get(&page) {
                    let length = range.len();
                    out[range].copy_from_slice(&bytes[within..within + length]);
                }
            }
            Ok(())
        })
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        self.with(|written, below| {
            if len < written.len {
                written.pages.split_off(&len.div_ceil(PAGE));
                let within = to_usize(len % PAGE);
                if within > 0 {
                    written.page(below, len / PAGE)?[within..].fill(0);
                }
            }
            written.below_len = written.below_len.min(len);
            written.len = len;
            Ok(())
        })
    }

    fn sync_data(&self) -> io::Result<()> {
        Ok(())
    }

    fn write(&self, offset: u64, data: &[u8]) -> io::Result<()> {
        self.with(|written, below| {
            written.refuse_beyond_end(offset, data.len())?;
            for (page, within, range) in pieces(offset, data.len()) {
                let length = range.len();
                written.page(below, page)?[within..within + length].copy_from_slice(&data[range]);
            }
            Ok(())
        })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use redb::backends::InMemoryBackend;

    use super::*;

    #[derive(Clone, Debug)]
    enum Act {
        Write(u64, usize, u8),
        SetLen(u64),
    }

    fn acts() -> impl Strategy<Value = Vec<Act>> {
        let write = (0..30_000u64, 1..9_000usize, 1..255u8).prop_map(|(at, length, byte)| Act::Write(at, length, byte));
        prop::collection::vec(prop_oneof![3 => write, 1 => (0..40_000u64).prop_map(Act::SetLen)], 1..30)
    }

    proptest! {
        #[test]
        fn an_overlay_reads_like_storage_that_was_written_to_and_changes_nothing(acts in acts()) {
            let plain = InMemoryBackend::new();
            let below = Storage::new(InMemoryBackend::new(), "memory");
            let original: Vec<u8> = (0..=254).cycle().take(20_000).collect();
            for storage in [&plain as &dyn StorageBackend, &below] {
                storage.set_len(20_000)?;
                storage.write(0, &original)?;
            }
            let overlay = Overlay::new(below.clone())?;
            for act in acts {
                match act {
                    Act::Write(at, length, byte) => {
                        let data = vec![byte; length];
                        prop_assert_eq!(plain.write(at, &data).is_ok(), overlay.write(at, &data).is_ok());
                    }
                    Act::SetLen(len) => {
                        plain.set_len(len)?;
                        overlay.set_len(len)?;
                    }
                }
                let length = usize::try_from(plain.len()?)?;
                prop_assert_eq!(length as u64, overlay.len()?);
                let mut bytes = [vec![0; length], vec![0; length]];
                plain.read(0, &mut bytes[0])?;
                overlay.read(0, &mut bytes[1])?;
                prop_assert!(bytes[0] == bytes[1]);
            }
            let mut untouched = vec![0; 20_000];
            below.read(0, &mut untouched)?;
            prop_assert!(untouched == original);
        }
    }
}
