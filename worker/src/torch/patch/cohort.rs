//! Cohorts: cells of one block that patch the same positions, and so begin together.

use std::collections::BTreeMap;

use patchsweep_core::causality::Suffix;
use patchsweep_core::grid::{Axis, Cell, Component};
use patchsweep_core::writes::Beginning;

use super::batch::Segment;
use crate::torch::positions::Positions;

/// A cell, and where its runs begin to differ from the unpatched ones.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Start<'a> {
    /// Which of the batch's parts its runs are of.
    pub(crate) part: usize,
    /// Index in the tile's cells.
    pub(crate) index: usize,
    pub(crate) cell: Cell<'a>,
    pub(crate) suffix: Suffix,
    /// Where it joins the others.
    pub(crate) beginning: Beginning,
}

/// Part, suffix, positions and sources of a cohort, and spots.
type Key = (usize, Suffix, Positions, Positions, Vec<usize>);

/// Cells of one block and component that patch the same positions, over the prompts of one part.
pub(crate) struct Cohort<'a> {
    pub(crate) starts: Vec<&'a Start<'a>>,
    pub(crate) suffix: Suffix,
    /// Positions that are patched, from the first that is computed to the last that is read.
    pub(crate) patched: Positions,
    /// Of a pattern: positions attended to whose probability is patched.
    pub(crate) sources: Positions,
}

impl<'a> Cohort<'a> {
    /// Of cells of one block, up to the last position that is read; `last`: of a part.
    pub(crate) fn all(starts: &[&'a Start<'a>], last: impl Fn(usize) -> i64) -> Vec<Self> {
        // Two spots that are one position here begin apart: each of their cells is planned as a run of its own.
        let mut cohorts: BTreeMap<Key, Vec<&'a Start<'a>>> = BTreeMap::new();
        for &start in starts {
            let (first, last) = (i64::from(start.suffix.first), last(start.part));
            let patched = start.cell.positions().iter().map(|&pos| i64::from(pos));
            let patched = Positions::new(patched.filter(|pos| (first..=last).contains(pos)));
            let sources = start.cell.indices(Axis::SrcPos).iter().map(|&pos| i64::from(pos));
            let sources = Positions::new(sources.filter(|&pos| pos <= last));
            let key = (start.part, start.suffix, patched, sources, start.cell.spots());
            cohorts.entry(key).or_default().push(start);
        }
        let cohort = |((_, suffix, patched, sources, _), starts)| Cohort { starts, suffix, patched, sources };
        cohorts.into_iter().map(cohort).collect()
    }

    /// What they patch.
    pub(crate) fn component(&self) -> Component {
        self.starts[0].cell.component()
    }

    /// Which of the batch's parts.
    pub(crate) fn part(&self) -> usize {
        self.starts[0].part
    }

    /// Its cells, with rows of some positions of so many prompts.
    pub(crate) fn segment(&self, prompts: i64, positions: Positions) -> Segment {
        let cells = self.starts.iter().map(|start| start.index).collect();
        Segment { part: self.part(), prompts, cells, suffix: self.suffix, positions }
    }
}
