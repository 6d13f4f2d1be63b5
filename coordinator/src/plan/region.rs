//! What the cells of one grid cost, for one iteration and one range of prompts.

use std::ops::Range;

use patchsweep_proto::context::SweepContext;
use patchsweep_proto::grid::{Axis, Cell, Grid};

use super::cost::{CostModel, PatchPoint};

/// Costs by layer and position; heads cost alike.
pub(super) struct Region {
    axes: Vec<Axis>,
    extents: Vec<u32>,
    /// Multiply-adds of one cell \[layer\]\[pos\]; a single position where the grid has no such axis.
    costs: Vec<Vec<u64>>,
}

impl Region {
    /// Cells whose patch cannot change the score of any prompt cost nothing; the others are computed for all prompts.
    pub(super) fn new(
        context: &SweepContext,
        cost: CostModel,
        grid: &Grid,
        iteration: u32,
        prompts: &Range<u32>,
    ) -> Self {
        let layers = context.shape.layers;
        let read = context.iterations[iteration as usize].read;
        let pairs = || prompts.clone().map(|prompt| context.prompt_pair(iteration, prompt));
        let first_corrupted = pairs().filter_map(|pair| pair.first_corrupted()).min().unwrap_or(0);
        let positions: Vec<Option<u32>> = if grid.axes.contains(&Axis::Pos) {
            (0..context.clean.positions()).map(Some).collect()
        } else {
            vec![None]
        };
        let live = |layer: u32| -> Vec<bool> {
            let cell = |pos| Cell { component: grid.component, layer, pos, head: None };
            positions.iter().map(|&pos| pairs().any(|pair| !pair.is_noop(&cell(pos), layers))).collect()
        };
        // Causality knows only the first layer, the last one, and those between.
        let [first, middle, last] = [0, 1.min(layers - 1), layers - 1].map(live);
        let costs = (0..layers).map(|layer| {
            let live = match layer {
                0 => &first,
                layer if layer + 1 == layers => &last,
                _ => &middle,
            };
            let cost = |(&live, pos): (&bool, &Option<u32>)| {
                let start = pos.unwrap_or(first_corrupted);
                let run = || cost.patched_run(PatchPoint { component: grid.component, layer, start, read });
                if live { run().saturating_mul(prompts.len() as u64) } else { 0 }
            };
            live.iter().zip(&positions).map(cost).collect()
        });
        Self {
            axes: grid.axes.clone(),
            extents: grid.extents(&context.shape, context.clean.positions()),
            costs: costs.collect(),
        }
    }

    /// All cells.
    pub(super) fn whole(&self) -> Vec<Range<u32>> {
        self.extents.iter().map(|&extent| 0..extent).collect()
    }

    /// Cost of a block, one range per axis of the grid.
    pub(super) fn cost(&self, block: &[Range<u32>]) -> u64 {
        let range = |wanted: Axis| {
            let found = self.axes.iter().zip(block).find(|(axis, _)| **axis == wanted);
            found.map_or(0..1, |(_, range)| range.start as usize..range.end as usize)
        };
        let heads = range(Axis::Head).len() as u64;
        let (layers, positions) = (range(Axis::Layer), range(Axis::Pos));
        let cells = self.costs[layers].iter().flat_map(|by_pos| &by_pos[positions.clone()]);
        cells.fold(0u64, |sum, &cost| sum.saturating_add(cost)).saturating_mul(heads)
    }
}
