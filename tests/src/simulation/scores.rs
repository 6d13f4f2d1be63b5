//! Made-up scores: a pure function of the tile, so that every worker computes the same.

use patchsweep_core::moments::Moments;
use patchsweep_core::scores::{CellScore, TileScores};
use patchsweep_core::tile::Tile;

/// The scores of a tile.
#[must_use]
pub fn of(tile: &Tile, metrics: usize) -> TileScores {
    let count = u64::from(tile.prompts.end - tile.prompts.start);
    let score = |index: usize| {
        let number = |salt: u64| fraction(u64::from(tile.id.0) << 32 | (index as u64) << 3 | salt);
        CellScore {
            value: Moments { count, mean: 8.0 * number(0) - 4.0, m2: number(1) },
            effect: Moments { count, mean: number(2) - 0.5, m2: number(3) },
        }
    };
    let scores = (0..tile.cell_count() * metrics).map(score).collect();
    TileScores { metrics, scores, by_prompt: Vec::new() }
}

/// Between 0 and 1, evenly spread: the output function of `SplitMix64` (Steele, Lea and Flood, 2014).
fn fraction(seed: u64) -> f64 {
    let mut bits = seed.wrapping_mul(0x9E37_79B9_7F4A_7C15);
    bits = (bits ^ (bits >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    bits = (bits ^ (bits >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    f64::from(u32::try_from((bits ^ (bits >> 31)) >> 32).unwrap_or_default()) / f64::from(u32::MAX)
}
