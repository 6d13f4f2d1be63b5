//! Tensors whose rows go through a product together.

use tch::Tensor;

/// One behind the other along their first dimension, at least one; a single one as it is.
pub(crate) fn joined(tensors: impl Iterator<Item = Tensor>) -> Tensor {
    match <[Tensor; 1]>::try_from(tensors.collect::<Vec<_>>()) {
        Ok([alone]) => alone,
        Err(several) => Tensor::cat(&several, 0),
    }
}
