//! The engine's scores of a whole context, computed in the tiles of a cut.

use std::ops::Range;
use std::path::Path;

use patchsweep_proto::context::SweepContext;
use patchsweep_proto::ids::TileId;
use patchsweep_proto::model::locate::ModelFolders;
use patchsweep_proto::scores::CellScore;
use patchsweep_proto::tile::{Tile, TileWork};
use patchsweep_worker::engine::{Cancel, Engine};
use patchsweep_worker::gpt2::{Gpt2Engine, open_device};

use crate::scenario::Cut;

/// A sweep's engine, and how its work is cut.
pub(crate) struct TiledEngine<'a> {
    engine: Gpt2Engine,
    context: &'a SweepContext,
    cut: &'a Cut,
}

/// The one place that knows how an engine is made.
fn engine(models: &Path, cut: &Cut) -> Gpt2Engine {
    let folders = ModelFolders { roots: vec![models.to_owned()], hub_cache: None };
    let device = open_device("cpu").expect("every machine has one");
    Gpt2Engine::new(device, folders, cut.memory_budget)
}

impl<'a> TiledEngine<'a> {
    /// `models`: the folder that the context's model lies in.
    pub(crate) fn new(models: &Path, context: &'a SweepContext, cut: &'a Cut) -> Self {
        // Products this small gain nothing from threads, and lose much where other tests keep the cores busy.
        tch::set_num_threads(1);
        Self { engine: engine(models, cut), context, cut }
    }

    /// Clean and corrupted scores over all prompts \[runs, metrics\].
    pub(crate) fn baselines(&mut self, iteration: u32) -> Vec<Vec<CellScore>> {
        self.over_prompts(iteration, &TileWork::Baseline)
    }

    /// Scores over all prompts \[cells, metrics\].
    pub(crate) fn grid(&mut self, iteration: u32, grid: u32) -> Vec<Vec<CellScore>> {
        let count = self.context.grids[grid as usize].cell_count().expect("few cells");
        let mut scores = vec![Vec::new(); count as usize];
        for places in self.tiles(count) {
            let ranges: Vec<Range<u32>> = places.iter().map(|&place| place..place + 1).collect();
            let cells = merge_adjacent(ranges);
            let tile = self.over_prompts(iteration, &TileWork::Patch { grid, cells, plain: false });
            for (place, cell) in places.into_iter().zip(tile) {
                scores[place as usize] = cell;
            }
        }
        scores
    }

    /// The same as plain forward passes give them \[cells, metrics\].
    pub(crate) fn plain_grid(&mut self, iteration: u32, grid: u32) -> Vec<Vec<CellScore>> {
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

    /// The same work for each range of prompts, merged \[cells, metrics\].
    fn over_prompts(&mut self, iteration: u32, work: &TileWork) -> Vec<Vec<CellScore>> {
        let ends = self.cut.prompts.iter().copied().chain([self.context.clean.prompts()]);
        let mut start = 0;
        let mut merged: Option<Vec<CellScore>> = None;
        for end in ends {
            let tile = Tile { id: TileId(0), iteration, prompts: start..end, work: work.clone() };
            let evaluation =
                self.engine.evaluate(self.context, &tile, None, &Cancel::new()).expect("the engine computes the tile");
            let scores = evaluation.scores.scores;
            assert_eq!(scores.len(), tile.cell_count() * self.context.metrics.len());
            merged = Some(match merged {
                Some(before) => before.into_iter().zip(scores).map(|(a, b)| a.merge(b)).collect(),
                None => scores,
            });
            start = end;
        }
        let scores = merged.expect("there are prompts");
        scores.chunks(self.context.metrics.len()).map(<[CellScore]>::to_vec).collect()
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
