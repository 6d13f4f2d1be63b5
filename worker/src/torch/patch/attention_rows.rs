//! Which row goes where in a block's attention, as tensors on the block's device. They are the same in all blocks in which no cell
//! joins, but for the last one.

use std::cell::{OnceCell, RefCell};
use std::rc::Rc;

use tch::{Device, Tensor};

use super::arrange::{Shape, Source, arranged};
use super::batch::Layout;
use super::patches::TableRows;
use crate::torch::gpu::upload;
use crate::torch::positions::Positions;
use crate::torch::rows::joined;

/// What a batch's rows go through in a block's attention.
#[derive(Debug)]
pub(crate) struct AttentionRows {
    before: Layout,
    is_last: bool,
    device: Device,
    /// The rows that matter behind the block.
    pub(crate) fewer: Layout,
    pub(crate) frames: Vec<Shape>,
    /// The runs behind attention.
    pub(crate) layout: Layout,
    /// Of keys and values, queries, and the residual stream before the block.
    pub(crate) keys: Gather,
    pub(crate) queries: Gather,
    pub(crate) resid: Gather,
    /// For each row behind attention that of the queries: int64. None where these are the rows.
    pub(crate) picked: Option<Tensor>,
    /// Of the batch's rows, and of those that matter behind the block; only models that rotate ask for them.
    positions: OnceCell<Tensor>,
    query_positions: OnceCell<Tensor>,
}

/// The rows of the block before.
#[derive(Debug, Default)]
pub(crate) struct LastRows(RefCell<Option<Rc<AttentionRows>>>);

impl LastRows {
    /// Those of a batch, arranged anew unless they are those of the block before. `outputs`: the positions of a part that matter
    /// behind the block, from one on, which tell the last block from the others only.
    pub(crate) fn of(
        &self,
        before: &Layout,
        is_last: bool,
        device: Device,
        table: &TableRows,
        outputs: impl Fn(usize, i64) -> Positions,
    ) -> Rc<AttentionRows> {
        let mut last = self.0.borrow_mut();
        if let Some(rows) = last.as_ref().filter(|rows| rows.are_of(before, is_last, device)) {
            return Rc::clone(rows);
        }
        let fewer = before.at(|segment| outputs(segment.part, segment.suffix.first.into()));
        let all = arranged(before, &fewer, outputs, table);
        let gather = |sources: &Option<Vec<Source>>| match sources {
            Some(sources) => Gather::Listed(Listed::new(sources, table.count(), device)),
            None => Gather::Own,
        };
        let rows = Rc::new(AttentionRows {
            before: before.clone(),
            is_last,
            device,
            fewer,
            keys: gather(&all.keys),
            queries: gather(&all.queries),
            resid: gather(&all.resid),
            picked: all.picked.map(|picked| upload(&picked, device)),
            frames: all.frames,
            layout: all.layout,
            positions: OnceCell::new(),
            query_positions: OnceCell::new(),
        });
        *last = Some(Rc::clone(&rows));
        rows
    }
}

impl AttentionRows {
    /// The position of each row: int64.
    pub(crate) fn positions(&self) -> Tensor {
        self.positions.get_or_init(|| upload(&self.before.row_positions(), self.device)).shallow_clone()
    }

    /// That of each query.
    pub(crate) fn query_positions(&self) -> Tensor {
        self.query_positions.get_or_init(|| upload(&self.fewer.row_positions(), self.device)).shallow_clone()
    }

    fn are_of(&self, before: &Layout, is_last: bool, device: Device) -> bool {
        (self.is_last, self.device) == (is_last, device) && self.before == *before
    }
}

/// What rows are made of.
#[derive(Debug)]
pub(crate) enum Gather {
    /// The runs' own, as they are.
    Own,
    Listed(Listed),
}

/// Rows of up to three tables, one behind the other: that of the run that is patched, that of the other one, each of all parts,
/// and the runs' own. Only those that are read are made.
#[derive(Debug)]
pub(crate) struct Listed {
    index: Tensor,
    reads_unpatched: bool,
    reads_other: bool,
}

impl Listed {
    /// `table_rows`: of either run.
    fn new(sources: &[Source], table_rows: i64, device: Device) -> Self {
        let reads_unpatched = sources.iter().any(|source| matches!(source, Source::Unpatched(_)));
        let reads_other = sources.iter().any(|source| matches!(source, Source::Other(_)));
        let before_other = table_rows * i64::from(reads_unpatched);
        let before_own = before_other + table_rows * i64::from(reads_other);
        let row = |source: &Source| match *source {
            Source::Unpatched(row) => row,
            Source::Other(row) => before_other + row,
            Source::Own(row) => before_own + row,
        };
        let index: Vec<i64> = sources.iter().map(row).collect();
        Self { index: upload(&index, device), reads_unpatched, reads_other }
    }
}

impl Gather {
    pub(crate) fn rows(
        &self,
        unpatched: impl FnOnce() -> Tensor,
        other: impl FnOnce() -> Tensor,
        own: Tensor,
    ) -> Tensor {
        let Self::Listed(Listed { index, reads_unpatched, reads_other }) = self else { return own };
        let (unpatched, other) = (reads_unpatched.then(unpatched), reads_other.then(other));
        joined([unpatched, other, Some(own)].into_iter().flatten()).index_select(0, index)
    }
}

#[cfg(test)]
mod tests {
    use patchsweep_core::causality::Suffix;

    use super::super::batch::Segment;
    use super::*;

    /// One prompt of four positions.
    fn rows(last: &LastRows, cells: &[usize], is_last: bool) -> Rc<AttentionRows> {
        let suffix = Suffix { first: 1, follows_other: false };
        let segment =
            Segment { part: 0, prompts: 1, cells: cells.to_vec(), suffix, positions: Positions::between(1, 3) };
        let outputs = |_, first| Positions::between(if is_last { 3 } else { first }, 3);
        last.of(&Layout { segments: vec![segment] }, is_last, Device::Cpu, &TableRows::new([(1, 4)]), outputs)
    }

    #[test]
    fn rows_are_arranged_anew_only_where_they_are_others() {
        let last = LastRows::default();
        let first = rows(&last, &[0], false);
        assert!(Rc::ptr_eq(&first, &rows(&last, &[0], false)));
        let joined = rows(&last, &[0, 1], false);
        let own = |rows: &AttentionRows| [&rows.keys, &rows.queries, &rows.resid].map(|of| matches!(of, Gather::Own));
        assert_eq!([own(&first), own(&joined)], [[true; 3]; 2], "of one suffix in a row");
        let read = rows(&last, &[0, 1], true);
        assert!(own(&read) == [true; 3] && read.picked.is_none());
        let numbers = |x: Tensor| Vec::<i64>::try_from(x).expect("integers");
        assert_eq!(numbers(joined.positions()), [1, 2, 3, 1, 2, 3]);
        assert_eq!(
            (numbers(read.positions()), numbers(read.query_positions())),
            (numbers(joined.positions()), vec![3, 3])
        );
    }
}
