//! Patched runs as their definition says: for each cell one whole forward pass of every prompt, from the embeddings to the
//! logits, with the activation replaced on the way; of an estimate two, with it moved a little.
//!
//! This is what a check holds the other scores to. So it shares with the rest of the engine only the weights, the products
//! of [`Exec`], the numbers that are drawn as noise, and how metrics of prompts become a cell's
//! scores: nothing is kept of one run for another, nothing is left out by causality, and runs of several cells are never packed
//! together.

mod cells;
mod estimates;
mod features;
pub(crate) mod forward;
mod hooks;
mod knockouts;
mod metrics;
mod paths;
mod widened;

use std::collections::BTreeSet;
use std::ops::Range;

use patchsweep_core::context::{Direction, SweepContext};
use patchsweep_core::grid::{Cell, Component, PatchValue};
use patchsweep_core::paths::Norms;
use patchsweep_core::scores::TileScores;
use patchsweep_core::tile::Tile;
use patchsweep_core::writes::Write;
use tch::{Kind, Tensor};

use crate::engine::EngineError;
use crate::phases::Phase;
use crate::torch::dictionary::DictionaryTensors;
use crate::torch::model::exec::Exec;
use crate::torch::runs::activations::ActivationCache;
use crate::torch::tiles::chunk::Scores;
use crate::torch::tiles::in_halves::{InChunks, in_halves};
use crate::torch::tiles::memory::{MemoryShares, Tried, positions, row_bytes};
use crate::torch::tiles::meter::Meter;
use crate::torch::tiles::parts::{TileParts, put_behind, side_by_side};
use crate::torch::tiles::task::{OfPrompt, effect, tile_scores};
use cells::{PlainChunk, Run};
use estimates::{estimate_scores, moved};
use hooks::Recording;
use paths::held_sites;
use widened::WIDENED;

#[cfg(test)]
pub(crate) use features::all_features;
#[cfg(test)]
mod tests;

/// One tile in hand.
pub(crate) struct PlainTask<'a> {
    /// The sweep.
    pub(crate) context: &'a SweepContext,
    /// Those that the tile's prompts are in.
    pub(crate) parts: &'a TileParts<'a>,
    pub(crate) tile: &'a Tile,
    pub(crate) exec: &'a Exec<'a>,
    /// Of other tiles: nothing is taken from it, but it makes room.
    pub(crate) cache: &'a mut ActivationCache,
    pub(crate) shares: &'a mut MemoryShares,
    pub(crate) meter: &'a Meter,
    /// Of a tile of features.
    pub(crate) dictionary: Option<&'a DictionaryTensors>,
}

