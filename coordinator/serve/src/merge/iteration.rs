//! Scores of all grids on their way to becoming tensors: the iteration in hand, and its replicates before.

use patchsweep_core::context::SweepContext;
use patchsweep_core::results::GridScores;
use patchsweep_core::scores::CellScore;

use super::pool::Pool;
use super::sums::{Ends, GridSums, Missing};

/// Sums of one iteration.
#[derive(Debug)]
pub(super) struct Iteration {
    metrics: usize,
    /// Prompts of the sections that have ended.
    prompts: u64,
    /// \[grids\]
    grids: Vec<GridSums>,
    /// How often each of the spec's iterations is computed.
    replicates: u64,
    /// Replicates that have ended.
    ended: u64,
    /// Of these \[grids\]; none where there is one replicate only.
    pools: Vec<Pool>,
}

impl Iteration {
    pub(super) fn new(context: &SweepContext) -> Self {
        let metrics = context.metrics.len();
        let pools = if context.replicates > 1 { context.grids.len() } else { 0 };
        Self {
            metrics,
            prompts: 0,
            grids: context.grids.iter().map(|grid| GridSums::new(grid.cells(), metrics)).collect(),
            replicates: context.replicates.into(),
            ended: 0,
            pools: (0..pools).map(|_| Pool::new(metrics)).collect(),
        }
    }

    /// Prompts of the sections that have ended.
    pub(super) fn prompts(&self) -> u64 {
        self.prompts
    }

    /// Of one grid.
    pub(super) fn grid(&mut self, grid: usize) -> &mut GridSums {
        &mut self.grids[grid]
    }

    /// Adds the scores of a grid's next cells \[metrics\].
    pub(super) fn compute<'a>(&mut self, grid: usize, rows: impl Iterator<Item = Result<&'a [CellScore], Missing>>) {
        rows.for_each(|row| self.grids[grid].compute(row, self.prompts));
    }

    /// The section in hand has so many prompts, and there is nothing more of it.
    pub(super) fn end_section(&mut self, prompts: u64) {
        self.grids.iter_mut().for_each(GridSums::rewind);
        self.prompts += prompts;
    }

    /// Adds the iteration to its replicates. With the last of them, and then it is true, their part of the tensors
    /// \[grids, metrics\] is written.
    ///
    /// `iteration`: the spec's; `ends`: of its replicates so far \[metrics\].
    pub(super) fn end_iteration(&mut self, tensors: &mut [GridScores], iteration: usize, ends: &[Ends]) -> bool {
        for (pool, sums) in self.pools.iter_mut().zip(&mut self.grids) {
            pool.add(sums);
        }
        self.ended = (self.ended + 1) % self.replicates;
        if self.ended == 0 {
            for (grid, tensors) in tensors.chunks_mut(self.metrics).enumerate() {
                match self.pools.get_mut(grid) {
                    Some(pool) => pool.move_to(tensors, iteration, self.prompts, ends),
                    None => self.grids[grid].move_to(tensors, iteration, self.prompts, ends),
                }
            }
        }
        self.prompts = 0;
        self.ended == 0
    }
}
