//! The tensors of a folder, as the parameters that they hold.

use std::collections::HashMap;
use std::fs;
use std::path::Path;

use half::{bf16, f16};
use ndarray::{ArrayD, Axis, Slice};
use patchsweep_core::architecture::{Part, Slot};
use patchsweep_core::model::{ModelConfig, Outputs, Source};
use safetensors::{Dtype, SafeTensors};

/// Parameters; those that are not stored are missing.
pub(crate) struct Tensors(HashMap<(Option<u32>, Slot, Part), ArrayD<f64>>);

impl Tensors {
    pub(crate) fn read(folder: &Path, config: &ModelConfig) -> Self {
        let stored = stored(folder);
        let found = config.architecture.parameters().into_iter().filter_map(|parameter| {
            let source = config.source(&parameter);
            let tensor = parameter_of(find(&stored, &source.name)?, &source);
            let shape: Vec<usize> = parameter.shape.iter().map(|&size| size as usize).collect();
            assert_eq!(tensor.shape(), shape, "{parameter}");
            Some(((parameter.layer, parameter.slot, parameter.part), tensor))
        });
        Self(found.collect())
    }

    /// A parameter, if it is stored; matrices \[out, in\].
    pub(crate) fn get(&self, layer: Option<u32>, slot: Slot, part: Part) -> Option<ArrayD<f64>> {
        self.0.get(&(layer, slot, part)).cloned()
    }
}

/// All tensors of a folder, by their full names.
fn stored(folder: &Path) -> HashMap<String, ArrayD<f64>> {
    let mut tensors = HashMap::new();
    for entry in fs::read_dir(folder).expect("a model folder") {
        let path = entry.expect("a listed file").path();
        if path.extension().is_some_and(|extension| extension == "safetensors") {
            let bytes = fs::read(&path).expect("a readable file");
            let file = SafeTensors::deserialize(&bytes).expect("a safetensors file");
            for (name, tensor) in file.tensors() {
                let numbers = numbers(tensor.dtype(), tensor.data());
                let array = ArrayD::from_shape_vec(tensor.shape(), numbers).expect("as many as its shape says");
                tensors.insert(name, array);
            }
        }
    }
    tensors
}

/// What bytes of a floating-point type say, exactly.
fn numbers(dtype: Dtype, bytes: &[u8]) -> Vec<f64> {
    let halves = || bytes.chunks_exact(2).map(|b| [b[0], b[1]]);
    match dtype {
        Dtype::F32 => bytes.chunks_exact(4).map(|b| f64::from(f32::from_le_bytes([b[0], b[1], b[2], b[3]]))).collect(),
        Dtype::BF16 => halves().map(|b| f64::from(bf16::from_le_bytes(b))).collect(),
        Dtype::F16 => halves().map(|b| f64::from(f16::from_le_bytes(b))).collect(),
        other => panic!("weights of {other:?}"),
    }
}

/// A tensor by its own name, whatever some files put before it.
fn find<'a>(stored: &'a HashMap<String, ArrayD<f64>>, name: &str) -> Option<&'a ArrayD<f64>> {
    let behind = format!(".{name}");
    let mut found = stored.iter().filter(|(full, _)| *full == name || full.ends_with(&behind));
    let tensor = found.next().map(|(_, tensor)| tensor);
    assert!(found.next().is_none(), "{name} is stored under several names");
    tensor
}

/// The parameter that is, or is a part of, a stored tensor.
fn parameter_of(stored: &ArrayD<f64>, source: &Source) -> ArrayD<f64> {
    let all = if source.is_transposed { stored.t() } else { stored.view() };
    let part = match source.outputs {
        Outputs::All => all.to_owned(),
        Outputs::Range { start, count } => {
            let (start, count) = (start as usize, count as usize);
            all.slice_axis(Axis(0), Slice::from(start..start + count)).to_owned()
        }
        Outputs::PartOfHeads { width, index, of } => {
            let (width, index, of) = (width as usize, index as usize, of as usize);
            let is_of_part = |output: &usize| output / width % of == index;
            let outputs: Vec<usize> = (0..all.shape()[0]).filter(is_of_part).collect();
            all.select(Axis(0), &outputs)
        }
    };
    part.as_standard_layout().into_owned() * source.factor
}

#[cfg(test)]
mod tests {
    use ndarray::Array;

    use super::*;

    #[test]
    fn numbers_of_any_type_are_what_their_bytes_say() {
        // A sign, five or eight bits of exponent, and the fraction.
        assert_eq!(numbers(Dtype::F32, &0.1f32.to_le_bytes()), [f64::from(0.1f32)]);
        assert_eq!(numbers(Dtype::BF16, &[0xc0, 0xc0]), [-6.0]);
        assert_eq!(numbers(Dtype::F16, &[0x00, 0xc6, 0x01, 0x00]), [-6.0, 2f64.powi(-24)]);
    }

    #[test]
    fn parts_of_a_stored_tensor_are_found_in_any_layout() {
        let stored =
            Array::from_iter((0..12).map(f64::from)).into_shape_with_order((12, 1)).expect("twelve").into_dyn();
        let source = |is_transposed, outputs| Source {
            name: String::new(),
            shape: Vec::new(),
            is_transposed,
            outputs,
            factor: 1.0,
        };
        let entries = |stored: &ArrayD<f64>, transposed, outputs| -> Vec<f64> {
            parameter_of(stored, &source(transposed, outputs)).iter().copied().collect()
        };
        assert_eq!(entries(&stored, false, Outputs::Range { start: 4, count: 3 }), [4.0, 5.0, 6.0]);
        // Two heads, each with three parts of two outputs.
        let part = Outputs::PartOfHeads { width: 2, index: 1, of: 3 };
        assert_eq!(entries(&stored, false, part), [2.0, 3.0, 8.0, 9.0]);
        let transposed = stored.t().to_owned();
        assert_eq!(entries(&transposed, true, part), [2.0, 3.0, 8.0, 9.0]);
    }
}
