//! One tile: baselines or patched runs, in chunks of prompts that fit the memory.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;

use patchsweep_core::context::{Direction, SweepContext};
use patchsweep_core::features::Encoded;
use patchsweep_core::grid::Cell;
use patchsweep_core::scores::{CellScore, TileScores};
use patchsweep_core::tile::{Tile, TileWork};

use crate::torch::dictionary::DictionaryTensors;
use crate::torch::model::exec::Exec;
use crate::torch::runs::activations::ActivationCache;
use crate::torch::runs::recorder::Site;
use crate::torch::runs::sites::{Sites, bytes_per_prompt, keys_values};
use crate::torch::tiles::activity::active;
use crate::torch::tiles::chunk::{Chunk, Scores, baselines};
use crate::torch::tiles::in_halves::{InChunks, in_halves};
use crate::torch::tiles::memory::{MemoryShares, Tried, positions, row_bytes};
use crate::torch::tiles::meter::Meter;
use crate::torch::tiles::parts::{TileParts, put_behind, side_by_side};
use crate::torch::tiles::patched::patched;

use crate::engine::EngineError;
use crate::phases::Phase;

/// One tile in hand.
pub(crate) struct TileTask<'a> {
    /// The sweep.
    pub(crate) context: &'a SweepContext,
    /// Those that the tile's prompts are in.
    pub(crate) parts: &'a TileParts<'a>,
    pub(crate) tile: &'a Tile,
    pub(crate) exec: &'a Exec<'a>,
    pub(crate) cache: &'a mut ActivationCache,
    pub(crate) shares: &'a mut MemoryShares,
    pub(crate) meter: &'a Meter,
    /// Of a tile of features.
    pub(crate) dictionary: Option<&'a DictionaryTensors>,
}

/// What the tile's cells scored \[cells + 1\]\[metrics\]\[prompts\]: the run that effects are measured from, then the cells.
type TileRuns = Vec<Scores>;

impl TileTask<'_> {
    /// The scores of all cells, and how many chunks were tried again.
    pub(crate) fn scores(mut self) -> (Result<TileScores, EngineError>, u64) {
        let metrics = self.tile.scores_per_cell(self.context);
        let runs: TileRuns = vec![vec![Vec::new(); metrics]; self.tile.cell_count() + 1];
        let (kept, prompts) = (self.kept(), self.tile.prompts.clone());
        let bytes = self.bytes_per_prompt(&kept);
        let of_prompt: OfPrompt = if self.tile.is_patch() { effect } else { metric };
        let of_prompt = self.tile.keeps_prompts(self.context).then_some(of_prompt);
        let mut chunks = Chunks { task: &mut self, kept, bytes, runs };
        let (done, retries) = in_halves(&mut chunks, prompts);
        let runs = chunks.runs;
        let _phase = Phase::Merge.enter();
        (done.map(|()| tile_scores(&runs, of_prompt)), retries)
    }

    fn chunk(&mut self, prompts: &Range<u32>, kept: &BTreeSet<Site>, batch_rows: u64) -> TileRuns {
        let Self { context: whole, exec, tile, dictionary, .. } = *self;
        let batch_rows = usize::try_from(batch_rows).expect("a batch fits the memory");
        let kept_bytes = self.shares.cache;
        let iteration = tile.iteration;
        let chunk = |(context, prompts)| Chunk {
            context,
            whole,
            exec,
            iteration,
            prompts,
            kept,
            batch_rows,
            kept_bytes,
            dictionary,
        };
        let chunks: Vec<Chunk<'_>> = self.parts.of_prompts(prompts).map(chunk).collect();
        match &tile.work {
            TileWork::Baseline => side_by_side(baselines(&chunks, self.cache).into_iter().map(|[clean, corrupted]| {
                let baseline = match whole.direction {
                    Direction::Noising => clean.clone(),
                    Direction::Denoising => corrupted.clone(),
                };
                vec![baseline, clean, corrupted]
            })),
            TileWork::Patch { .. } => side_by_side(patched(&chunks, tile, self.cache)),
            TileWork::Activity { .. } => side_by_side(chunks.iter().map(|chunk| active(chunk, tile, self.cache))),
            TileWork::Estimate { .. } => unreachable!("an `EstimateTask`"),
        }
    }

    /// What is kept of runs for the sweep's other tiles, where clean and corrupted run both fit the cache.
    fn kept(&self) -> BTreeSet<Site> {
        // The same of each part.
        let kept = Sites::of_sweep(self.parts.longest());
        let of_part = |(context, prompts): (&SweepContext, Range<u32>)| {
            on_one_device(self.exec, context, &kept).saturating_mul(prompts.len() as u64)
        };
        let both_runs = 2 * self.parts.of_prompts(&self.tile.prompts).map(of_part).sum::<u64>();
        if both_runs <= self.shares.cache { kept } else { BTreeSet::new() }
    }

    /// What the activations of one of the longest prompts take in the runs of this tile.
    fn bytes_per_prompt(&self, kept: &BTreeSet<Site>) -> u64 {
        let context = self.parts.longest();
        let sites = match &self.tile.work {
            _ if !kept.is_empty() => kept.clone(),
            // The corrupted run is made behind the clean one's keys and values.
            TileWork::Baseline | TileWork::Estimate { .. } => keys_values(0, context.architecture.layers).collect(),
            TileWork::Activity { grid, .. } => {
                let site = Sites::of_features(&context.grids[*grid as usize]);
                keys_values(0, context.architecture.layers).chain([site]).collect()
            }
            TileWork::Patch { grid, .. } => {
                let layers = self.tile.patches(context).iter().map(Cell::layer).collect();
                let sites = Sites::of(&context.grids[*grid as usize], &layers, &context.architecture);
                sites.all()
            }
        };
        2 * on_one_device(self.exec, context, &sites) + self.feature_bytes()
    }

    /// What one prompt's features take: of both runs, and what is made of these.
    fn feature_bytes(&self) -> u64 {
        let (TileWork::Patch { grid, .. } | TileWork::Activity { grid, .. }) = &self.tile.work else { return 0 };
        let context = self.parts.longest();
        let grid = &context.grids[*grid as usize];
        if grid.dictionary().is_none() {
            return 0;
        }
        let Encoded { positions, features } =
            grid.encoded(&self.tile.patches(context).into_iter(), context.last_read());
        3 * size_of::<f32>() as u64 * features.len() as u64 * positions.len() as u64
    }
}

