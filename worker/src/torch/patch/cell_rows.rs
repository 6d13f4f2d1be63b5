//! Which rows of a batch a cell has.

use std::rc::Rc;

use super::batch::{Layout, Segment};

/// The rows of a cell: those of its segment's positions, prompt by prompt.
pub(crate) struct CellRows<'a> {
    pub(crate) segment: &'a Segment,
    /// Index in the tile's cells.
    pub(crate) cell: usize,
    /// The first of them.
    first: i64,
}

/// A row of a batch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Row {
    /// Of all rows of the batch.
    pub(crate) number: i64,
    /// Of the segment's part.
    pub(crate) prompt: i64,
    pub(crate) pos: i64,
}

impl Layout {
    /// All cells in the order of their rows.
    pub(crate) fn cells(&self) -> impl Iterator<Item = CellRows<'_>> {
        self.segments.iter().zip(self.first_rows()).flat_map(|(segment, first)| {
            let each = segment.prompts * segment.positions.len();
            (0..).zip(&segment.cells).map(move |(place, &cell)| CellRows { segment, cell, first: first + place * each })
        })
    }
}

impl CellRows<'_> {
    /// The rows of some positions, prompt by prompt in their order. Positions that differ from the run that is patched in no run of the
    /// cell have none.
    pub(crate) fn at(&self, positions: &[u32]) -> impl Iterator<Item = Row> {
        let Self { segment, first, .. } = *self;
        let places: Rc<[(i64, i64)]> = segment.positions.places_of(positions).collect();
        (0..segment.prompts).flat_map(move |prompt| {
            let (run, places) = (first + prompt * segment.positions.len(), Rc::clone(&places));
            (0..places.len()).map(move |place| {
                let (pos, at) = places[place];
                Row { number: run + at, prompt, pos }
            })
        })
    }
}

#[cfg(test)]
mod tests {
    use patchsweep_core::causality::Suffix;

    use super::*;
    use crate::torch::positions::Positions;

    #[test]
    fn rows_are_segment_by_segment_cell_by_cell_and_prompt_by_prompt() {
        let suffix = Suffix { first: 1, follows_other: false };
        let segment = |part, prompts, cells: &[usize], positions: &[i64]| {
            let positions = Positions::new(positions.iter().copied());
            Segment { part, prompts, cells: cells.to_vec(), suffix, positions }
        };
        let segments = vec![segment(0, 2, &[7, 4], &[1, 3, 4]), segment(1, 1, &[5], &[2, 3])];
        let layout = Layout { segments };
        let rows = |positions: &[u32]| -> Vec<(usize, usize, i64, i64, i64)> {
            let cells = layout
                .cells()
                .flat_map(|of| of.at(positions).map(|row| (of.segment.part, of.cell, row)).collect::<Vec<_>>());
            cells.map(|(part, cell, Row { number, prompt, pos })| (part, cell, number, prompt, pos)).collect()
        };
        let of_first = [(0, 7, 0, 0, 1), (0, 7, 2, 0, 4), (0, 7, 3, 1, 1), (0, 7, 5, 1, 4)];
        let of_second = [(0, 4, 6, 0, 1), (0, 4, 8, 0, 4), (0, 4, 9, 1, 1), (0, 4, 11, 1, 4)];
        assert_eq!(rows(&[0, 1, 4]), [of_first, of_second].concat());
        assert_eq!(rows(&[2]), [(1, 5, 12, 0, 2)]);
        let all: Vec<i64> = rows(&[0, 1, 2, 3, 4]).into_iter().map(|(_, _, row, ..)| row).collect();
        assert_eq!(all, (0..14).collect::<Vec<_>>());
    }
}
