//! Mutations of a binary file with a header and pages.

use crate::{Edits, pick};

/// Bytes of the header, which decide the most.
const HEADER: usize = 320;

const PAGE: usize = 4096;

/// Values at which arithmetic breaks.
const NUMBERS: &[u64] =
    &[0, 1, 2, 7, 0xff, PAGE as u64, 0xffff, 1 << 20, 0x7fff_ffff, 0xffff_ffff, 1 << 40, u64::MAX >> 1, u64::MAX];

/// The input that these edits make of one of the corpus.
#[must_use]
pub fn mutated(corpus: &[&[u8]], (start, edits): &Edits) -> Vec<u8> {
    let mut bytes = pick(corpus, *start).copied().unwrap_or_default().to_vec();
    for &(kind, place, value) in edits {
        let anywhere = usize::from(place) * bytes.len() / (1 << 16);
        let at = if kind & 0x80 == 0 { anywhere } else { usize::from(place) % HEADER };
        match kind % 8 {
            0 | 1 => flip(&mut bytes, at, value),
            2 => write(&mut bytes, at, &value.to_le_bytes()),
            3 => write(&mut bytes, at, &pick(NUMBERS, value).copied().unwrap_or_default().to_le_bytes()),
            4 => copy(&mut bytes, at, usize::from(value), 1 << (value % 10)),
            5 => copy(&mut bytes, at / PAGE * PAGE, usize::from(value) * PAGE, PAGE),
            6 => bytes.truncate(at),
            _ => bytes.resize(bytes.len() + usize::from(value), value.to_le_bytes()[0]),
        }
    }
    bytes
}

fn flip(bytes: &mut [u8], at: usize, bit: u16) {
    if let Some(byte) = bytes.get_mut(at) {
        *byte ^= 1 << (bit % 8);
    }
}

fn write(bytes: &mut [u8], at: usize, data: &[u8]) {
    for (byte, &new) in bytes.iter_mut().skip(at).zip(data) {
        *byte = new;
    }
}

/// From elsewhere in the same file.
fn copy(bytes: &mut [u8], to: usize, from: usize, length: usize) {
    let from = from % bytes.len().max(1);
    let piece = bytes[from..(from + length).min(bytes.len())].to_vec();
    write(bytes, to, &piece);
}
