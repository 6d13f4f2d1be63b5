//! Estimates of effects from gradients: what an activation would change, times how much the metric depends on it.
//!
//! One forward pass of some prompts and one backward pass for each metric give the estimates of all cells of all grids. The
//! forward pass is the plain one, whose operations libtorch can differentiate; what takes the place of activations is of the
//! runs that are kept for all tiles.

mod cells;
mod gradients;
mod held;
mod knockouts;
mod new_patterns;
mod scaled;
mod terms;

use std::collections::BTreeSet;
use std::ops::Range;

use patchsweep_core::context::SweepContext;
use patchsweep_core::moments::Moments;
use patchsweep_core::scores::{CellScore, TileScores};
use patchsweep_core::tile::Tile;

use crate::engine::EngineError;
use crate::phases::Phase;
use crate::torch::model::exec::Exec;
use crate::torch::model::parameters::Blocks;
use crate::torch::runs::activations::ActivationCache;
use crate::torch::runs::recorder::Site;
use crate::torch::runs::sites::Sites;
use crate::torch::tiles::chunk::Chunk;
use crate::torch::tiles::in_halves::{InChunks, in_halves};
use crate::torch::tiles::memory::{MemoryShares, Tried, positions, row_bytes};
use crate::torch::tiles::meter::Meter;
use crate::torch::tiles::task::on_one_device;

pub(crate) use held::{Held, Key};

/// One tile in hand.
pub(crate) struct EstimateTask<'a> {
    pub(crate) context: &'a SweepContext,
    pub(crate) tile: &'a Tile,
    pub(crate) exec: &'a Exec<'a>,
    pub(crate) cache: &'a mut ActivationCache,
    pub(crate) shares: &'a mut MemoryShares,
    pub(crate) meter: &'a Meter,
    /// What was estimated with the tile before.
    pub(crate) held: &'a mut Option<Held>,
}

/// Estimated scores of all cells of a grid \[cells, metrics\], row-major.
type OfGrid = Vec<CellScore>;

impl EstimateTask<'_> {
    /// The estimated scores of the tile's cells, and how many chunks were tried again. Those of its section's other tiles are held for
    /// these.
    pub(crate) fn scores(mut self) -> (Result<TileScores, EngineError>, u64) {
        let key = Key::of(self.context, self.tile, self.exec.model.digest);
        let mut tried_again = 0;
        if self.held.as_ref().is_none_or(|held| held.key != key) {
            *self.held = None;
            let (section, retries) = self.section();
            tried_again = retries;
            match section {
                Ok(grids) => *self.held = Some(Held { key, grids }),
                Err(error) => return (Err(error), retries),
            }
        }
        let held = self.held.as_ref().expect("made just above");
        (Ok(held.of_tile(self.tile, self.context.metrics.len())), tried_again)
    }

    /// The estimates of all grids that have any \[grids\]; none of the others.
    fn section(&mut self) -> (Result<Vec<OfGrid>, EngineError>, u64) {
        if matches!(self.exec.model.blocks, Blocks::Streamed(_)) {
            return (Err(EngineError::EstimateOfStreamed), 0);
        }
        let (prompts, grids) = (self.tile.prompts.clone(), vec![Vec::new(); self.context.grids.len()]);
        let mut chunks = Chunks { task: self, grids };
        let (done, retries) = in_halves(&mut chunks, prompts);
        (done.map(|()| chunks.grids), retries)
    }

    fn chunk(&mut self, prompts: Range<u32>) -> Vec<OfGrid> {
        let kept = self.kept();
        let batch_rows = usize::try_from(self.shares.batch_rows(self.context)).expect("a batch fits the memory");
        let kept_bytes = self.shares.cache;
        let (context, exec, iteration) = (self.context, self.exec, self.tile.iteration);
        let (kept, dictionary) = (&kept, None);
        let whole = context;
        let chunk = Chunk { context, whole, exec, iteration, prompts, kept, batch_rows, kept_bytes, dictionary };
        chunk.estimated(self.cache)
    }

    /// As for other tiles of the sweep, so that a run is made once.
    fn kept(&self) -> BTreeSet<Site> {
        let kept = Sites::of_sweep(self.context);
        let both_runs = 2 * on_one_device(self.exec, self.context, &kept);
        let fits = both_runs.saturating_mul(self.tile.prompts.len() as u64) <= self.shares.cache;
        if fits { kept } else { BTreeSet::new() }
    }

    /// Prompts whose whole forward pass fits the memory of a batch, with all that a backward pass reads of it; at least one.
    fn most_prompts(&self) -> u32 {
        let context = self.context;
        let iteration = &context.iterations[self.tile.iteration as usize];
        let logits = 4 * iteration.reads.len() as u64 * u64::from(context.architecture.d_vocab);
        let by_logits = self.exec.most_logits.unsigned_abs() / logits.max(1);
        let most = (self.shares.batch_rows(context) / rows_of_prompt(context)).min(by_logits).max(1);
        u32::try_from(most).unwrap_or(u32::MAX)
    }
}

/// A section's prompts, some at a time.
struct Chunks<'t, 'a> {
    task: &'t mut EstimateTask<'a>,
    /// Of the prompts so far \[grids\].
    grids: Vec<OfGrid>,
}

impl InChunks for Chunks<'_, '_> {
    type Part = Vec<OfGrid>;

    fn most(&self, _first: u32) -> u32 {
        self.task.most_prompts()
    }

    fn is_least(&self, chunk: &Range<u32>) -> bool {
        chunk.len() == 1
    }

    fn compute(&mut self, chunk: Range<u32>) -> Vec<OfGrid> {
        self.task.chunk(chunk)
    }

    fn take(&mut self, part: Vec<OfGrid>) {
        let _phase = Phase::Merge.enter();
        for (sums, new) in self.grids.iter_mut().zip(part) {
            if sums.is_empty() {
                *sums = new;
            } else {
                sums.iter_mut().zip(new).for_each(|(sum, new)| *sum = sum.merge(new));
            }
        }
    }

    fn ran_out(&mut self, chunk: &Range<u32>) {
        let EstimateTask { context, cache, shares, .. } = &mut *self.task;
        let [rows, tokens] = [rows_of_prompt(context), positions(context)].map(|each| each * chunk.len() as u64);
        shares.ran_out(&Tried { rows, row_bytes: row_bytes(context), tokens }, cache);
    }

    fn show(&self, retries: u64) {
        self.task.meter.show(self.task.cache.stats(), retries);
    }
}

/// What one prompt takes, in rows of a batch: one has room for a block's activations, and what they are made of takes about as
/// much again.
fn rows_of_prompt(context: &SweepContext) -> u64 {
    2 * (u64::from(context.architecture.layers) + 1) * positions(context)
}

/// Scores whose value and effect have these moments.
fn scored(count: u64, [value, value_m2, effect, effect_m2]: [f64; 4]) -> CellScore {
    CellScore {
        value: Moments { count, mean: value, m2: value_m2 },
        effect: Moments { count, mean: effect, m2: effect_m2 },
    }
}
