//! Arrays in the archive that `numpy.savez` writes: a ZIP file whose members are not compressed, each an array behind a header.

use std::collections::BTreeMap;
use std::fs::{File, Metadata};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

use super::DictionaryFileError;
use crate::ModelError;
use crate::hashing::Hashing;
use crate::read::{is_pointer, open};

/// An open archive.
#[derive(Debug)]
pub(super) struct Archive {
    path: PathBuf,
    file: File,
    /// As it was opened.
    opened: Metadata,
    arrays: BTreeMap<String, Array>,
}

/// Where an array stands.
#[derive(Debug)]
pub(super) struct Array {
    /// As numpy writes it, like `<f4`.
    pub(super) descr: String,
    pub(super) shape: Vec<usize>,
    start: u64,
    pub(super) length: u64,
}

/// A member's entry in the directory at the end.
struct Entry {
    name: String,
    is_stored: bool,
    size: u64,
    header: u64,
}

const END: [u8; 4] = *b"PK\x05\x06";
const END_LENGTH: u64 = 22;
const LARGE_END: [u8; 4] = *b"PK\x06\x06";
const LARGE_LOCATOR: [u8; 4] = *b"PK\x06\x07";
const ENTRY: [u8; 4] = *b"PK\x01\x02";
const ENTRY_LENGTH: usize = 46;
const LOCAL: [u8; 4] = *b"PK\x03\x04";
const LOCAL_LENGTH: usize = 30;
/// Bytes of a comment that may stand at the end.
const MOST_COMMENT: u64 = 1 << 16;
/// Bytes of the directory, and of an array's header: of files with a handful of arrays.
const MOST_TEXT: u64 = 1 << 20;

impl Archive {
    /// Reads the directory and the arrays' headers.
    pub(super) fn open(path: &Path) -> Result<Self, DictionaryFileError> {
        let file = open(path)?;
        let opened = file.metadata().map_err(|source| ModelError::Read { path: path.to_owned(), source })?;
        let mut archive = Self { path: path.to_owned(), file, opened, arrays: BTreeMap::new() };
        let beginning = archive.bytes(0, archive.opened.len().min(64))?;
        if is_pointer(&beginning) {
            return Err(ModelError::Pointer { path: path.to_owned() }.into());
        }
        for entry in archive.directory()? {
            let Some(name) = entry.name.strip_suffix(".npy") else { continue };
            if !entry.is_stored {
                return Err(DictionaryFileError::Compressed { name: name.to_owned(), path: path.to_owned() });
            }
            let array = archive.array(&entry)?;
            archive.arrays.insert(name.to_owned(), array);
        }
        Ok(archive)
    }

    pub(super) fn names(&self) -> impl Iterator<Item = &str> {
        self.arrays.keys().map(String::as_str)
    }

    fn array(&self, entry: &Entry) -> Result<Array, DictionaryFileError> {
        let local = self.bytes(entry.header, LOCAL_LENGTH as u64)?;
        if local[..4] != LOCAL {
            return Err(self.damaged("a member does not begin where the directory says"));
        }
        let before = LOCAL_LENGTH as u64 + u64::from(u16_at(&local, 26)) + u64::from(u16_at(&local, 28));
        let start = entry.header + before;
        let magic = self.bytes(start, 12)?;
        if magic[..6] != *b"\x93NUMPY" {
            return Err(self.damaged("a member is no array"));
        }
        let (header, length) = match magic[6] {
            1 => (start + 10, u64::from(u16_at(&magic, 8))),
            _ => (start + 12, u64::from(u32_at(&magic, 8))),
        };
        if length > MOST_TEXT {
            return Err(self.damaged("an array's header is too long"));
        }
        let text = self.bytes(header, length)?;
        let parsed = parsed(&String::from_utf8_lossy(&text));
        let (descr, shape) = parsed.ok_or_else(|| self.damaged("an array's header is not as expected"))?;
        let data = header + length;
        let behind = (start + entry.size).checked_sub(data);
        let length = behind.ok_or_else(|| self.damaged("an array is longer than its member"))?;
        Ok(Array { descr, shape, start: data, length })
    }

    pub(super) fn get(&self, name: &str) -> Option<&Array> {
        self.arrays.get(name)
    }

    /// All bytes of an array.
    pub(super) fn contents(&self, array: &Array) -> Result<Vec<u8>, DictionaryFileError> {
        self.bytes(array.start, array.length)
    }

    /// Adds the whole file to a digest.
    pub(super) fn hash_into(&self, hashing: &mut Hashing) -> Result<(), DictionaryFileError> {
        hashing.add_read(self.opened.len(), |start, bytes| self.read(start, bytes))
    }

    /// Refuses a file that was written to since it was opened.
    pub(super) fn refuse_changed(&self) -> Result<(), ModelError> {
        let now = self.file.metadata().map_err(|source| ModelError::Read { path: self.path.clone(), source })?;
        let stamp = |metadata: &Metadata| (metadata.len(), metadata.modified().ok());
        if stamp(&now) == stamp(&self.opened) { Ok(()) } else { Err(ModelError::Changed { path: self.path.clone() }) }
    }

