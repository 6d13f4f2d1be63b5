//! One tile: baselines, or batches of patched runs.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;

use patchsweep_proto::context::SweepContext;
use patchsweep_proto::grid::{Cell, Component};
use patchsweep_proto::scores::{CellScore, TileScores};
use patchsweep_proto::tile::Tile;
use patchsweep_proto::tokens::TokenMatrix;
use tch::Tensor;

use super::recorder::Site;
use super::runs::ActivationCache;
use super::suffix::{Start, SuffixRun, clean_sites, entry_components};
use super::weights::Gpt2;

/// One tile in hand.
pub(super) struct TileTask<'a> {
    context: &'a SweepContext,
    tile: &'a Tile,
    model: &'a Gpt2,
    cache: &'a mut ActivationCache,
    /// Tokens whose largest activation fits one batch.
    batch_tokens: usize,
    /// Token ids of the answers \[prompts of the tile\].
    answers: &'a [u32],
}

impl<'a> TileTask<'a> {
    pub(super) fn new(
        context: &'a SweepContext,
        tile: &'a Tile,
        model: &'a Gpt2,
        cache: &'a mut ActivationCache,
        batch_bytes: u64,
    ) -> Self {
        let prompts = tile.prompts.start as usize..tile.prompts.end as usize;
        let answers = &context.iterations[tile.iteration as usize].answers[prompts];
        Self { context, tile, model, cache, batch_tokens: batch_tokens(context, batch_bytes), answers }
    }

    /// Two cells: the clean and the corrupted run.
    pub(super) fn baselines(&mut self) -> TileScores {
        let last = self.last_site();
        let [clean, corrupted] =
            [self.clean(&[last]), self.corrupted(&[last])].map(|run| self.all_metrics(&run[&last]));
        let scores = |values: &[Vec<f32>]| -> Vec<CellScore> {
            values.iter().zip(&clean).map(|(values, clean)| CellScore::of(values, clean)).collect()
        };
        TileScores { metrics: clean.len(), scores: [scores(&clean), scores(&corrupted)].concat() }
    }

    /// The patched runs of all cells.
    pub(super) fn patches(&mut self) -> TileScores {
        let cells = self.tile.patches(self.context);
        let starts = self.starts(&cells);
        let last = self.last_site();
        let clean_sites = clean_sites(&starts, self.context.shape.layers).into_iter().chain([last]);
        let clean = self.clean(&clean_sites.collect::<Vec<_>>());
        let sources: BTreeSet<Site> = starts.iter().map(|start| (start.cell.layer, start.cell.component)).collect();
        let corrupted = self.corrupted(&sources.into_iter().collect::<Vec<_>>());
        let clean_metrics = self.all_metrics(&clean[&last]);
        // A patch that cannot change the score keeps the clean metric: its effect is exactly 0.
        let mut values = vec![clean_metrics.clone(); cells.len()];
        for prompts in self.prompt_chunks(&starts) {
            let part = |run: &BTreeMap<Site, Tensor>| -> BTreeMap<Site, Tensor> {
                let length = to_i64(prompts.len());
                run.iter().map(|(&site, x)| (site, x.narrow(0, to_i64(prompts.start), length))).collect()
            };
            let (clean, corrupted) = (part(&clean), part(&corrupted));
            let run = SuffixRun { model: self.model, clean: &clean, corrupted: &corrupted, read: self.read() };
            for batch in self.batches(&starts, prompts.len()) {
                for (indices, resid) in run.run(batch) {
                    self.score(&cells, &indices, &prompts, &resid, &mut values);
                }
            }
        }
        let score = |(values, clean): (&Vec<f32>, &Vec<f32>)| CellScore::of(values, clean);
        let scores = values.iter().flat_map(|cell| cell.iter().zip(&clean_metrics)).map(score).collect();
        TileScores { metrics: clean_metrics.len(), scores }
    }

    /// Cells whose patch can change the score of a prompt, by layer.
    fn starts(&self, cells: &[Cell]) -> Vec<Start> {
        let iteration = self.tile.iteration;
        let pairs = || self.tile.prompts.clone().map(|prompt| self.context.prompt_pair(iteration, prompt));
        let first_corrupted = pairs().filter_map(|pair| pair.first_corrupted()).min().unwrap_or(0);
        let live = |cell: &Cell| pairs().any(|pair| !pair.is_noop(cell, self.context.shape.layers));
        let start =
            |(index, &cell): (usize, &Cell)| Start { index, cell, pos: cell.pos.unwrap_or(first_corrupted).into() };
        let mut starts: Vec<Start> = cells.iter().enumerate().filter(|(_, cell)| live(cell)).map(start).collect();
        starts.sort_by_key(|start| start.cell.layer);
        starts
    }

