//! Patched runs in the middle of the model, packed row by row so that every matrix product runs over all of them.

use patchsweep_core::causality::Suffix;
use tch::Tensor;

use crate::torch::numbers::length;
use crate::torch::positions::Positions;

/// Runs of some cells over the prompts of one part that begin to differ at the same position.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Segment {
    /// Which of the batch's parts.
    pub(crate) part: usize,
    /// Prompts of each cell.
    pub(crate) prompts: i64,
    /// Indices in the tile's cells.
    pub(crate) cells: Vec<usize>,
    /// From where on they are computed.
    pub(crate) suffix: Suffix,
    /// The positions of which there are rows: those where the runs may differ from the run that is patched.
    pub(crate) positions: Positions,
}

/// Whose the rows of a tensor \[rows, ..\] are: segment after segment \[cells, prompts, positions\].
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Layout {
    pub(crate) segments: Vec<Segment>,
}

/// Patched runs on their way.
#[derive(Debug)]
pub(crate) struct Batch {
    pub(crate) layout: Layout,
    /// The residual stream \[rows, `d_model`\].
    pub(crate) resid: Tensor,
}

impl Layout {
    /// Sizes of each segment's part.
    fn sizes(&self) -> impl Iterator<Item = [i64; 3]> {
        self.segments.iter().map(|segment| [length(segment.cells.len()), segment.prompts, segment.positions.len()])
    }

    /// Each segment's part of a tensor \[rows, ..\], as \[cells, prompts, positions, ..\].
    pub(crate) fn apart(&self, rows: &Tensor) -> Vec<Tensor> {
        let lengths: Vec<i64> = self.sizes().map(|sizes| sizes.iter().product()).collect();
        let parts = rows.split_with_sizes(&lengths, 0);
        parts.iter().zip(self.sizes()).map(|(part, sizes)| part.unflatten(0, sizes)).collect()
    }

    /// The position of each row.
    pub(crate) fn row_positions(&self) -> Vec<i64> {
        let runs = self.segments.iter().zip(self.sizes());
        let runs = runs.flat_map(|(segment, [cells, prompts, _])| (0..cells * prompts).map(|_| &segment.positions));
        runs.flat_map(Positions::iter).collect()
    }

    /// The first row of each segment.
    pub(crate) fn first_rows(&self) -> Vec<i64> {
        let rows = self.sizes().map(|sizes| sizes.iter().product::<i64>());
        rows.scan(0, |next, rows| Some(std::mem::replace(next, *next + rows))).collect()
    }

    /// The same runs at fewer positions.
    pub(crate) fn at(&self, wanted: impl Fn(&Segment) -> Positions) -> Self {
        let at = |segment: &Segment| Segment {
            positions: segment.positions.intersection(&wanted(segment)),
            ..segment.clone()
        };
        Self { segments: self.segments.iter().map(at).collect() }
    }

    /// Of a tensor \[rows, ..\] the rows of the same runs at fewer positions.
    pub(crate) fn picked(&self, fewer: &Self, rows: &Tensor) -> Tensor {
        let segments = || self.segments.iter().zip(&fewer.segments);
        if segments().all(|(all, fewer)| all.positions == fewer.positions) {
            return rows.shallow_clone();
        }
        let pick = |((all, fewer), part): ((&Segment, &Segment), &Tensor)| {
            fewer.positions.places_in(&all.positions).of(part, 2, 0)
        };
        flat(&segments().zip(&self.apart(rows)).map(pick).collect::<Vec<_>>())
    }
}

impl Batch {
    /// Of one tensor \[cells, prompts, positions, `d_model`\] per segment, at least one.
    pub(crate) fn packed(segments: Vec<Segment>, tensors: &[Tensor]) -> Self {
        Self { layout: Layout { segments }, resid: flat(tensors) }
    }

    /// Puts the runs of another batch behind these.
    pub(crate) fn join(mut self, other: Self) -> Self {
        self.layout.segments.extend(other.layout.segments);
        Self { resid: Tensor::cat(&[self.resid, other.resid], 0), ..self }
    }
}

/// Tensors \[cells, prompts, positions, ..\], at least one, row by row \[rows, ..\].
pub(crate) fn flat(tensors: &[Tensor]) -> Tensor {
    Tensor::cat(&tensors.iter().map(|tensor| tensor.flatten(0, 2)).collect::<Vec<_>>(), 0)
}
