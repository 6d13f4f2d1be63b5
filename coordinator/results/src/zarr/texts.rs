//! Labels as numpy's `<U`: texts of one length, in UTF-32.
//!
//! Zarr's `string` would be shorter, but comes back as numpy's `StringDType`, which most of xarray cannot fill gaps in:
//! `where`, outer joins and `idxmin` raise. `fixed_length_utf32` comes back as `<U`, with which all of these work.

use std::num::NonZeroU64;

use zarrs::array::{DataType, data_type};

use super::ZarrError;

/// Stands for U+0000: numpy takes those at the end of a text for padding.
const NULL: char = '\u{2400}';

/// The type's name in the store.
pub(super) const TEXTS: &str = "fixed_length_utf32";

/// Texts, character by character.
pub(super) struct Texts(Vec<Vec<char>>);

impl Texts {
    pub(super) fn of(words: &[String]) -> Self {
        let visible = |c| if c == '\0' { NULL } else { c };
        Self(words.iter().map(|word| word.chars().map(visible).collect()).collect())
    }

    /// As long as the longest text.
    pub(super) fn data_type(&self) -> Result<DataType, ZarrError> {
        let longest = self.0.iter().map(Vec::len).max().unwrap_or(0).max(1) as u64;
        let bytes = NonZeroU64::new(longest.saturating_mul(4)).unwrap_or(NonZeroU64::MIN);
        data_type::fixed_length_utf32(bytes).map_err(ZarrError::Texts)
    }

    pub(super) fn characters(&self) -> Vec<&[char]> {
        self.0.iter().map(Vec::as_slice).collect()
    }
}
