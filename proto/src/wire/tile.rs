//! `Tile`.

use super::{WireError, range_from_wire, range_to_wire, required};
use crate::v1;
use patchsweep_core::context::SweepContext;
use patchsweep_core::ids::TileId;
use patchsweep_core::tile::{Tile, TileWork};

impl From<&Tile> for v1::Tile {
    fn from(tile: &Tile) -> Self {
        use v1::tile::Work;
        let work = match &tile.work {
            TileWork::Baseline => Work::Baseline(v1::BaselineWork {}),
            TileWork::Patch { grid, cells, plain } => {
                let cells = cells.iter().map(range_to_wire).collect();
                Work::Patch(v1::PatchWork { grid: *grid, cells, plain: *plain })
            }
            TileWork::Estimate { grid, cells, plain } => {
                let cells = cells.iter().map(range_to_wire).collect();
                Work::Estimate(v1::EstimateWork { grid: *grid, cells, plain: *plain })
            }
            TileWork::Activity { grid, cells } => {
                Work::Activity(v1::ActivityWork { grid: *grid, cells: cells.iter().map(range_to_wire).collect() })
            }
        };
        Self { id: tile.id.0, iteration: tile.iteration, prompts: Some(range_to_wire(&tile.prompts)), work: Some(work) }
    }
}

impl TryFrom<v1::Tile> for Tile {
    type Error = WireError;

    fn try_from(wire: v1::Tile) -> Result<Self, WireError> {
        use v1::tile::Work;
        let work = match required(wire.work, "Tile", "work")? {
            Work::Baseline(v1::BaselineWork {}) => TileWork::Baseline,
            Work::Patch(v1::PatchWork { grid, cells, plain }) => {
                let cells = cells.into_iter().map(|range| range_from_wire(range, "PatchWork", "cells"));
                TileWork::Patch { grid, cells: cells.collect::<Result<_, _>>()?, plain }
            }
            Work::Estimate(v1::EstimateWork { grid, cells, plain }) => {
                let cells = cells.into_iter().map(|range| range_from_wire(range, "EstimateWork", "cells"));
                TileWork::Estimate { grid, cells: cells.collect::<Result<_, _>>()?, plain }
            }
            Work::Activity(v1::ActivityWork { grid, cells }) => {
                let cells = cells.into_iter().map(|range| range_from_wire(range, "ActivityWork", "cells"));
                TileWork::Activity { grid, cells: cells.collect::<Result<_, _>>()? }
            }
        };
        let prompts = required(wire.prompts, "Tile", "prompts")?;
        let prompts = range_from_wire(prompts, "Tile", "prompts")?;
        Ok(Self { id: TileId(wire.id), iteration: wire.iteration, prompts, work })
    }
}

/// Whether a tile lies inside its sweep; a worker checks it before it computes.
pub fn refuse_tile(tile: &Tile, context: &SweepContext) -> Result<(), WireError> {
    let refuse = |field, reason: &str| Err(WireError::invalid("Tile", field, reason));
    if tile.iteration as usize >= context.iterations.len() {
        return refuse("iteration", "out of range");
    }
    if tile.prompts.end > context.clean.prompts() {
        return refuse("prompts", "out of range");
    }
    if let Some((grid, cells)) = tile.work.cells() {
        let Some(grid) = context.grids.get(grid as usize) else {
            return refuse("grid", "out of range");
        };
        if grid.estimate.is_none() && matches!(tile.work, TileWork::Estimate { .. }) {
            return refuse("estimate", "the grid has none");
        }
        if tile.is_activity() && !grid.chooses_features() {
            return refuse("activity", "all of the grid's features are computed");
        }
        let count = grid.cell_count().map_err(|error| WireError::invalid("Tile", "grid", error))?;
        let ascending = cells.is_sorted_by(|a, b| a.end <= b.start);
        if cells.is_empty() || !ascending || cells.last().is_some_and(|last| last.end > count) {
            return refuse("cells", "not ascending, or outside the grid");
        }
    }
    Ok(())
}
