//! Puts the tiles' scores together.
//!
//! Moments are merged in tile order, not in order of arrival: floating-point sums depend on their order,
//! and the same tiles must give the same bits whichever came first.

use patchsweep_proto::grid::Grid;
use patchsweep_proto::ids::TileId;
use patchsweep_proto::moments::Moments;
use patchsweep_proto::results::{GridScores, STATUS_COMPUTED, STATUS_NOT_FINITE};
use patchsweep_proto::scores::{CellScore, TileScores};
use patchsweep_proto::tile::{BASELINE_CELLS, TileWork, indices};

use crate::plan::Plan;

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
        let runs = u32::try_from(BASELINE_CELLS).unwrap_or(u32::MAX);
        let mut baselines = Tensor::new(vec![runs], iterations, metrics);
        let mut tensors: Vec<Tensor> = context
            .grids
            .iter()
            .map(|grid| Tensor::new(grid.extents(&context.shape, context.clean.positions()), iterations, metrics))
            .collect();
        for (tile, scores) in plan.tiles.iter().zip(&self.tiles) {
            let Some(scores) = scores else { continue };
            let iteration = tile.iteration as usize;
            let rows = scores.scores.chunks(metrics);
            let (tensor, cells) = match &tile.work {
                TileWork::Baseline => (&mut baselines, (0..runs).map(|run| vec![run]).collect()),
                TileWork::Patch { grid, cells } => (&mut tensors[*grid as usize], indices(cells)),
            };
            for (index, row) in cells.iter().zip(rows) {
                tensor.merge(iteration, index, row);
            }
        }
        let baseline = |run: usize| {
            let means = |metric| baselines.means(metric, |score| score.value);
            (0..metrics).map(|metric| means(metric).skip(run).step_by(BASELINE_CELLS).collect()).collect()
        };
        let grids = context.grids.iter().zip(&tensors);
        Merged {
            clean: baseline(0),
            corrupted: baseline(1),
            grids: grids
                .flat_map(|(grid, tensor)| (0..metrics).map(move |metric| tensor.scores(grid, metric)))
                .collect(),
        }
    }
}

/// Scores of one grid \[iterations, axes.., metrics\].
struct Tensor {
    extents: Vec<u32>,
    metrics: usize,
    scores: Vec<CellScore>,
}

impl Tensor {
    fn new(extents: Vec<u32>, iterations: usize, metrics: usize) -> Self {
        let cells: usize = extents.iter().map(|&extent| extent as usize).product();
        Self { extents, metrics, scores: vec![CellScore::default(); iterations * cells * metrics] }
    }

    fn merge(&mut self, iteration: usize, index: &[u32], row: &[CellScore]) {
        let pairs = index.iter().zip(&self.extents);
        let cell = pairs.fold(iteration, |place, (&i, &extent)| place * extent as usize + i as usize);
        for (score, new) in self.scores[cell * self.metrics..].iter_mut().zip(row) {
            *score = score.merge(*new);
        }
    }

    /// All cells under one metric, row-major.
    fn cells(&self, metric: usize) -> impl Iterator<Item = &CellScore> {
        self.scores.iter().skip(metric).step_by(self.metrics)
    }

    /// NaN where nothing was merged.
    fn means(&self, metric: usize, part: fn(&CellScore) -> Moments) -> impl Iterator<Item = f32> {
        self.cells(metric).map(part).map(|moments| match moments.count {
            0 => f32::NAN,
            _ => to_f32(moments.mean),
        })
    }

    fn scores(&self, grid: &Grid, metric: usize) -> GridScores {
        GridScores {
            metric,
            grid: grid.name.clone(),
            component: grid.component.name().to_owned(),
            axes: grid.axes.iter().map(|axis| axis.name().to_owned()).collect(),
            extents: self.extents.iter().map(|&extent| extent as usize).collect(),
            effect: self.means(metric, |score| score.effect).collect(),
            value: self.means(metric, |score| score.value).collect(),
            stderr: self.cells(metric).map(|score| to_f32(score.effect.standard_error())).collect(),
            count: self.cells(metric).map(|score| score.value.count).collect(),
            status: self.cells(metric).map(status).collect(),
        }
    }
}

fn status(score: &CellScore) -> u32 {
    let finite = score.value.mean.is_finite() && score.effect.mean.is_finite();
    if finite { STATUS_COMPUTED } else { STATUS_NOT_FINITE }
}

/// Results are float32 by contract; the sums behind them are float64.
#[allow(clippy::cast_possible_truncation)]
fn to_f32(number: f64) -> f32 {
    number as f32
}

#[cfg(test)]
mod tests;
