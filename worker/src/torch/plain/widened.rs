//! Products with a model's matrices in wider numbers than it has: in float64, or in float32 where the model is of 16 bits.

use tch::{Kind, Tensor};

use crate::torch::model::exec::Exec;
use crate::torch::numbers::length;

/// Which part of a batch's memory the widened numbers may take.
pub(super) const WIDENED: u64 = 8;

/// \[.., in\] times a matrix \[out, in\], in the kind of `x`: \[.., out\].
///
/// A matrix of another kind is never there as a whole in this one: an unembedding in float64 may be larger than all that is left
/// beside the weights. Its rows are widened piece by piece, each for the outputs that it makes.
pub(super) fn times(exec: &Exec<'_>, x: &Tensor, matrix: &Tensor) -> Tensor {
    let made = pieces(matrix, x.kind(), exec.most_logits).map(|piece| exec.product(x, &piece.transpose(0, 1)));
    Tensor::cat(&made.collect::<Vec<_>>(), -1)
}

/// Some rows of a matrix at a time, at least one, in another kind. `most_logits`: a batch's memory has room for sixteen bytes for
/// each of them.
fn pieces(matrix: &Tensor, kind: Kind, most_logits: i64) -> impl Iterator<Item = Tensor> {
    let (rows, width) = matrix.size2().expect("a matrix");
    let bytes = 16 * most_logits / WIDENED.cast_signed();
    let most = if matrix.kind() == kind { rows } else { bytes / length(kind.elt_size_in_bytes()) / width };
    matrix.split(most.max(1), 0).into_iter().map(move |piece| piece.to_kind(kind))
}

#[cfg(test)]
mod tests {
    use tch::Device;

    use super::*;
    use crate::torch::numbers::host_wide;

    #[test]
    fn a_matrix_is_widened_in_pieces_that_fit() {
        let matrix = Tensor::arange(30, (Kind::Float, Device::Cpu)).view([10, 3]);
        // 2 bytes for each of 48: 96 bytes, four rows of three float64.
        let sizes = |kind, most_logits| -> Vec<i64> {
            pieces(&matrix, kind, most_logits).map(|piece| piece.size()[0]).collect()
        };
        assert_eq!(sizes(Kind::Double, 48), [4, 4, 2]);
        assert_eq!(sizes(Kind::Double, 1), [1; 10], "one row at least");
        assert_eq!(sizes(Kind::Float, 1), [10], "as it stands it takes no memory");
        let all = Tensor::cat(&pieces(&matrix, Kind::Double, 48).collect::<Vec<_>>(), 0);
        assert_eq!((all.kind(), host_wide(&all)), (Kind::Double, host_wide(&matrix.to_kind(Kind::Double))));
    }
}
