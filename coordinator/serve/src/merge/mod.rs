//! Puts the tiles' scores together.
//!
//! Moments are merged in tile order, not in order of arrival: floating-point sums depend on their order,
//! and the same tiles must give the same bits whichever came first. So tiles are taken one by one in that order, and
//! none is held: what is needed is little more than the tensors.

mod activity;
mod baselines;
mod chosen;
pub mod compare;
mod estimates;
mod iteration;
mod merger;
mod pool;
mod range;
mod sections;
mod shown;
mod sums;
mod tensors;

use std::convert::Infallible;

use patchsweep_core::ids::TileId;
use patchsweep_core::results::{CellStatus, GridScores, SweepResults};
use patchsweep_core::scores::{CellScore, TileScores};

pub use activity::Activities;
pub use merger::Merger;
use patchsweep_plan::Plan;

/// What became of a tile.
#[derive(Clone, Debug, PartialEq)]
pub enum TileOutcome {
    /// It was computed.
    Scores(TileScores),
    /// It failed on every attempt.
    GivenUp,
    /// It was not computed yet.
    Pending,
}

impl TileOutcome {
    /// Those that it has.
    #[must_use]
    pub fn scores(&self) -> Option<&TileScores> {
        match self {
            Self::Scores(scores) => Some(scores),
            Self::GivenUp | Self::Pending => None,
        }
    }
}

/// A sweep's tensors.
#[derive(Clone, Debug, PartialEq)]
pub struct Merged {
    /// Mean clean metric \[metrics\]\[iterations\]; NaN where a baseline was given up or is pending.
    pub clean: Vec<Vec<f32>>,
    /// Mean corrupted metric \[metrics\]\[iterations\]; NaN where a baseline was given up or is pending.
    pub corrupted: Vec<Vec<f32>>,
    /// What became of the baselines \[iterations\].
    pub baselines: Vec<CellStatus>,
    /// Every grid under every metric.
    pub grids: Vec<GridScores>,
}

/// Scores that do not fit the tile that they are for.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{found} {what} given, not {wanted}")]
pub struct ScoreShapeError {
    /// Numbers of what.
    pub what: &'static str,
    /// How many the tile has.
    pub wanted: usize,
    /// How many came.
    pub found: usize,
}

/// Why tiles cannot be merged.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum MergeError<E = Infallible> {
    /// The next tile could not be had.
    #[error(transparent)]
    Source(E),
    /// Tiles come in the plan's order, each once.
    #[error("tile {found} came where {} was due", .wanted.map_or_else(|| "none".to_owned(), |tile| tile.to_string()))]
    OutOfOrder {
        /// The tile that came.
        found: TileId,
        /// The tile that is next; `None`: all have come.
        wanted: Option<TileId>,
    },
    /// A tile that was neither computed nor given up.
    #[error("there is no outcome of tile {tile}")]
    Missing {
        /// The first such tile.
        tile: TileId,
    },
    /// A tile where the plan cannot have one of its kind.
    #[error("tile {tile} has work that its plan cannot have there")]
    Work {
        /// The tile.
        tile: TileId,
    },
    /// Scores of other cells, metrics or prompts.
    #[error("tile {tile}: {shape}")]
    Shape {
        /// The tile.
        tile: TileId,
        /// What is wrong with them.
        shape: ScoreShapeError,
    },
}

/// Merges the outcomes of all tiles of a plan, which come in the plan's order. [`Merger`] takes them one by one.
///
/// A cell that one of its tiles, over whichever prompts, was given up for has failed: it gets no mean over the others. Nor
/// does one while a tile of it is pending.
pub fn merge<E>(
    plan: &Plan,
    tiles: impl IntoIterator<Item = Result<(TileId, TileOutcome), E>>,
) -> Result<Merged, MergeError<E>> {
    let mut merger = Merger::new(plan);
    for tile in tiles {
        let (tile, outcome) = tile.map_err(MergeError::Source)?;
        merger.push(tile, &outcome).map_err(MergeError::widen)?;
    }
    merger.finish().map_err(MergeError::widen)
}

impl MergeError {
    /// As one of the errors of a source that can fail.
    #[must_use]
    pub fn widen<E>(self) -> MergeError<E> {
        match self {
            Self::Source(never) => match never {},
            Self::OutOfOrder { found, wanted } => MergeError::OutOfOrder { found, wanted },
            Self::Missing { tile } => MergeError::Missing { tile },
            Self::Work { tile } => MergeError::Work { tile },
            Self::Shape { tile, shape } => MergeError::Shape { tile, shape },
        }
    }
}

impl Merged {
    /// The tensors with their labels.
    ///
    /// `manifest`: a JSON object, as [`crate::manifest::manifest`] gives it.
    #[must_use]
    pub fn into_results(self, plan: &Plan, manifest: String) -> SweepResults {
        SweepResults {
            name: plan.name.clone(),
            iteration_labels: plan.iteration_labels.clone(),
            token_labels: plan.token_labels.clone(),
            metrics: plan.context.metrics.iter().map(|metric| metric.name.clone()).collect(),
            clean: self.clean,
            corrupted: self.corrupted,
            baselines: self.baselines,
            grids: self.grids,
            manifest,
            replicates: plan.context.replicates,
        }
    }
}

const SCORES: &str = "scores of cells under metrics, over all prompts of the tile,";

/// Checks that scores are for this tile's cells, as many of each as it has, and as many prompts.
pub fn refuse_scores(plan: &Plan, tile: TileId, scores: &TileScores) -> Result<(), ScoreShapeError> {
    let Some(tile) = plan.tiles.get(tile.0 as usize) else {
        return Err(ScoreShapeError { what: SCORES, wanted: 0, found: scores.scores.len() });
    };
    let metrics = tile.scores_per_cell(&plan.context);
    let wanted = tile.cell_count() * metrics;
    let prompts = u64::from(tile.prompts.end - tile.prompts.start);
    let is_full = |score: &&CellScore| score.value.count == prompts && score.effect.count == prompts;
    let full = scores.scores.iter().filter(is_full).count();
    if scores.metrics != metrics || full != wanted || scores.scores.len() != wanted {
        return Err(ScoreShapeError { what: SCORES, wanted, found: full });
    }
    let keeps = plan.context.per_prompt && tile.is_patch();
    let effects = if keeps { wanted * tile.prompts.len() } else { 0 };
    if scores.prompt_effects.len() != effects {
        let found = scores.prompt_effects.len();
        return Err(ScoreShapeError { what: "effects on single prompts", wanted: effects, found });
    }
    Ok(())
}

#[cfg(test)]
mod tests;
