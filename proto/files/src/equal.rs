//! Whether two stored tensors hold the same numbers.

use half::{bf16, f16};
use safetensors::Dtype;

use crate::{ModelError, WeightTensor};

/// Numbers that are compared at once.
const PIECE: usize = 1 << 18;

/// Whether two tensors of one shape hold the same numbers, whatever types they are stored as.
pub(crate) fn hold_the_same(one: &WeightTensor<'_>, other: &WeightTensor<'_>) -> Result<bool, ModelError> {
    let count = one.count();
    let (mut left, mut right) = (Vec::new(), Vec::new());
    for first in (0..count).step_by(PIECE) {
        let piece = PIECE.min(count - first);
        piece_of(one, first, piece, &mut left)?;
        piece_of(other, first, piece, &mut right)?;
        // Bytes first: it is quicker, and finds what is not a number equal to itself.
        let are_equal = (one.dtype() == other.dtype() && left == right)
            || numbers(&left, one.dtype()).eq(numbers(&right, other.dtype()));
        if !are_equal {
            return Ok(false);
        }
    }
    Ok(true)
}

/// The bytes of some of a tensor's numbers.
fn piece_of(tensor: &WeightTensor<'_>, first: usize, count: usize, bytes: &mut Vec<u8>) -> Result<(), ModelError> {
    let width = width(tensor.dtype());
    bytes.resize(count * width, 0);
    tensor.read(first * width, bytes)
}

fn width(dtype: Dtype) -> usize {
    if dtype == Dtype::F32 { 4 } else { 2 }
}

/// As float32, which holds every float16 and bfloat16.
fn numbers(bytes: &[u8], dtype: Dtype) -> impl Iterator<Item = f32> {
    bytes.chunks_exact(width(dtype)).map(move |bytes| match (dtype, bytes) {
        (Dtype::F16, &[low, high]) => f16::from_le_bytes([low, high]).to_f32(),
        (_, &[low, high]) => bf16::from_le_bytes([low, high]).to_f32(),
        (_, bytes) => f32::from_le_bytes(bytes.try_into().unwrap_or_default()),
    })
}
