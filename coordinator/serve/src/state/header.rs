//! The one bit of a database file that no checksum covers and that decides which commit is read.
//!
//! A redb file holds its two last commits. Both have a checksum and a number, but which of them counts is a bit outside
//! of both. Were it flipped, the last commit would silently be gone. So where the other commit is newer, it is taken if
//! all of it is there: it is what that bit hid, or was being written when the power failed, and then may count as well.
//! The layout is that of redb's file format 3.

use std::io;

use redb::StorageBackend;

const HEADER_BYTES: usize = 320;

pub(super) const MAGIC: [u8; 9] = *b"redb\x1A\x0A\xA9\x0D\x0A";

/// Place of the byte that holds the bit.
pub(super) const FLAGS: u64 = MAGIC.len() as u64;

const SECOND_IS_CURRENT: u8 = 1;

/// All that redb ever sets.
const KNOWN_FLAGS: u8 = 0b1111;

/// Places of the two commits' numbers.
const NUMBERS: [usize; 2] = [64 + 104, 64 + 128 + 104];

/// What storage holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Found {
    /// Nothing.
    Nothing,
    /// The beginning of a database that was never finished: nothing was ever kept in it.
    Unfinished,
    /// Something that redb did not write.
    Other,
    /// A database whose flags redb did not write.
    Altered,
    /// A database. With flags: the commit that does not count is newer than the one that does, and these flags would make
    /// it count.
    Database { newer: Option<u8> },
}

pub(super) fn look(storage: &impl StorageBackend) -> io::Result<Found> {
    let mut header = [0; HEADER_BYTES];
    let length = storage.len()?;
    let there = usize::try_from(length).unwrap_or(HEADER_BYTES).min(HEADER_BYTES);
    storage.read(0, &mut header[..there])?;
    if length == 0 {
        return Ok(Found::Nothing);
    }
    let magic = &header[..MAGIC.len()];
    // redb writes the magic number when the rest of the header is on disk, and pages after it.
    if magic == [0; MAGIC.len()] && is_zero_behind_header(storage, length)? {
        return Ok(Found::Unfinished);
    }
    if magic != MAGIC || there < HEADER_BYTES {
        return Ok(Found::Other);
    }
    let flags = header[MAGIC.len()];
    if flags & !KNOWN_FLAGS != 0 {
        return Ok(Found::Altered);
    }
    let number = |slot: usize| {
        let mut bytes = [0; 8];
        bytes.copy_from_slice(&header[NUMBERS[slot]..][..8]);
        u64::from_le_bytes(bytes)
    };
    let current = usize::from(flags & SECOND_IS_CURRENT);
    let newer = (number(1 - current) > number(current)).then_some(flags ^ SECOND_IS_CURRENT);
    Ok(Found::Database { newer })
}

fn is_zero_behind_header(storage: &impl StorageBackend, length: u64) -> io::Result<bool> {
    const PAGE: usize = 4096;
    let mut page = [0; PAGE];
    for start in (HEADER_BYTES as u64..length).step_by(PAGE) {
        let there = usize::try_from(length - start).unwrap_or(PAGE).min(PAGE);
        storage.read(start, &mut page[..there])?;
        if page[..there].iter().any(|&byte| byte != 0) {
            return Ok(false);
        }
    }
    Ok(true)
}
