//! `scores.npz`: what `numpy.load` opens.

use std::io::{Seek, Write};

use ndarray::{ArrayViewD, IxDyn};
use ndarray_npy::{NpzWriter, WritableElement, WriteNpzError};

use super::tensors::{Tensor, Values};

/// Writes tensors uncompressed, because scores hardly compress; equal tensors give equal bytes.
pub(super) fn write(tensors: &[Tensor<'_>], writer: impl Write + Seek) -> Result<(), WriteNpzError> {
    let mut npz = NpzWriter::new(writer);
    for tensor in tensors {
        match &tensor.values {
            Values::F32(values) => add(&mut npz, tensor, values),
            Values::U32(values) => add(&mut npz, tensor, values),
            Values::I64(values) => add(&mut npz, tensor, values),
        }?;
    }
    npz.finish()?;
    Ok(())
}

fn add<T: WritableElement>(
    npz: &mut NpzWriter<impl Write + Seek>,
    tensor: &Tensor<'_>,
    values: &[T],
) -> Result<(), WriteNpzError> {
    let array = ArrayViewD::from_shape(IxDyn(&tensor.shape), values).map_err(std::io::Error::other);
    let array = array.map_err(|error| WriteNpzError::Npy(error.into()))?;
    npz.add_array(tensor.name.as_str(), &array)
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
        assert_eq!(clean.as_slice(), Some(results.clean[0].as_slice()));
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