    /// Members by the directory at the end.
    fn directory(&self) -> Result<Vec<Entry>, DictionaryFileError> {
        let length = self.opened.len();
        let first = length.saturating_sub(END_LENGTH + MOST_COMMENT);
        let tail = self.bytes(first, length - first)?;
        let found = tail.windows(4).rposition(|bytes| bytes == END);
        let end = found.filter(|end| tail.len() - end >= 22).ok_or_else(|| self.damaged("its directory is missing"))?;
        let (mut size, mut start) = (u64::from(u32_at(&tail, end + 12)), u64::from(u32_at(&tail, end + 16)));
        // In files of more than 4 GiB these stand elsewhere.
        if (size == u64::from(u32::MAX) || start == u64::from(u32::MAX)) && end >= 20 {
            let locator = &tail[end - 20..end];
            let large = self.bytes(u64_at(locator, 8), 56)?;
            if locator[..4] != LARGE_LOCATOR || large[..4] != LARGE_END {
                return Err(self.damaged("its directory is missing"));
            }
            (size, start) = (u64_at(&large, 40), u64_at(&large, 48));
        }
        if size > MOST_TEXT {
            return Err(self.damaged("its directory is too long"));
        }
        let directory = self.bytes(start, size)?;
        let (mut entries, mut rest) = (Vec::new(), directory.as_slice());
        while !rest.is_empty() {
            let (entry, length) = entry(rest).ok_or_else(|| self.damaged("its directory is not as expected"))?;
            entries.push(entry);
            rest = &rest[length..];
        }
        Ok(entries)
    }

    fn bytes(&self, start: u64, length: u64) -> Result<Vec<u8>, DictionaryFileError> {
        // Before memory is taken for what a damaged file says.
        if start.checked_add(length).is_none_or(|end| end > self.opened.len()) {
            return Err(self.damaged("it is truncated"));
        }
        let mut bytes = vec![0; usize::try_from(length).map_err(|_| self.damaged("it is truncated"))?];
        self.read(start, &mut bytes)?;
        Ok(bytes)
    }

    fn read(&self, start: u64, bytes: &mut [u8]) -> Result<(), DictionaryFileError> {
        let read = self.file.read_exact_at(bytes, start);
        Ok(read.map_err(|source| ModelError::Read { path: self.path.clone(), source })?)
    }

    fn damaged(&self, reason: &'static str) -> DictionaryFileError {
        DictionaryFileError::Archive { path: self.path.clone(), reason }
    }
}

/// The first entry of a directory, and how long it is.
fn entry(directory: &[u8]) -> Option<(Entry, usize)> {
    if directory.len() < ENTRY_LENGTH || directory[..4] != ENTRY {
        return None;
    }
    let [name, extra, comment] = [28, 30, 32].map(|at| usize::from(u16_at(directory, at)));
    let length = ENTRY_LENGTH + name + extra + comment;
    let rest = directory.get(ENTRY_LENGTH..length)?;
    let mut numbers = [24, 20, 42].map(|at| u64::from(u32_at(directory, at)));
    large_numbers(&rest[name..name + extra], &mut numbers)?;
    let [size, packed, header] = numbers;
    let name = String::from_utf8_lossy(&rest[..name]).into_owned();
    Some((Entry { name, is_stored: u16_at(directory, 10) == 0 && size == packed, size, header }, length))
}

/// Numbers that have no room in 32 bits stand in an extra field, in their order.
fn large_numbers(mut extra: &[u8], numbers: &mut [u64; 3]) -> Option<()> {
    let mut large: Vec<&mut u64> = numbers.iter_mut().filter(|number| **number == u64::from(u32::MAX)).collect();
    while extra.len() >= 4 {
        let (id, length) = (u16_at(extra, 0), usize::from(u16_at(extra, 2)));
        let field = extra.get(4..4 + length)?;
        if id == 1 {
            for (number, bytes) in large.iter_mut().zip(field.chunks_exact(8)) {
                **number = u64_at(bytes, 0);
            }
        }
        extra = &extra[4 + length..];
    }
    Some(())
}

/// Type and shape of a row-major array by its header, a Python dictionary.
fn parsed(text: &str) -> Option<(String, Vec<usize>)> {
    let after = |key: &str| text.split_once(&format!("'{key}':")).map(|(_, rest)| rest.trim_start());
    let descr = after("descr")?.strip_prefix('\'')?.split_once('\'')?.0;
    if !after("fortran_order")?.starts_with("False") {
        return None;
    }
    let sizes = after("shape")?.strip_prefix('(')?.split_once(')')?.0;
    let sizes = sizes.split(',').map(str::trim).filter(|size| !size.is_empty());
    Some((descr.to_owned(), sizes.map(|size| size.parse().ok()).collect::<Option<_>>()?))
}

fn u16_at(bytes: &[u8], at: usize) -> u16 {
    u16::from_le_bytes([bytes[at], bytes[at + 1]])
}

fn u32_at(bytes: &[u8], at: usize) -> u32 {
    u32::from(u16_at(bytes, at)) | u32::from(u16_at(bytes, at + 2)) << 16
}

fn u64_at(bytes: &[u8], at: usize) -> u64 {
    u64::from(u32_at(bytes, at)) | u64::from(u32_at(bytes, at + 4)) << 32
}
