//! Labels as numpy's `<U`: texts of one length, in UTF-32.
//!
//! Zarr's `string` would be shorter, but comes back as numpy's `StringDType`, which most of xarray cannot fill gaps in:
//! `where`, outer joins and `idxmin` raise. `fixed_length_utf32` comes back as `<U`, with which all of these work.

/// Stands for U+0000: numpy takes those at the end of a text for padding.
const NULL: char = '\u{2400}';

/// Of a character in UTF-32.
pub(super) const CHARACTER_BYTES: usize = 4;

/// Texts, character by character.
pub(super) struct Texts(Vec<Vec<char>>);

impl Texts {
    pub(super) fn of(words: &[String]) -> Self {
        let visible = |c| if c == '\0' { NULL } else { c };
        Self(words.iter().map(|word| word.chars().map(visible).collect()).collect())
    }

    /// As many as the longest one has, and at least one character's.
    pub(super) fn bytes_of_each(&self) -> usize {
        self.0.iter().map(Vec::len).max().unwrap_or(0).max(1) * CHARACTER_BYTES
    }

    /// All of them, one behind the other, little-endian and filled up with zeros.
    pub(super) fn bytes(&self) -> Vec<u8> {
        let each = self.bytes_of_each();
        let mut bytes = Vec::with_capacity(each * self.0.len());
        for (place, text) in self.0.iter().enumerate() {
            bytes.extend(text.iter().flat_map(|&character| u32::from(character).to_le_bytes()));
            bytes.resize(each * (place + 1), 0);
        }
        bytes
    }
}
