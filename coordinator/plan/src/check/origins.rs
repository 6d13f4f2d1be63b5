//! Which tile of a sweep computes a cell.

use std::collections::BTreeMap;
use std::ops::Range;

use patchsweep_core::ids::TileId;
use patchsweep_core::tile::{Tile, TileWork};

use crate::Plan;

/// Which of a cell's scores.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Score {
    /// Effect and value.
    Effect,
    /// The estimated effect.
    Estimate,
}

impl Score {
    /// Which ones a tile of cells has; `None` of baselines and of what says which features are active.
    #[must_use]
    pub fn of(work: &TileWork) -> Option<Self> {
        match work {
            TileWork::Baseline | TileWork::Activity { .. } => None,
            TileWork::Patch { .. } => Some(Self::Effect),
            TileWork::Estimate { .. } => Some(Self::Estimate),
        }
    }
}

/// Which tile of a plan computes a cell.
#[derive(Debug)]
pub struct Origins<'a>(BTreeMap<(u32, u32, u32, Score), Vec<&'a Tile>>);

impl<'a> Origins<'a> {
    /// Of the cells of this plan.
    #[must_use]
    pub fn of(plan: &'a Plan) -> Self {
        let mut tiles: BTreeMap<_, Vec<&Tile>> = BTreeMap::new();
        for tile in &plan.tiles {
            if let (Some((grid, _)), Some(score)) = (tile.work.cells(), Score::of(&tile.work)) {
                tiles.entry((tile.iteration, tile.prompts.start, grid, score)).or_default().push(tile);
            }
        }
        Self(tiles)
    }

    /// The tile that computes a cell over the prompts that another tile begins with; `None` where none does.
    #[must_use]
    pub fn tile(&self, like: &Tile, grid: u32, score: Score, cell: u32) -> Option<TileId> {
        let tiles = self.0.get(&(like.iteration, like.prompts.start, grid, score))?;
        let behind = tiles.partition_point(|tile| ranges(tile).first().is_some_and(|first| first.start <= cell));
        let tile = tiles.get(behind.checked_sub(1)?)?;
        ranges(tile).iter().any(|range| range.contains(&cell)).then_some(tile.id)
    }
}

pub(super) fn ranges(tile: &Tile) -> &[Range<u32>] {
    tile.work.cells().map_or(&[], |(_, cells)| cells)
}
