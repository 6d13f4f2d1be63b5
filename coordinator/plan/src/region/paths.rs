//! The live paths of a grid, sender by sender.
//!
//! Causality does not distinguish heads, be they senders or receivers, so it is asked once per layer and positions of senders and
//! per layer of receivers.

use std::collections::{BTreeMap, BTreeSet};

use patchsweep_core::architecture::Architecture;
use patchsweep_core::causality::Suffix;
use patchsweep_core::grid::{Axis, Grid};
use patchsweep_core::length;

use super::{Sender, Strip, Work};

/// All live cells in row-major order.
pub(super) fn strips(grid: &Grid, work: &Work<'_>, model: &Architecture) -> Vec<Strip> {
    let of_each = grid.cells_per_sender();
    let senders = grid.extents().into_iter().product::<u32>() / of_each;
    let heads = length(grid.indices(Axis::ToHead).len()).max(1);
    let mut alike: BTreeMap<(u32, Option<u32>), Vec<Strip>> = BTreeMap::new();
    let mut strips = Vec::new();
    for first in (0..senders).map(|sender| sender * of_each) {
        let cell = grid.cell(first);
        let kind = (cell.layer(), cell.positions().first().copied());
        let own = alike.entry(kind).or_insert_with(|| {
            let of_layer = |from: u32| of_layer(grid, first, from..from + heads, work, model);
            (0..of_each).step_by(heads as usize).filter_map(of_layer).collect()
        });
        strips.extend(own.iter().map(|strip| strip.of_sender(first)));
    }
    strips
}

/// The cells of a sender whose receivers are in one layer, numbered from the sender's first one; `None` where they are no-ops.
fn of_layer(
    grid: &Grid,
    first: u32,
    cells: std::ops::Range<u32>,
    work: &Work<'_>,
    model: &Architecture,
) -> Option<Strip> {
    let cell = grid.cell(first + cells.start);
    let suffix = Suffix::of(&cell, &work.pairs, model)?;
    let layers = cell.path()?.layers_behind(model).collect();
    let strip = work.strip(cells, &cell, suffix.first, model);
    Some(Strip { sender: Some(Sender { cell: 0, layers }), ..strip })
}

impl Strip {
    /// The same of another sender.
    fn of_sender(&self, first: u32) -> Self {
        let sender = self.sender.as_ref().map(|sender| Sender { cell: first, layers: sender.layers.clone() });
        Self { cells: first + self.cells.start..first + self.cells.end, sender, ..self.clone() }
    }
}

impl Work<'_> {
    /// Multiply-adds of the second passes of some senders, each given by the first of its cells, to the layers that receive.
    pub(in super::super) fn sent(
        &self,
        grid: &Grid,
        senders: &BTreeMap<u32, BTreeSet<u32>>,
        model: &Architecture,
    ) -> u64 {
        let sent = |(&cell, received): (&u32, &BTreeSet<u32>)| {
            let path = grid.cell(cell).path()?;
            let rows = path.sent(&self.pairs, &self.iteration.reads, model).len();
            Some(self.cost.sent(&path, rows, received).saturating_mul(self.prompts))
        };
        senders.iter().filter_map(sent).fold(0, u64::saturating_add)
    }
}
