//! The live paths of a grid, sender by sender.
//!
//! Causality does not distinguish heads, be they senders or receivers, so it is asked once per layer and positions of senders and
//! per layer of receivers.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;

use patchsweep_core::architecture::Architecture;
use patchsweep_core::causality::Suffix;
use patchsweep_core::grid::{Axis, Grid};
use patchsweep_core::length;

use super::{Region, Sender, Strip, Work};

impl Region {
    /// Of a grid of paths.
    pub(super) fn of_paths(grid: &Grid, work: &Work<'_>, model: &Architecture) -> Self {
        let unit_cells = grid.cells_per_sender();
        let count = grid.cells() / unit_cells;
        let heads = length(grid.indices(Axis::ToHead).len()).max(1);
        let mut alike: BTreeMap<(u32, Option<u32>), u32> = BTreeMap::new();
        let (mut layers, mut senders) = (Vec::new(), Vec::new());
        for first in (0..count).map(|sender| sender * unit_cells) {
            let cell = grid.cell(first);
            let kind = (cell.layer(), cell.positions().first().copied());
            senders.push(*alike.entry(kind).or_insert_with(|| {
                let of_layer = |from: u32| of_layer(grid, first, from..from + heads, work, model);
                layers.push((0..unit_cells).step_by(heads as usize).filter_map(of_layer).collect());
                length(layers.len()) - 1
            }));
        }
        Self { outer_units: 0, unit_cells, layers, senders }
    }
}

/// The cells of a sender whose receivers are in one layer, numbered from the sender's first one; `None` where they are no-ops.
fn of_layer(grid: &Grid, first: u32, cells: Range<u32>, work: &Work<'_>, model: &Architecture) -> Option<Strip> {
    let cell = grid.cell(first + cells.start);
    let suffix = Suffix::of(&cell, &work.pairs, model)?;
    let path = cell.path()?;
    let rows = path.sent(&work.pairs, &work.iteration.reads, model).len();
    let sender = Sender { cell: 0, rows, layers: path.layers_behind(model).collect() };
    Some(Strip { sender: Some(sender), ..work.strip(cells, &cell, suffix.first, model) })
}

impl Work<'_> {
    /// Multiply-adds of the second passes of some senders to the layers that receive.
    ///
    /// `senders`: by the first of their cells.
    pub(in super::super) fn sent<'s>(&self, grid: &Grid, senders: impl Iterator<Item = (u32, &'s Sent)>) -> u64 {
        let sent = |(cell, sent): (u32, &Sent)| {
            let path = grid.cell(cell).path()?;
            Some(self.cost.sent(&path, sent.rows, &sent.received).saturating_mul(self.prompts))
        };
        senders.filter_map(sent).fold(0, u64::saturating_add)
    }
}

/// What a tile's cells have of a sender.
#[derive(Default)]
pub(in super::super) struct Sent {
    /// Positions at which it sends.
    rows: usize,
    /// Layers that receive.
    received: BTreeSet<u32>,
}

impl Sent {
    /// With the receivers of further cells.
    pub(in super::super) fn extend(&mut self, sender: &Sender) {
        self.rows = sender.rows;
        self.received.extend(&sender.layers);
    }
}
