//! What a plan amounts to, for people.

use patchsweep_proto::tile::{TileWork, indices};

use super::{CostModel, Plan};

/// One grid of a plan.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GridSummary {
    /// The grid's name.
    pub name: String,
    /// Cells over all iterations.
    pub cells: u64,
    /// Cells whose patch cannot change the score of any prompt.
    pub noops: u64,
    /// Tiles.
    pub tiles: u64,
    /// Cost estimate of those tiles.
    pub multiply_adds: u64,
    /// Cost of one whole forward pass per cell and prompt.
    pub multiply_adds_naive: u64,
}

impl Plan {
    /// One summary per grid, in the spec's order.
    #[must_use]
    pub fn summarize(&self) -> Vec<GridSummary> {
        let context = &self.context;
        let prompts = context.clean.prompts();
        let pass = CostModel::of(context).whole_run();
        let summary = |(index, grid): (u32, &patchsweep_proto::grid::Grid)| {
            let extents = grid.extents(&context.shape, context.clean.positions());
            let block: Vec<_> = extents.into_iter().map(|extent| 0..extent).collect();
            let cells = indices(&block);
            let noop = |iteration: u32, cell: &Vec<u32>| {
                let cell = grid.cell(cell);
                (0..prompts).all(|p| context.prompt_pair(iteration, p).is_noop(&cell, context.shape.layers))
            };
            let iterations = (0..).zip(&context.iterations).map(|(iteration, _)| iteration);
            let noops: usize = iterations.map(|i| cells.iter().filter(|cell| noop(i, cell)).count()).sum();
            let total = (cells.len() * context.iterations.len()) as u64;
            let tiles = self.tiles.iter().zip(&self.costs);
            let own: Vec<u64> = tiles
                .filter(|(tile, _)| matches!(tile.work, TileWork::Patch { grid, .. } if grid == index))
                .map(|(_, &cost)| cost)
                .collect();
            GridSummary {
                name: grid.name.clone(),
                cells: total,
                noops: noops as u64,
                tiles: own.len() as u64,
                multiply_adds: own.iter().fold(0, |sum, &cost| sum.saturating_add(cost)),
                multiply_adds_naive: total.saturating_mul(u64::from(prompts)).saturating_mul(pass),
            }
        };
        (0..).zip(&context.grids).map(summary).collect()
    }
}
