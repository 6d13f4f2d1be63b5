//! Weights on disk as a test wants them.

use std::fs;
use std::path::Path;

use half::{bf16, f16};
use patchsweep_core::model::Dtype;
use safetensors::tensor::TensorView;
use safetensors::{SafeTensors, serialize_to_file};

/// Rewrites a model folder's float32 weights, after a change of each tensor by its name, in a type.
pub(super) fn store_as(dtype: Dtype, folder: &Path, change: impl Fn(&str, &mut [f32])) {
    let path = folder.join("model.safetensors");
    let bytes = fs::read(&path).expect("weights");
    let file = SafeTensors::deserialize(&bytes).expect("a safetensors file");
    let rewritten = file.tensors().into_iter().map(|(name, tensor)| {
        let numbers = tensor.data().chunks_exact(4).map(|b| f32::from_le_bytes([b[0], b[1], b[2], b[3]]));
        let mut numbers: Vec<f32> = numbers.collect();
        change(&name, &mut numbers);
        (
            name,
            tensor.shape().to_vec(),
            numbers.into_iter().flat_map(|number| bytes_of(number, dtype)).collect::<Vec<u8>>(),
        )
    });
    let rewritten: Vec<_> = rewritten.collect();
    let stored = match dtype {
        Dtype::Float32 => safetensors::Dtype::F32,
        Dtype::Bfloat16 => safetensors::Dtype::BF16,
        Dtype::Float16 => safetensors::Dtype::F16,
    };
    let views = rewritten.iter().map(|(name, shape, bytes)| {
        (name, TensorView::new(stored, shape.clone(), bytes).expect("as many bytes as its shape says"))
    });
    serialize_to_file(views, None, &path).expect("written weights");
}

fn bytes_of(number: f32, dtype: Dtype) -> Vec<u8> {
    match dtype {
        Dtype::Float32 => number.to_le_bytes().to_vec(),
        Dtype::Bfloat16 => bf16::from_f32(number).to_le_bytes().to_vec(),
        Dtype::Float16 => f16::from_f32(number).to_le_bytes().to_vec(),
    }
}