impl PlainTask<'_> {
    /// The scores of all cells, and how many chunks were tried again.
    pub(crate) fn scores(mut self) -> (Result<TileScores, EngineError>, u64) {
        // The run that is patched, then the cells.
        let runs: Vec<Scores> = vec![vec![Vec::new(); self.context.metrics.len()]; self.tile.cell_count() + 1];
        let prompts = self.tile.prompts.clone();
        let of_prompt = self.context.per_prompt.then_some(effect as OfPrompt);
        let mut chunks = Chunks { task: &mut self, means: None, runs };
        let (done, retries) = in_halves(&mut chunks, prompts);
        let runs = chunks.runs;
        let _phase = Phase::Merge.enter();
        let is_estimate = self.tile.is_estimate();
        let scores = |()| if is_estimate { estimate_scores(&runs) } else { tile_scores(&runs, of_prompt) };
        (done.map(scores), retries)
    }

    /// Metrics of the run that is patched, then of each cell's, over some prompts of a part.
    fn chunk(&self, part: &SweepContext, prompts: Range<u32>, means: &Recording) -> Vec<Scores> {
        let chunk = self.prompts(part, prompts);
        let cells = &*self.tile.patches(part);
        let (patched, other) = self.runs();
        let others = sites(cells, PatchValue::Other);
        let others = if others.is_empty() { Recording::default() } else { chunk.record(other, &others) };
        let clean = chunk.logits(Run::Clean, &[]);
        let held = norms_of_paths(cells).map_or_else(Recording::default, |norms| chunk.held(patched, norms));
        let patched_cell = |cell: &Cell<'_>| {
            let writes: Vec<_> = cell.writes().map(|write| (write, self.replacement(&write, &others, means))).collect();
            match cell.path() {
                Some(path) => chunk.path_logits(patched, &path, &writes, &held),
                None => chunk.logits(patched, &writes),
            }
        };
        let is_clean = self.context.direction == Direction::Noising;
        let baseline = if is_clean { clean.clone() } else { chunk.logits(patched, &[]) };
        let runs = [baseline].into_iter().chain(cells.iter().map(patched_cell));
        runs.map(|logits| chunk.score(&logits, &clean)).collect()
    }

    /// The run that is patched, and the other.
    fn runs(&self) -> (Run, Run) {
        match self.context.direction {
            Direction::Noising => (Run::Clean, Run::Corrupted),
            Direction::Denoising => (Run::Corrupted, Run::Clean),
        }
    }

    /// What takes the place of an activation; `others`: of the other run.
    fn replacement(&self, write: &Write<'_>, others: &Recording, means: &Recording) -> Tensor {
        match write.value {
            PatchValue::Other => others.of(write),
            PatchValue::Mean => means.of(write),
            // What is knocked out is made of scores, and then 0 as well.
            PatchValue::Zero | PatchValue::Knockout => Tensor::zeros([1], (self.kind(), self.exec.device(write.layer))),
        }
    }

    /// What runs are made of.
    fn kind(&self) -> Kind {
        if self.tile.is_estimate() { Kind::Double } else { self.exec.model.embed.kind() }
    }

    /// Means over all corrupted prompts of the iteration \[1, ..\], for cells that take them.
    fn means(&self) -> Recording {
        let sites = sites(&self.tile.patches(self.parts.longest()), PatchValue::Mean);
        let mut sums = Recording::default();
        if sites.is_empty() {
            return sums;
        }
        for part in self.context.parts() {
            let all = part.context.clean.prompts();
            let most = self.batch_rows() / self.rows_of_prompt(&part.context);
            let most = u32::try_from(most).unwrap_or(u32::MAX).max(1);
            for first in (0..all).step_by(most as usize) {
                let prompts = first..all.min(first.saturating_add(most));
                sums.add_sums(&self.prompts(&part.context, prompts).record(Run::Corrupted, &sites));
            }
        }
        let kind = if self.dictionary.is_some() { Kind::Float } else { self.kind() };
        sums.map(|sum| (sum / f64::from(self.context.clean.prompts())).to_kind(kind))
    }

    fn prompts<'a>(&'a self, context: &'a SweepContext, prompts: Range<u32>) -> PlainChunk<'a> {
        let Self { exec, tile, dictionary, .. } = *self;
        PlainChunk { context, exec, dictionary, kind: self.kind(), iteration: tile.iteration, prompts }
    }

    /// Rows of a batch that plain runs take together.
    fn batch_rows(&self) -> u64 {
        // Beside them there is a piece of a matrix that is turned into the numbers of runs.
        self.shares.batch_rows(self.parts.longest_whole()) * (WIDENED - 1) / WIDENED
    }

    /// What the whole runs of one prompt of a part take, in rows of a batch.
    fn rows_of_prompt(&self, context: &SweepContext) -> u64 {
        let model = &self.context.architecture;
        let cells = &*self.tile.patches(context);
        // Plain runs go on to the end of a prompt.
        let positions = u64::from(context.clean.positions());
        let width = u64::from(model.d_model);
        let reads = self.context.iterations[self.tile.iteration as usize].reads.len() as u64;
        let mut written: BTreeSet<_> =
            cells.iter().flat_map(Cell::writes).map(|write| (write.layer, write.component)).collect();
        // Of estimates what is changed is recorded of both runs, and there is one cell's change.
        let recordings = if self.tile.is_estimate() {
            written.extend(cells.iter().map(moved));
            3
        } else {
            1
        };
        // Of paths what is held of the run that is patched, and what is received.
        let held_of_block = norms_of_paths(cells).map_or(0, |norms| held_sites(norms).len() as u64 + 1);
        let held = held_of_block * u64::from(model.layers);
        let layers = recordings * written.len() as u64 + held;
        let has_neurons = written.iter().any(|(_, component)| component.has_neurons());
        let neurons = if has_neurons { u64::from(model.d_mlp) } else { 0 };
        // What is recorded, made anew in the patched run, and their difference.
        let features = 3 * self.dictionary.map_or(0, |dictionary| u64::from(dictionary.count()));
        // What is recorded of the other run, and three runs' logits; a row of a batch has more than 12 times the width.
        let recorded = layers
            * positions
            * u64::from(model.d_model.max(model.d_queries()))
                .max(u64::from(model.heads) * positions)
                .max(neurons)
                .max(features);
        let logits = 3 * reads * u64::from(model.d_vocab);
        let rows = positions + (recorded + logits).div_ceil(12 * width);
        // A batch's rows are of the model's numbers.
        let kinds = [self.kind(), self.exec.model.embed.kind()].map(Kind::elt_size_in_bytes);
        rows * (kinds[0] / kinds[1]) as u64
    }
}