/// Of one prompt's activations at some sites what is on the device that has most of them.
pub(crate) fn on_one_device(exec: &Exec<'_>, context: &SweepContext, sites: &BTreeSet<Site>) -> u64 {
    let layers = &exec.model.layers;
    let mut by_place: BTreeMap<usize, BTreeSet<Site>> = BTreeMap::new();
    for &(layer, component) in sites {
        by_place.entry(layers.place(layer)).or_default().insert((layer, component));
    }
    by_place.values().map(|sites| bytes_per_prompt(context, sites)).max().unwrap_or(0)
}

/// A tile's prompts, some at a time.
struct Chunks<'t, 'a> {
    task: &'t mut TileTask<'a>,
    kept: BTreeSet<Site>,
    /// What one prompt's activations take.
    bytes: u64,
    /// Of the prompts so far.
    runs: TileRuns,
}

impl Chunks<'_, '_> {
    fn rows(&self) -> u64 {
        self.task.shares.batch_rows(self.task.parts.longest())
    }
}

impl InChunks for Chunks<'_, '_> {
    type Part = TileRuns;

    fn most(&self, first: u32) -> u32 {
        let TileTask { shares, parts, .. } = &*self.task;
        shares.prompts(self.bytes).min(parts.fitting(first, shares.most_tokens, positions))
    }

    fn is_least(&self, chunk: &Range<u32>) -> bool {
        chunk.len() == 1 && self.rows() == 1
    }

    fn compute(&mut self, chunk: Range<u32>) -> TileRuns {
        let rows = self.rows();
        self.task.chunk(&chunk, &self.kept, rows)
    }

    fn take(&mut self, part: TileRuns) {
        put_behind(&mut self.runs, part);
    }

    fn ran_out(&mut self, chunk: &Range<u32>) {
        let rows = self.rows();
        let TileTask { parts, cache, shares, .. } = &mut *self.task;
        let (row_bytes, tokens) = (row_bytes(parts.longest()), parts.taken(chunk, positions));
        shares.ran_out(&Tried { rows, row_bytes, tokens }, cache);
    }

    fn show(&self, retries: u64) {
        self.task.meter.show(self.task.cache.stats(), retries);
    }
}

/// What is kept of a prompt, from a run's metric and that of the run which effects are measured from.
pub(crate) type OfPrompt = fn(f32, f32) -> f32;

/// Of patched runs by how much the patch moves the metric.
pub(crate) fn effect(value: f32, baseline: f32) -> f32 {
    value - baseline
}

/// Of baselines the metric itself.
fn metric(value: f32, _: f32) -> f32 {
    value
}

/// The scores of a tile's cells.
///
/// `runs` \[cells + 1\]\[metrics\]\[prompts\]: the run that effects are measured from, then the cells.
pub(crate) fn tile_scores(runs: &[Scores], of_prompt: Option<OfPrompt>) -> TileScores {
    let (baseline, cells) = runs.split_first().expect("the baseline comes first");
    let score = |(values, baseline): (&Vec<f32>, &Vec<f32>)| CellScore::of(values, baseline);
    let scored = || cells.iter().flat_map(|cell| cell.iter().zip(baseline));
    let prompts = || scored().flat_map(|(values, baseline)| values.iter().zip(baseline));
    let by_prompt =
        of_prompt.map(|of_prompt| prompts().map(|(&value, &baseline)| of_prompt(value, baseline)).collect());
    TileScores {
        metrics: baseline.len(),
        scores: scored().map(score).collect(),
        by_prompt: by_prompt.unwrap_or_default(),
    }
}
