//! The engine's scores of a whole context, computed in the tiles of a cut.

use std::ops::Range;
use std::path::Path;

use patchsweep_core::context::SweepContext;
use patchsweep_core::ids::TileId;
use patchsweep_core::scores::{CellScore, TileScores};
use patchsweep_core::tile::{Tile, TileWork};
use patchsweep_files::locate::ModelFolders;
use patchsweep_worker::engine::{Cancel, Engine};
use patchsweep_worker::torch::{Devices, TorchEngine};

use super::scenario::Cut;

/// What the engine says of a cell.
pub(crate) struct Scored {
    /// \[metrics\]
    pub(crate) scores: Vec<CellScore>,
    /// Effects, or of baselines metrics \[metrics\]\[prompts\].
    pub(crate) by_prompt: Vec<Vec<f32>>,
}

/// A sweep's engine, and how its work is cut.
pub(crate) struct TiledEngine<'a> {
    engine: TorchEngine,
    context: &'a SweepContext,
    cut: &'a Cut,
}

/// The one place that knows how an engine is made.
pub(crate) fn engine(models: &Path, memory_budget: u64) -> TorchEngine {
    // Products this small gain nothing from threads, and lose much where other tests keep the cores busy.
    tch::set_num_threads(1);
    let folders = ModelFolders { roots: vec![models.to_owned()], hub_cache: None };
    let devices = Devices::open("cpu").expect("every machine has one");
    TorchEngine::new(devices, folders, memory_budget)
}

impl<'a> TiledEngine<'a> {
    /// `models`: the folder that the context's model lies in.
    pub(crate) fn new(models: &Path, context: &'a SweepContext, cut: &'a Cut) -> Self {
        Self { engine: engine(models, cut.memory_budget), context, cut }
    }

    /// Multiply-adds of all tiles of a sweep as it is planned.
    pub(crate) fn multiply_adds(&mut self, tiles: &[Tile]) -> u64 {
        tiles.iter().map(|tile| self.tile(tile).1).sum()
    }

    /// A tile's scores and multiply-adds.
    pub(crate) fn tile(&mut self, tile: &Tile) -> (TileScores, u64) {
        let evaluation = self.engine.evaluate(self.context, tile, None, &Cancel::new());
        let evaluation = evaluation.expect("the engine computes the tile");
        (evaluation.scores, evaluation.work.multiply_adds)
    }

    /// Why a grid's cells cannot be computed.
    pub(crate) fn refusal(&mut self, grid: u32) -> String {
        let count = self.context.grids[grid as usize].cell_count().expect("few cells");
        let work = TileWork::Patch { grid, cells: std::iter::once(0..count).collect(), plain: false };
        let tile = Tile { id: TileId(0), iteration: 0, prompts: 0..self.context.clean.prompts(), work };
        self.engine.evaluate(self.context, &tile, None, &Cancel::new()).expect_err("is refused").to_string()
    }

    /// Clean and corrupted scores over all prompts \[runs, metrics\].
    pub(crate) fn baselines(&mut self, iteration: u32) -> Vec<Scored> {
        self.over_prompts(iteration, &TileWork::Baseline)
    }

    /// Scores over all prompts \[cells, metrics\].
    pub(crate) fn grid(&mut self, iteration: u32, grid: u32) -> Vec<Scored> {
        let count = self.context.grids[grid as usize].cell_count().expect("few cells");
        let mut scores: Vec<Option<Scored>> = (0..count).map(|_| None).collect();
        for places in self.tiles(count) {
            let ranges: Vec<Range<u32>> = places.iter().map(|&place| place..place + 1).collect();
            let cells = merge_adjacent(ranges);
            let tile = self.over_prompts(iteration, &TileWork::Patch { grid, cells, plain: false });
            for (place, cell) in places.into_iter().zip(tile) {
                scores[place as usize] = Some(cell);
            }
        }
        scores.into_iter().map(|cell| cell.expect("every cell is in a tile")).collect()
    }

    /// The same as plain forward passes give them \[cells, metrics\].
    pub(crate) fn plain_grid(&mut self, iteration: u32, grid: u32) -> Vec<Scored> {
        let count = self.context.grids[grid as usize].cell_count().expect("few cells");
        let cells = std::iter::once(0..count).collect();
        self.over_prompts(iteration, &TileWork::Patch { grid, cells, plain: true })
    }

    /// Places of the cells of each tile, ascending.
    fn tiles(&self, cells: u32) -> Vec<Vec<u32>> {
        let tile_of = &self.cut.tile_of_cell;
        let tiles = tile_of.iter().max().map_or(0, |&last| last + 1);
        let of_tile = |tile| (0..cells).filter(|&cell| tile_of[cell as usize % tile_of.len()] == tile).collect();
        (0..tiles).map(of_tile).filter(|tile: &Vec<u32>| !tile.is_empty()).collect()
    }

    /// Cells of a grid.
    pub(crate) fn cells(&self, grid: u32) -> u32 {
        self.context.grids[grid as usize].cell_count().expect("few cells")
    }

    /// The same work for each range of prompts, merged \[cells, metrics\].
    pub(crate) fn over_prompts(&mut self, iteration: u32, work: &TileWork) -> Vec<Scored> {
        let metrics = self.context.metrics.len();
        let ends = self.cut.prompts.iter().copied().chain([self.context.clean.prompts()]);
        let mut start = 0;
        let mut merged: Option<Vec<CellScore>> = None;
        let mut by_prompt: Vec<Vec<f32>> = Vec::new();
        for end in ends {
            let tile = Tile { id: TileId(0), iteration, prompts: start..end, work: work.clone() };
            let evaluation =
                self.engine.evaluate(self.context, &tile, None, &Cancel::new()).expect("the engine computes the tile");
            let scores = evaluation.scores.scores;
            assert_eq!(scores.len(), tile.cell_count() * metrics);
            let kept = evaluation.scores.by_prompt;
            assert_eq!(
                kept.len(),
                if tile.keeps_prompts(self.context) { scores.len() * tile.prompts.len() } else { 0 }
            );
            by_prompt.resize(scores.len(), Vec::new());
            for (all, kept) in by_prompt.iter_mut().zip(kept.chunks(tile.prompts.len())) {
                all.extend(kept);
            }
            merged = Some(match merged {
                Some(before) => before.into_iter().zip(scores).map(|(a, b)| a.merge(b)).collect(),
                None => scores,
            });
            start = end;
        }
        let scores = merged.expect("there are prompts");
        let cell = |(scores, by_prompt): (&[CellScore], &[Vec<f32>])| Scored {
            scores: scores.to_vec(),
            by_prompt: by_prompt.to_vec(),
        };
        scores.chunks(metrics).zip(by_prompt.chunks(metrics)).map(cell).collect()
    }
}

/// Ranges that follow each other without a gap become one.
fn merge_adjacent(ranges: Vec<Range<u32>>) -> Vec<Range<u32>> {
    let mut merged: Vec<Range<u32>> = Vec::new();
    for range in ranges {
        match merged.last_mut() {
            Some(last) if last.end == range.start => last.end = range.end,
            _ => merged.push(range),
        }
    }
    merged
}
