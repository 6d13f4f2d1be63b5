//! One stored tensor, from its file onto a device.

use patchsweep_core::model::{Dtype, Outputs, Source};
use patchsweep_files::{ModelError, WeightTensor};
use safetensors::Dtype as FileDtype;
use tch::{Device, Kind, Tensor};

use crate::torch::pinned::Pinned;

/// Bytes of a tensor that are read at once: few enough to stay in a core's cache while they are copied.
const PIECE_BYTES: usize = 1 << 20;
/// The same where a GPU copies them: enough for the bus.
const PIECE_BYTES_TO_GPU: usize = 8 << 20;

/// Reads a tensor of a file into one of its shape, in pieces: of the file, only a piece at a time is in memory.
pub(super) fn read_into(whole: &mut Tensor, tensor: &WeightTensor<'_>, shape: &[u32]) -> Result<(), ModelError> {
    let mut sizes = sizes(shape);
    let file_kind = file_kind(tensor.dtype());
    if whole.device() == Device::Cpu && whole.kind() == file_kind {
        return tensor.read(0, bytes_of(whole));
    }
    let Some((&rows, row)) = shape.split_first() else { return Ok(()) };
    let row_bytes = row.iter().map(|&size| size as usize).product::<usize>() * file_kind.elt_size_in_bytes();
    let most = if whole.device().is_cuda() { PIECE_BYTES_TO_GPU } else { PIECE_BYTES };
    let piece_rows = u32::try_from(most / row_bytes.max(1)).unwrap_or(rows).clamp(1, rows.max(1));
    let mut buffer = Vec::new();
    for first in (0..rows).step_by(piece_rows as usize) {
        let count = piece_rows.min(rows - first);
        let (start, bytes) = (first as usize * row_bytes, count as usize * row_bytes);
        let mut part = whole.narrow(0, first.into(), count.into());
        if let Some(mut piece) = Pinned::for_device(whole.device(), bytes) {
            tensor.read(start, piece.bytes())?;
            piece.copy_to(&mut part, file_kind);
        } else {
            buffer.resize(bytes, 0);
            tensor.read(start, &mut buffer)?;
            sizes[0] = count.into();
            part.copy_(&Tensor::from_data_size(&buffer, &sizes, file_kind));
        }
    }
    Ok(())
}

/// A tensor's memory on the CPU, to be filled.
#[allow(unsafe_code)]
fn bytes_of(whole: &mut Tensor) -> &mut [u8] {
    assert!(whole.device() == Device::Cpu && whole.is_contiguous(), "it has one piece of memory here");
    let length = whole.numel() * whole.kind().elt_size_in_bytes();
    // SAFETY: a contiguous tensor on the CPU has this many bytes at its address, any of which are numbers; they live as long as
    // the tensor, which is borrowed. Nobody looks at them meanwhile: the tensor is new, or a thread's own piece of scratch.
    unsafe { std::slice::from_raw_parts_mut(whole.data_ptr().cast(), length) }
}

/// A tensor as pages of its file, which are no memory of this process: the system reads them when they are looked at, and
/// takes them back as it likes. `None` where that cannot be: the numbers are not at a multiple of their width.
///
/// A program that cuts the file short meanwhile ends this process by SIGBUS.
pub(super) fn mapped(tensor: &WeightTensor<'_>, shape: &[u32]) -> Option<Tensor> {
    let (path, start) = tensor.place();
    let kind = file_kind(tensor.dtype());
    let width = kind.elt_size_in_bytes() as u64;
    let sizes = sizes(shape);
    let count: i64 = sizes.iter().product();
    let first = i64::try_from(start / width).ok().filter(|_| start % width == 0)?;
    // Private: nothing that is written to such a tensor gets into the file.
    let whole = Tensor::f_from_file(path.to_str()?, false, first.checked_add(count)?, (kind, Device::Cpu)).ok()?;
    whole.f_narrow(0, first, count).and_then(|tensor| tensor.f_view(sizes.as_slice())).ok()
}

/// A parameter \[out, in\], or \[out\], in a stored tensor.
pub(super) fn part_of(stored: &Tensor, source: &Source) -> Tensor {
    let whole = if source.is_transposed { stored.transpose(0, 1) } else { stored.shallow_clone() };
    let part = match source.outputs {
        Outputs::All => whole,
        Outputs::Range { start, count } => whole.narrow(0, start.into(), count.into()),
        Outputs::PartOfHeads { width, index, of } => {
            whole.unflatten(0, [-1, i64::from(of), i64::from(width)]).select(1, index.into()).flatten(0, 1)
        }
    };
    if (source.factor - 1.0).abs() > 0.0 { part * source.factor } else { part }
}

pub(super) fn sizes(shape: &[u32]) -> Vec<i64> {
    shape.iter().map(|&size| size.into()).collect()
}

pub(super) fn file_kind(dtype: FileDtype) -> Kind {
    match dtype {
        FileDtype::F16 => Kind::Half,
        FileDtype::BF16 => Kind::BFloat16,
        _ => Kind::Float,
    }
}

pub(super) fn kind(dtype: Dtype) -> Kind {
    match dtype {
        Dtype::Float32 => Kind::Float,
        Dtype::Bfloat16 => Kind::BFloat16,
        Dtype::Float16 => Kind::Half,
    }
}