    /// Writes the metrics of patched runs to their cells, but for prompts that the patch cannot reach.
    ///
    /// `resid`: \[cells, prompts, `d_model`\].
    fn score(
        &self,
        cells: &[Cell],
        indices: &[usize],
        prompts: &Range<usize>,
        resid: &Tensor,
        values: &mut [Vec<Vec<f32>>],
    ) {
        let answers = self.answer_ids(prompts).repeat([to_i64(indices.len())]);
        let scores = self.metrics(&resid.flatten(0, 1), &answers);
        let pair = |prompt: usize| {
            let prompt = self.tile.prompts.start + u32::try_from(prompt).unwrap_or(u32::MAX);
            self.context.prompt_pair(self.tile.iteration, prompt)
        };
        for (row, &index) in indices.iter().enumerate() {
            for (column, prompt) in prompts.clone().enumerate() {
                if pair(prompt).is_noop(&cells[index], self.context.shape.layers) {
                    continue;
                }
                for (metric, scores) in scores.iter().enumerate() {
                    values[index][metric][prompt] = scores[row * prompts.len() + column];
                }
            }
        }
    }

    /// As many prompts at once as fit a batch with the longest suffix.
    fn prompt_chunks(&self, starts: &[Start]) -> Vec<Range<usize>> {
        let longest = starts.iter().map(|start| self.suffix_length(start)).max().unwrap_or(1);
        let most = (self.batch_tokens / longest).max(1);
        let total = self.answers.len();
        (0..total).step_by(most).map(|first| first..(first + most).min(total)).collect()
    }

    /// Cells that fit a batch together, at least one.
    fn batches<'s>(&self, starts: &'s [Start], prompts: usize) -> Vec<&'s [Start]> {
        let mut batches = Vec::new();
        let (mut first, mut tokens) = (0, 0);
        for (index, start) in starts.iter().enumerate() {
            let more = prompts * self.suffix_length(start);
            if index > first && tokens + more > self.batch_tokens {
                batches.push(&starts[first..index]);
                (first, tokens) = (index, 0);
            }
            tokens += more;
        }
        if first < starts.len() {
            batches.push(&starts[first..]);
        }
        batches
    }

    /// Positions that are computed anew.
    fn suffix_length(&self, start: &Start) -> usize {
        usize::try_from(self.read() + 1 - start.pos).unwrap_or(1).max(1)
    }

    fn clean(&mut self, sites: &[Site]) -> BTreeMap<Site, Tensor> {
        let grids = &self.context.grids;
        let entered = |component| grids.iter().any(|grid| entry_components(grid.component).contains(&component));
        let kept = |component| matches!(component, Component::K | Component::V) || entered(component);
        self.activations(&self.context.clean, sites, &kept)
    }

    fn corrupted(&mut self, sites: &[Site]) -> BTreeMap<Site, Tensor> {
        let grids = &self.context.grids;
        let patched = |component| grids.iter().any(|grid| grid.component == component);
        let iteration = &self.context.iterations[self.tile.iteration as usize];
        self.activations(&iteration.corrupted, sites, &patched)
    }

    /// Activations of a whole run; if it must be made, those of the components that other tiles need are kept too.
    fn activations(
        &mut self,
        tokens: &TokenMatrix,
        sites: &[Site],
        kept: &dyn Fn(Component) -> bool,
    ) -> BTreeMap<Site, Tensor> {
        let tokens = tokens.slice(self.tile.prompts.clone());
        let last = self.last_site();
        let record = |layer, component| kept(component) || (layer, component) == last;
        let prompts = self.prompts_per_run();
        self.cache.activations(self.model, self.context.dtype, &tokens, sites, &record, prompts)
    }

    /// Whole runs go over all positions.
    fn prompts_per_run(&self) -> usize {
        (self.batch_tokens / self.context.clean.positions() as usize).max(1)
    }

    fn last_site(&self) -> Site {
        (self.context.shape.layers - 1, Component::ResidPost)
    }

    fn read(&self) -> i64 {
        self.context.iterations[self.tile.iteration as usize].read.into()
    }

    /// All metrics of a whole run \[metrics\]\[prompts\]. `resid`: \[prompts, pos, `d_model`\].
    fn all_metrics(&self, resid: &Tensor) -> Vec<Vec<f32>> {
        self.metrics(&resid.select(1, self.read()), &self.answer_ids(&(0..self.answers.len())))
    }

    fn metrics(&self, resid: &Tensor, answers: &Tensor) -> Vec<Vec<f32>> {
        let normed = self.model.final_norm(resid);
        self.context.metrics.iter().map(|metric| self.model.metric(&metric.kind, &normed, answers)).collect()
    }

    /// int64 \[prompts\]
    fn answer_ids(&self, prompts: &Range<usize>) -> Tensor {
        let ids: Vec<i64> = self.answers[prompts.clone()].iter().map(|&id| id.into()).collect();
        Tensor::from_slice(&ids).to_device(self.model.embed.device())
    }
}

/// Tokens whose largest activation fits the budget, at least one.
fn batch_tokens(context: &SweepContext, batch_bytes: u64) -> usize {
    let shape = context.shape;
    let positions = u64::from(context.clean.positions());
    let widest = u64::from(shape.d_mlp.max(3 * shape.d_model)).max(u64::from(shape.heads) * positions);
    // Attention scores are float32 whatever the model's dtype.
    usize::try_from(batch_bytes / (4 * widest)).unwrap_or(usize::MAX).max(1)
}

/// Counts of prompts and cells are far smaller.
fn to_i64(count: usize) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}
