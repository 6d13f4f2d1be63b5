//! `scores.safetensors`: the same tensors for readers of that format.

use std::borrow::Cow;

use ::safetensors::{Dtype, SafeTensorError, View};

use super::tensors::{Tensor, Values};

/// Serialises tensors without metadata; equal tensors give equal bytes.
pub(super) fn bytes(tensors: &[Tensor<'_>]) -> Result<Vec<u8>, SafeTensorError> {
    ::safetensors::serialize(tensors.iter().map(|tensor| (tensor.name.as_str(), tensor)), None)
}

impl View for &Tensor<'_> {
    fn dtype(&self) -> Dtype {
        match self.values {
            Values::F32(_) => Dtype::F32,
            Values::U32(_) => Dtype::U32,
            Values::I64(_) => Dtype::I64,
        }
    }

    fn shape(&self) -> &[usize] {
        &self.shape
    }

    fn data(&self) -> Cow<'_, [u8]> {
        match &self.values {
            Values::F32(values) => values.iter().flat_map(|value| value.to_le_bytes()).collect(),
            Values::U32(values) => values.iter().flat_map(|value| value.to_le_bytes()).collect(),
            Values::I64(values) => values.iter().flat_map(|value| value.to_le_bytes()).collect(),
        }
    }

    fn data_len(&self) -> usize {
        let element = match self.values {
            Values::F32(_) | Values::U32(_) => 4,
            Values::I64(_) => 8,
        };
        self.values.len() * element
    }
}

#[cfg(test)]
mod tests {
    use ::safetensors::SafeTensors;

    use super::*;
    use crate::fixtures::example;
    use crate::tensors::tensors;

    #[test]
    fn what_was_written_is_read_back() {
        let results = example();
        let list = tensors(&results).expect("consistent");
        let bytes = bytes(&list).expect("serialised");
        let read = SafeTensors::deserialize(&bytes).expect("readable");
        assert_eq!(read.len(), list.len());
        for written in &list {
            let view = read.tensor(&written.name).expect("present");
            assert_eq!(view.shape(), written.shape);
            assert_eq!(view.dtype(), written.dtype());
            assert_eq!(view.data(), &*written.data());
            assert_eq!(view.data().len(), written.data_len());
        }
    }

    #[test]
    fn equal_tensors_give_equal_bytes() {
        let results = example();
        let list = tensors(&results).expect("consistent");
        assert_eq!(bytes(&list).expect("serialised"), bytes(&list).expect("serialised"));
    }
}
