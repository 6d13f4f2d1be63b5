//! Puts the tiles' scores together.
//!
//! Moments are merged in tile order, not in order of arrival: floating-point sums depend on their order,
//! and the same tiles must give the same bits whichever came first.

mod tensor;

use patchsweep_proto::context::{Direction, SweepContext};
use patchsweep_proto::ids::TileId;
use patchsweep_proto::moments::Moments;
use patchsweep_proto::results::GridScores;
use patchsweep_proto::scores::{CellScore, TileScores};
use patchsweep_proto::tile::{BASELINE_CELLS, Tile, TileWork};

use crate::plan::Plan;
use tensor::{Baselines, GridTensor, mean, to_f32};

/// Scores of a sweep's tiles as they come in.
#[derive(Debug)]
pub struct ScoreStore {
    tiles: Vec<Option<TileScores>>,
}

/// A finished sweep's tensors.
#[derive(Clone, Debug, PartialEq)]
pub struct Merged {
    /// Mean clean metric \[metrics\]\[iterations\].
    pub clean: Vec<Vec<f32>>,
    /// Mean corrupted metric \[metrics\]\[iterations\].
    pub corrupted: Vec<Vec<f32>>,
    /// Every grid under every metric.
    pub grids: Vec<GridScores>,
}

/// Scores that do not fit the tile that they are for.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("scores for {wanted} cells and metrics wanted, {found} given")]
pub struct ScoreShapeError {
    /// Scores that the tile has.
    pub wanted: usize,
    /// Scores that came.
    pub found: usize,
}

/// Checks that scores are for this tile's cells, the plan's metrics and as many prompts.
pub fn check_scores(plan: &Plan, tile: TileId, scores: &TileScores) -> Result<(), ScoreShapeError> {
    let metrics = plan.context.metrics.len();
    let Some(tile) = plan.tiles.get(tile.0 as usize) else {
        return Err(ScoreShapeError { wanted: 0, found: scores.scores.len() });
    };
    let wanted = tile.cell_count() * metrics;
    let prompts = u64::from(tile.prompts.end - tile.prompts.start);
    let full = scores.scores.iter().filter(|score| score.value.count == prompts).count();
    if scores.metrics != metrics || full != wanted || scores.scores.len() != wanted {
        return Err(ScoreShapeError { wanted, found: full });
    }
    Ok(())
}

impl ScoreStore {
    /// For a plan of this many tiles.
    #[must_use]
    pub fn new(tiles: usize) -> Self {
        Self { tiles: vec![None; tiles] }
    }

    /// Keeps a tile's scores, checked by [`check_scores`].
    pub fn keep(&mut self, tile: TileId, scores: TileScores) {
        self.tiles[tile.0 as usize] = Some(scores);
    }

    /// Merges all tiles; cells without scores have count 0 and NaN means.
    #[must_use]
    pub fn merge(&self, plan: &Plan) -> Merged {
        let context = &plan.context;
        let (metrics, iterations) = (context.metrics.len(), context.iterations.len());
        let mut baselines = Baselines::new(iterations, metrics);
        let mut tensors: Vec<GridTensor> =
            context.grids.iter().map(|grid| GridTensor::new(grid, iterations, metrics)).collect();
        let scored: Vec<(&Tile, Option<&TileScores>)> =
            plan.tiles.iter().zip(self.tiles.iter().map(Option::as_ref)).collect();
        for section in scored.chunk_by(|(a, _), (b, _)| a.iteration == b.iteration && a.prompts == b.prompts) {
            merge_section(context, section, &mut baselines, &mut tensors);
        }
        let means = |run: usize| -> Vec<Vec<f32>> {
            let means = |metric| baselines.of(run, metric).map(|moments| to_f32(mean(moments))).collect();
            (0..metrics).map(means).collect()
        };
        let grids = context.grids.iter().zip(&tensors);
        let by_metric = grids.flat_map(|(grid, tensor)| {
            let metrics = context.metrics.iter().enumerate();
            metrics.map(|(index, metric)| tensor.scores(grid, index, metric.normalize.then_some(&baselines)))
        });
        Merged { clean: means(CLEAN), corrupted: means(CORRUPTED), grids: by_metric.collect() }
    }
}

/// Places of the cells of a baseline tile.
const CLEAN: usize = 0;
const CORRUPTED: usize = 1;

/// Merges the tiles of one iteration and range of prompts.
fn merge_section(
    context: &SweepContext,
    section: &[(&Tile, Option<&TileScores>)],
    baselines: &mut Baselines,
    tensors: &mut [GridTensor],
) {
    let metrics = context.metrics.len();
    // Of the run that is patched, as the score of a cell that cannot change it; empty until its tile is in.
    let mut untouched = vec![CellScore::default(); metrics];
    for (tile, scores) in section {
        let (TileWork::Baseline, Some(scores)) = (&tile.work, scores) else { continue };
        for run in 0..BASELINE_CELLS {
            baselines.merge(tile.iteration as usize, run, &scores.scores[run * metrics..][..metrics]);
        }
        let patched = match context.direction {
            Direction::Noising => CLEAN,
            Direction::Denoising => CORRUPTED,
        };
        untouched = scores.scores[patched * metrics..][..metrics].iter().map(without_effect).collect();
    }
    for (index, tensor) in (0..).zip(tensors) {
        let iteration = section[0].0.iteration as usize;
        let mut next = 0;
        for (tile, scores) in section {
            let TileWork::Patch { grid, cells } = &tile.work else { continue };
            if *grid != index {
                continue;
            }
            let mut rows = scores.map(|scores| scores.scores.chunks(metrics));
            for range in cells {
                tensor.leave(iteration, next..range.start, &untouched);
                next = range.end;
                for cell in range.clone() {
                    tensor.compute(iteration, cell, rows.as_mut().and_then(Iterator::next));
                }
            }
        }
        tensor.leave(iteration, next..tensor.cells(), &untouched);
    }
}

fn without_effect(score: &CellScore) -> CellScore {
    let count = score.value.count;
    CellScore { value: score.value, effect: Moments { count, ..Moments::default() } }
}

#[cfg(test)]
pub(crate) mod example;
#[cfg(test)]
mod tests;