/// Of paths what norms do on the way; the cells are of one grid.
fn norms_of_paths(cells: &[Cell<'_>]) -> Option<Norms> {
    cells.iter().find_map(|cell| cell.path().map(|path| path.to.norms))
}

/// Where some cells write this value.
fn sites(cells: &[Cell<'_>], value: PatchValue) -> BTreeSet<(u32, Component)> {
    let writes = cells.iter().flat_map(Cell::writes).filter(|write| write.value == value);
    writes.map(|write| (write.layer, write.component)).collect()
}

/// A tile's prompts, some at a time.
struct Chunks<'t, 'a> {
    task: &'t mut PlainTask<'a>,
    /// Of all prompts, once they are made.
    means: Option<Recording>,
    /// Of the prompts so far.
    runs: Vec<Scores>,
}

impl InChunks for Chunks<'_, '_> {
    type Part = Vec<Scores>;

    fn most(&self, first: u32) -> u32 {
        let task = &*self.task;
        task.parts.fitting(first, task.batch_rows(), |part| task.rows_of_prompt(part))
    }

    fn is_least(&self, chunk: &Range<u32>) -> bool {
        self.most(chunk.start) == 1
    }

    fn compute(&mut self, chunk: Range<u32>) -> Vec<Scores> {
        let Self { task, means, .. } = self;
        let is_estimate = task.tile.is_estimate();
        let means = means.get_or_insert_with(|| task.means());
        let of_part = |(part, prompts)| {
            if is_estimate { task.estimated(part, prompts, means) } else { task.chunk(part, prompts, means) }
        };
        side_by_side(task.parts.of_prompts(&chunk).map(of_part))
    }

    fn take(&mut self, part: Vec<Scores>) {
        put_behind(&mut self.runs, part);
    }

    fn ran_out(&mut self, chunk: &Range<u32>) {
        let task = &mut *self.task;
        let rows = task.parts.taken(chunk, |part| task.rows_of_prompt(part));
        let (row_bytes, tokens) = (row_bytes(task.parts.longest_whole()), task.parts.taken(chunk, positions));
        task.shares.ran_out(&Tried { rows, row_bytes, tokens }, task.cache);
    }
    fn show(&self, retries: u64) {
        self.task.meter.show(self.task.cache.stats(), retries);
    }
}
