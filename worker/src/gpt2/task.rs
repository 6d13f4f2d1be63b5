//! One tile: baselines or patched runs, in chunks of prompts that fit the memory.

use std::collections::BTreeSet;
use std::ops::Range;

use patchsweep_proto::context::SweepContext;
use patchsweep_proto::scores::{CellScore, TileScores};
use patchsweep_proto::tile::{BASELINE_CELLS, Tile, TileWork};

use super::activations::ActivationCache;
use super::chunk::{Chunk, Scores};
use super::memory::{MemoryShares, OutOfMemory, within_memory};
use super::recorder::Site;
use super::sites::{Sites, bytes_per_prompt};
use super::weights::Gpt2;
use crate::engine::EngineError;

/// One tile in hand.
pub(super) struct TileTask<'a> {
    pub(super) context: &'a SweepContext,
    pub(super) tile: &'a Tile,
    pub(super) model: &'a Gpt2,
    pub(super) cache: &'a mut ActivationCache,
    pub(super) shares: MemoryShares,
    /// Batches that were computed again in halves so far.
    pub(super) memory_retries: u64,
}

/// What the tile's cells scored \[cells + 1\]\[metrics\]\[prompts\]: the run that effects are measured from, then the cells.
type TileRuns = Vec<Scores>;

impl TileTask<'_> {
    /// The scores of all cells.
    pub(super) fn scores(&mut self) -> Result<TileScores, EngineError> {
        let metrics = self.context.metrics.len();
        let mut runs: TileRuns = vec![vec![Vec::new(); metrics]; self.tile.cell_count() + 1];
        let kept = self.kept();
        let mut prompts = self.prompts_at_once(&kept);
        let mut rows = self.shares.batch_rows(self.context, self.model.embed.device().is_cuda());
        let Range { mut start, end } = self.tile.prompts.clone();
        while start < end {
            let chunk = start..end.min(start.saturating_add(prompts));
            match within_memory(|| self.chunk(chunk.clone(), &kept, rows)) {
                Ok(part) => {
                    for (scores, part) in runs.iter_mut().flatten().zip(part.into_iter().flatten()) {
                        scores.extend(part);
                    }
                    start = chunk.end;
                }
                Err(OutOfMemory) if chunk.len() == 1 && rows == 1 => return Err(EngineError::OnePromptTooLarge),
                Err(OutOfMemory) => {
                    self.memory_retries += 1;
                    self.cache.limit(0);
                    self.cache.limit(self.shares.cache);
                    prompts = u32::try_from(chunk.len()).unwrap_or(u32::MAX).div_ceil(2);
                    rows = rows.div_ceil(2);
                    tracing::warn!(prompts, rows, "out of memory; trying again with half as much at once");
                }
            }
        }
        let (baseline, cells) = runs.split_first().expect("the baseline comes first");
        let score = |(values, baseline): (&Vec<f32>, &Vec<f32>)| CellScore::of(values, baseline);
        let scores = cells.iter().flat_map(|cell| cell.iter().zip(baseline)).map(score).collect();
        Ok(TileScores { metrics, scores })
    }

    fn chunk(&mut self, prompts: Range<u32>, kept: &BTreeSet<Site>, batch_rows: usize) -> TileRuns {
        let Self { context, model, tile, .. } = *self;
        let chunk = Chunk { context, model, iteration: tile.iteration, prompts, kept, batch_rows };
        match &tile.work {
            TileWork::Baseline => {
                let [clean, corrupted] = chunk.baselines(self.cache);
                let baseline = match context.direction {
                    patchsweep_proto::context::Direction::Noising => clean.clone(),
                    patchsweep_proto::context::Direction::Denoising => corrupted.clone(),
                };
                let runs = vec![baseline, clean, corrupted];
                debug_assert_eq!(runs.len(), BASELINE_CELLS + 1);
                runs
            }
            TileWork::Patch { grid, .. } => {
                let cells = tile.patches(context);
                let (baseline, cells) = chunk.patched(&context.grids[*grid as usize], &cells, self.cache);
                [baseline].into_iter().chain(cells).collect()
            }
        }
    }

    /// What is kept of runs for the sweep's other tiles, where clean and corrupted run both fit the cache.
    fn kept(&self) -> BTreeSet<Site> {
        let kept = Sites::of_sweep(self.context);
        let both_runs = 2 * bytes_per_prompt(self.context, &kept).saturating_mul(self.tile.prompts.len() as u64);
        if both_runs <= self.shares.cache { kept } else { BTreeSet::new() }
    }

    /// Prompts whose activations fit the share of the cache, at least one.
    fn prompts_at_once(&self, kept: &BTreeSet<Site>) -> u32 {
        let sites = match &self.tile.work {
            _ if !kept.is_empty() => kept.clone(),
            TileWork::Baseline => BTreeSet::new(),
            TileWork::Patch { grid, .. } => {
                let layers = self.tile.patches(self.context).iter().map(|cell| cell.layer()).collect();
                let sites = Sites::of(&self.context.grids[*grid as usize], &layers, self.context.shape.layers);
                &sites.base | &sites.other
            }
        };
        let each = 2 * bytes_per_prompt(self.context, &sites).max(1);
        u32::try_from((self.shares.cache / each).max(1)).unwrap_or(u32::MAX)
    }
}
