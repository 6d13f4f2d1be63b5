//! `scores.npz`: what `numpy.load` opens. A ZIP archive of `.npy` files: a line of Python that describes the array, and its
//! numbers.

use std::io::{Seek, Write};

use zip::result::{ZipError, ZipResult};
use zip::write::{SimpleFileOptions, ZipWriter};
use zip::{CompressionMethod, DateTime};

use super::tensors::{Tensor, Values};

/// What stands before the description: magic string, version 1.0, two bytes of length.
const PREFIX_BYTES: usize = 10;

/// Numbers begin at a multiple of this.
const ALIGNMENT: usize = 64;

/// Writes tensors uncompressed, because scores hardly compress; equal tensors give equal bytes.
pub(super) fn write(tensors: &[Tensor<'_>], writer: impl Write + Seek) -> ZipResult<()> {
    let mut archive = ZipWriter::new(writer);
    for tensor in tensors {
        match &tensor.values {
            Values::F32(values) => add(&mut archive, tensor, "<f4", values, f32::to_le_bytes),
            Values::U32(values) => add(&mut archive, tensor, "<u4", values, u32::to_le_bytes),
            Values::I64(values) => add(&mut archive, tensor, "<i8", values, i64::to_le_bytes),
        }?;
    }
    archive.finish()?;
    Ok(())
}

fn add<T: Copy, const N: usize>(
    archive: &mut ZipWriter<impl Write + Seek>,
    tensor: &Tensor<'_>,
    element_type: &str,
    values: &[T],
    bytes: impl Fn(T) -> [u8; N],
) -> ZipResult<()> {
    let header = header(element_type, &tensor.shape)
        .ok_or(ZipError::UnsupportedArchive("an array has more dimensions than its description has room for"))?;
    let size = (header.len() + values.len() * N) as u64;
    // Without a clock; a larger file needs longer fields.
    let options = SimpleFileOptions::default()
        .compression_method(CompressionMethod::Stored)
        .last_modified_time(DateTime::default())
        .large_file(size >= u64::from(u32::MAX));
    archive.start_file(format!("{}.npy", tensor.name), options)?;
    archive.write_all(&header)?;
    let mut buffer = Vec::with_capacity(AT_ONCE * N);
    for values in values.chunks(AT_ONCE) {
        buffer.clear();
        buffer.extend(values.iter().flat_map(|&value| bytes(value)));
        archive.write_all(&buffer)?;
    }
    Ok(())
}

/// Numbers that are written at once.
const AT_ONCE: usize = 1 << 13;

/// What an `.npy` file says of its array; `None` if that is too long.
fn header(element_type: &str, shape: &[usize]) -> Option<Vec<u8>> {
    let extents: Vec<String> = shape.iter().map(usize::to_string).collect();
    let comma = if shape.len() == 1 { "," } else { "" };
    let shape = extents.join(", ");
    let mut text = format!("{{'descr': '{element_type}', 'fortran_order': False, 'shape': ({shape}{comma})}}");
    let unpadded = PREFIX_BYTES + text.len() + 1;
    text.push_str(&" ".repeat(unpadded.next_multiple_of(ALIGNMENT) - unpadded));
    text.push('\n');
    let length = u16::try_from(text.len()).ok()?.to_le_bytes();
    Some([b"\x93NUMPY\x01\x00".as_slice(), &length, text.as_bytes()].concat())
}

#[cfg(test)]
mod tests {
    use std::io::Cursor;

    use ndarray::ArrayD;
    use ndarray_npy::NpzReader;

    use super::*;
    use crate::fixtures::example;
    use crate::tensors::tensors;

    fn bytes() -> Vec<u8> {
        let results = example();
        let mut bytes = Vec::new();
        write(&tensors(&results).expect("consistent"), Cursor::new(&mut bytes)).expect("memory");
        bytes
    }

    #[test]
    fn what_was_written_is_read_back() {
        let results = example();
        let mut npz = NpzReader::new(Cursor::new(bytes())).expect("an archive");
        let effect: ArrayD<f32> = npz.by_name("z").expect("z");
        assert_eq!(effect.shape(), [3, 4, 4]);
        let z = results.grids.iter().find(|scores| scores.grid == "z").expect("z");
        assert!(effect.iter().zip(&z.effect).all(|(read, written)| read.to_bits() == written.to_bits()));
        let count: ArrayD<i64> = npz.by_name("z.count").expect("count");
        assert!(count.iter().all(|&count| count == 250));
        let status: ArrayD<u32> = npz.by_name("resid_pre.status").expect("status");
        assert_eq!(status.iter().filter(|&&status| status != 0).count(), 1);
        let clean: ArrayD<f32> = npz.by_name("clean").expect("clean");
        assert_eq!(clean.as_slice(), Some(results.clean[0].mean.as_slice()));
    }

    #[test]
    fn numbers_are_aligned_behind_the_description() {
        for dimensions in 0..20 {
            let header = header("<f4", &vec![7; dimensions]).expect("short");
            assert_eq!((header.len() % ALIGNMENT, header.last()), (0, Some(&b'\n')), "{dimensions} dimensions");
        }
        let text = header("<i8", &[3]).expect("short");
        assert!(text[PREFIX_BYTES..].starts_with(b"{'descr': '<i8', 'fortran_order': False, 'shape': (3,)}"));
        assert_eq!(header("<f4", &vec![usize::MAX; 4000]), None);
    }

    #[test]
    fn equal_tensors_give_equal_bytes() {
        assert_eq!(bytes(), bytes());
    }

    #[test]
    fn the_archive_carries_no_clock() {
        // Bytes 10..14 of a local file header are its time and date; the date is 1 January 1980.
        assert_eq!(bytes()[10..14], [0, 0, 0x21, 0]);
    }
}
