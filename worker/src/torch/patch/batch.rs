//! Patched runs in the middle of the model, packed row by row so that every matrix product runs over all of them.

use std::collections::BTreeMap;

use tch::Tensor;

use crate::torch::numbers::length;
use crate::torch::positions::Positions;

/// Runs of some cells over the same positions.
#[derive(Clone, Debug)]
pub(crate) struct Segment {
    /// Indices in the tile's cells.
    pub(crate) cells: Vec<usize>,
    /// The positions of each run that are computed.
    pub(crate) positions: Positions,
    /// Whether the position before them is as in the other run.
    pub(crate) follows_other: bool,
}

/// Segments, one after the other.
#[derive(Debug)]
pub(crate) struct Batch {
    pub(crate) segments: Vec<Segment>,
    /// Prompts of each cell.
    pub(crate) prompts: i64,
    /// The residual stream \[rows, `d_model`\]: for each segment \[cells, prompts, positions, `d_model`\]; `None` while there
    /// are no segments.
    pub(crate) resid: Option<Tensor>,
    /// What the MLP of a parallel block reads, of the same shape, once attention has added to `resid`.
    pub(crate) mlp_reads: Option<Tensor>,
}

impl Segment {
    /// The first position that is computed.
    pub(crate) fn first(&self) -> i64 {
        self.positions.iter().next().expect("a segment has positions")
    }

    /// Rows of a batch.
    pub(crate) fn rows(&self, prompts: i64) -> i64 {
        length(self.cells.len()) * prompts * self.positions.len()
    }

    /// A segment's part of a tensor \[rows, ..\] as \[cells, prompts, positions, ..\].
    pub(crate) fn apart(&self, rows: &Tensor, prompts: i64) -> Tensor {
        rows.unflatten(0, [-1, prompts, self.positions.len()])
    }
}

impl Batch {
    pub(crate) fn empty(prompts: i64) -> Self {
        Self { segments: Vec::new(), prompts, resid: None, mlp_reads: None }
    }

    /// Of one tensor \[cells, prompts, positions, `d_model`\] per segment.
    pub(crate) fn packed(segments: Vec<Segment>, prompts: i64, tensors: &[Tensor]) -> Self {
        let rows: Vec<Tensor> = tensors.iter().map(|tensor| tensor.flatten(0, 2)).collect();
        let resid = (!rows.is_empty()).then(|| Tensor::cat(&rows, 0));
        Self { segments, prompts, resid, mlp_reads: None }
    }

    /// Puts the runs of another batch behind these.
    pub(crate) fn join(mut self, other: Self) -> Self {
        self.segments.extend(other.segments);
        let both = |one: Option<Tensor>, other: Option<Tensor>| match (one, other) {
            (Some(one), Some(other)) => Some(Tensor::cat(&[one, other], 0)),
            (one, other) => one.or(other),
        };
        let (resid, mlp_reads) = (both(self.resid, other.resid), both(self.mlp_reads, other.mlp_reads));
        Self { resid, mlp_reads, ..self }
    }

    /// Segments of equal positions as one, whatever block their cells joined in: attention takes each segment by itself.
    pub(crate) fn merged(self) -> Self {
        let mut alike: BTreeMap<(&Positions, bool), Vec<usize>> = BTreeMap::new();
        for (index, segment) in self.segments.iter().enumerate() {
            alike.entry((&segment.positions, segment.follows_other)).or_default().push(index);
        }
        let Some(resid) = self.resid.as_ref().filter(|_| alike.len() < self.segments.len()) else { return self };
        let lengths: Vec<i64> = self.segments.iter().map(|segment| segment.rows(self.prompts)).collect();
        let parts = resid.split_with_sizes(&lengths, 0);
        let rows: Vec<&Tensor> = alike.values().flatten().map(|&index| &parts[index]).collect();
        let resid = Some(Tensor::cat(&rows, 0));
        let merge = |((positions, follows_other), indices): (&(&Positions, bool), &Vec<usize>)| Segment {
            cells: indices.iter().flat_map(|&index| &self.segments[index].cells).copied().collect(),
            positions: (*positions).clone(),
            follows_other: *follows_other,
        };
        Self { segments: alike.iter().map(merge).collect(), resid, ..Self::empty(self.prompts) }
    }

    /// The first segments, and the others, behind the MLP; views of the same rows.
    pub(crate) fn split(mut self, count: usize) -> (Self, Self) {
        let behind = self.segments.split_off(count);
        let rows: i64 = self.segments.iter().map(|segment| segment.rows(self.prompts)).sum();
        let part = |present: bool, first: i64, end: Option<i64>| {
            self.resid.as_ref().filter(|_| present).map(|resid| resid.slice(0, first, end, 1))
        };
        let (resid, others) = (part(count > 0, 0, Some(rows)), part(!behind.is_empty(), rows, None));
        let behind = Self { segments: behind, prompts: self.prompts, resid: others, mlp_reads: None };
        (Self { resid, mlp_reads: None, ..self }, behind)
    }

    /// Each segment with its part of a tensor \[rows, ..\], as \[cells, prompts, positions, ..\].
    pub(crate) fn apart(&self, rows: &Tensor) -> Vec<(&Segment, Tensor)> {
        let lengths: Vec<i64> = self.segments.iter().map(|segment| segment.rows(self.prompts)).collect();
        let parts = rows.split_with_sizes(&lengths, 0);
        self.segments.iter().zip(parts).map(|(segment, part)| (segment, segment.apart(&part, self.prompts))).collect()
    }
}

#[cfg(test)]
mod tests {
    use tch::{Device, Kind};

    use super::*;

    #[test]
    fn segments_of_equal_positions_become_one_with_their_cells_rows() {
        let segment = |cells: &[usize], first: i64, follows_other: bool| Segment {
            cells: cells.to_vec(),
            positions: Positions::between(first, 3),
            follows_other,
        };
        let segments = vec![
            segment(&[0, 1], 2, false),
            segment(&[2], 3, false),
            segment(&[3], 2, true),
            segment(&[4, 5], 3, false),
            segment(&[6], 2, false),
        ];
        // Two prompts; each row says its cell.
        let of_segment = |segment: &Segment| {
            let rows = segment
                .cells
                .iter()
                .map(|&cell| Tensor::full([2 * segment.positions.len(), 1], length(cell), (Kind::Int64, Device::Cpu)));
            Tensor::cat(&rows.collect::<Vec<_>>(), 0)
        };
        let resid = Tensor::cat(&segments.iter().map(of_segment).collect::<Vec<_>>(), 0);
        let batch = Batch { segments, resid: Some(resid), ..Batch::empty(2) }.merged();
        assert_eq!(batch.segments.len(), 3);
        let resid = batch.resid.as_ref().expect("rows");
        let mut seen = Vec::new();
        for (segment, rows) in batch.apart(resid) {
            for (place, &cell) in (0..).zip(&segment.cells) {
                let numbers: Vec<i64> = rows.select(0, place).flatten(0, -1).try_into().expect("integers");
                assert_eq!(numbers, vec![length(cell); numbers.len()]);
                seen.push((cell, segment.first(), segment.follows_other));
            }
        }
        seen.sort_unstable();
        let wanted =
            [(0, 2, false), (1, 2, false), (2, 3, false), (3, 2, true), (4, 3, false), (5, 3, false), (6, 2, false)];
        assert_eq!(seen, wanted);
    }
}
