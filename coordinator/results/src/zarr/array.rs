//! One array of the store as the third Zarr specification has it: a description, and one chunk of plain numbers.

use serde::Serialize;

use super::texts::{CHARACTER_BYTES, Texts};
use crate::tensors::Values;

/// What stands in an array.
pub(super) enum Elements<'a> {
    F32(&'a [f32]),
    U32(&'a [u32]),
    I64(&'a [i64]),
    Texts(&'a Texts),
}

impl<'a> From<&'a Values<'_>> for Elements<'a> {
    fn from(values: &'a Values<'_>) -> Self {
        match values {
            Values::F32(values) => Self::F32(values),
            Values::U32(values) => Self::U32(values),
            Values::I64(values) => Self::I64(values),
        }
    }
}

/// What readers take every element for that has no chunk.
#[derive(Clone, Copy, Serialize)]
#[serde(untagged)]
enum Fill {
    Number(i64),
    /// `NaN`, or no text.
    Word(&'static str),
}

#[derive(Serialize)]
#[serde(untagged)]
enum DataType {
    Plain(&'static str),
    Texts(Extension<LengthBytes>),
}

#[derive(Serialize)]
struct Extension<C> {
    name: &'static str,
    configuration: C,
}

#[derive(Serialize)]
struct LengthBytes {
    length_bytes: usize,
}

#[derive(Serialize)]
struct ChunkShape<'a> {
    chunk_shape: &'a [usize],
}

#[derive(Serialize)]
struct Separator {
    separator: &'static str,
}

#[derive(Serialize)]
struct Endian {
    endian: &'static str,
}

/// The content of an array's `zarr.json`.
#[derive(Serialize)]
pub(super) struct Description<'a> {
    zarr_format: u8,
    node_type: &'static str,
    shape: &'a [usize],
    data_type: DataType,
    chunk_grid: Extension<ChunkShape<'a>>,
    chunk_key_encoding: Extension<Separator>,
    fill_value: Fill,
    codecs: [Extension<Endian>; 1],
    dimension_names: &'a [String],
}

impl<'a> Description<'a> {
    /// All elements in one chunk: a reader of scores reads all of them.
    pub(super) fn of(elements: &Elements<'_>, shape: &'a [usize], dimension_names: &'a [String]) -> Self {
        let (data_type, fill_value) = match elements {
            Elements::F32(_) => (DataType::Plain("float32"), Fill::Word("NaN")),
            Elements::U32(_) => (DataType::Plain("uint32"), Fill::Number(0)),
            Elements::I64(_) => (DataType::Plain("int64"), Fill::Number(0)),
            Elements::Texts(texts) => {
                let configuration = LengthBytes { length_bytes: texts.bytes_of_each() };
                (DataType::Texts(Extension { name: "fixed_length_utf32", configuration }), Fill::Word(""))
            }
        };
        Self {
            zarr_format: 3,
            node_type: "array",
            shape,
            data_type,
            chunk_grid: Extension { name: "regular", configuration: ChunkShape { chunk_shape: shape } },
            // With the usual slash there would be a folder for each axis, and each is synced.
            chunk_key_encoding: Extension { name: "default", configuration: Separator { separator: "." } },
            fill_value,
            codecs: [Extension { name: "bytes", configuration: Endian { endian: "little" } }],
            dimension_names,
        }
    }
}

/// The name of an array's only chunk, below its folder.
pub(super) fn chunk_name(dimensions: usize) -> String {
    format!("c{}", ".0".repeat(dimensions))
}

impl Elements<'_> {
    /// The chunk's bytes. `None` if all of them are the fill value: readers know them without a chunk.
    pub(super) fn chunk(&self) -> Option<Vec<u8>> {
        match self {
            Self::F32(values) => unless_filled(values, f32::NAN.to_bits(), |value| value.to_bits(), u32::to_le_bytes),
            Self::U32(values) => unless_filled(values, 0, |&value| value, u32::to_le_bytes),
            Self::I64(values) => unless_filled(values, 0, |&value| value, i64::to_le_bytes),
            Self::Texts(texts) => {
                let bytes = texts.bytes();
                debug_assert!(bytes.len().is_multiple_of(CHARACTER_BYTES));
                bytes.iter().any(|&byte| byte != 0).then_some(bytes)
            }
        }
    }
}

fn unless_filled<T, B: Copy + PartialEq, const N: usize>(
    values: &[T],
    fill: B,
    bits: impl Fn(&T) -> B,
    bytes: impl Fn(B) -> [u8; N],
) -> Option<Vec<u8>> {
    let is_filled = values.iter().all(|value| bits(value) == fill);
    (!is_filled).then(|| values.iter().flat_map(|value| bytes(bits(value))).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_description_says_what_the_specification_asks_for() {
        let names = ["layer".to_owned(), "pos".to_owned()];
        let described =
            |elements: &Elements<'_>| serde_json::to_string(&Description::of(elements, &[2, 3], &names)).expect("JSON");
        let common = |data_type: &str, fill: &str| {
            format!(
                "{{\"zarr_format\":3,\"node_type\":\"array\",\"shape\":[2,3],\"data_type\":{data_type},\
                 \"chunk_grid\":{{\"name\":\"regular\",\"configuration\":{{\"chunk_shape\":[2,3]}}}},\
                 \"chunk_key_encoding\":{{\"name\":\"default\",\"configuration\":{{\"separator\":\".\"}}}},\
                 \"fill_value\":{fill},\"codecs\":[{{\"name\":\"bytes\",\"configuration\":{{\"endian\":\"little\"}}}}],\
                 \"dimension_names\":[\"layer\",\"pos\"]}}"
            )
        };
        assert_eq!(described(&Elements::F32(&[])), common("\"float32\"", "\"NaN\""));
        assert_eq!(described(&Elements::U32(&[])), common("\"uint32\"", "0"));
        assert_eq!(described(&Elements::I64(&[])), common("\"int64\"", "0"));
        let words = Texts::of(&["of four".to_owned(), "é".to_owned()]);
        let texts = "{\"name\":\"fixed_length_utf32\",\"configuration\":{\"length_bytes\":28}}";
        assert_eq!(described(&Elements::Texts(&words)), common(texts, "\"\""));
    }

    #[test]
    fn a_chunk_has_little_endian_numbers_and_padded_texts() {
        let chunk = |elements: Elements<'_>| elements.chunk().expect("a chunk");
        assert_eq!(chunk(Elements::F32(&[1.0, f32::NAN])), [0, 0, 0x80, 0x3f, 0, 0, 0xc0, 0x7f]);
        assert_eq!(chunk(Elements::U32(&[0, 258])), [0, 0, 0, 0, 2, 1, 0, 0]);
        assert_eq!(chunk(Elements::I64(&[-2])), [0xfe, 255, 255, 255, 255, 255, 255, 255]);
        let words = Texts::of(&["ab".to_owned(), "\u{1f600}".to_owned()]);
        assert_eq!(chunk(Elements::Texts(&words)), [97, 0, 0, 0, 98, 0, 0, 0, 0, 0xf6, 1, 0, 0, 0, 0, 0]);
        assert_eq!(chunk_name(3), "c.0.0.0");
    }

    #[test]
    fn what_is_filled_has_no_chunk() {
        assert_eq!(Elements::F32(&[f32::NAN; 3]).chunk(), None);
        assert_eq!(Elements::U32(&[0; 3]).chunk(), None);
        assert_eq!(Elements::I64(&[0; 3]).chunk(), None);
        assert_eq!(Elements::Texts(&Texts::of(&[String::new()])).chunk(), None);
        assert!(Elements::F32(&[0.0]).chunk().is_some());
    }
}
