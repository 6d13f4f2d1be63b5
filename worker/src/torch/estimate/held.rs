//! What one computation gives beyond the tile that it was made for: as messages are bounded, a section's estimates are cut into
//! tiles, and its gradients are taken once.

use std::ops::Range;

use patchsweep_core::context::SweepContext;
use patchsweep_core::digest::Digest;
use patchsweep_core::scores::TileScores;
use patchsweep_core::tile::Tile;
use patchsweep_proto::wire::digest_of;

use super::OfGrid;

/// The estimates of an iteration over a range of prompts.
#[derive(Debug)]
pub(crate) struct Held {
    pub(super) key: Key,
    /// Of all grids; none of those that are not estimated.
    pub(super) grids: Vec<OfGrid>,
}

/// What they depend on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Key {
    context: Digest,
    model: Digest,
    iteration: u32,
    prompts: Range<u32>,
}

impl Key {
    /// `model`: its digest.
    pub(crate) fn of(context: &SweepContext, tile: &Tile, model: Digest) -> Self {
        Self { context: digest_of(context), model, iteration: tile.iteration, prompts: tile.prompts.clone() }
    }
}

impl Held {
    /// Those of a tile's cells.
    pub(super) fn of_tile(&self, tile: &Tile, metrics: usize) -> TileScores {
        let (grid, cells) = tile.work.cells().expect("a tile of estimates is of a grid");
        let of_grid = &self.grids[grid as usize];
        let of_range = |range: &Range<u32>| &of_grid[range.start as usize * metrics..range.end as usize * metrics];
        TileScores { metrics, scores: cells.iter().flat_map(of_range).copied().collect(), by_prompt: Vec::new() }
    }
}
