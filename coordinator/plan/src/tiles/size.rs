//! How large tiles are.

use patchsweep_core::context::SweepContext;
use patchsweep_core::status::PlanOptions;

/// Fine enough to balance any team of workers.
const TILES_WANTED: u64 = 64;

/// How large a tile is that its machine computes well.
#[derive(Clone, Copy)]
struct TileSize {
    /// Multiply-adds: coarse enough that its messages are little beside it.
    smallest: u64,
    /// Multiply-adds: seconds at most.
    largest: u64,
    /// Rows of a tile's batch from which on matrix products run at full speed.
    rows: u64,
}

impl TileSize {
    const ON_CPU: Self = Self { smallest: 5_000_000_000, largest: 1_000_000_000_000, rows: 2048 };
    /// At 3e13 to 4e14 multiply-adds a second, and some 10 milliseconds in which the CPU starts a batch's operators.
    const ON_GPU: Self = Self { smallest: 1_000_000_000_000, largest: 20_000_000_000_000, rows: 16_384 };

    /// Of a tile of a sweep of so many multiply-adds.
    fn aim(self, everything: u64) -> Aim {
        Aim { multiply_adds: (everything / TILES_WANTED).clamp(self.smallest, self.largest), rows: self.rows }
    }
}

/// What a tile has before it is closed: both.
#[derive(Clone, Copy)]
pub(crate) struct Aim {
    pub(crate) multiply_adds: u64,
    pub(super) rows: u64,
}

impl Aim {
    /// Of the tiles of a sweep, or of a part of one, of so many multiply-adds.
    pub(crate) fn of(options: PlanOptions, everything: impl FnOnce() -> u64) -> Self {
        match options {
            PlanOptions { tile_multiply_adds: Some(given), .. } => Self { multiply_adds: given.max(1), rows: 0 },
            PlanOptions { for_gpus: true, .. } => TileSize::ON_GPU.aim(everything()),
            PlanOptions { for_gpus: false, .. } => TileSize::ON_CPU.aim(everything()),
        }
    }
}

pub(super) const MOST_PROMPTS_PER_TILE: u32 = 256;

/// Whole runs of a tile's prompts, whose activations a worker holds at once.
pub(super) const TOKENS_PER_TILE: u32 = 8192;

/// Most prompts of a tile where nobody asks for a number.
pub(super) fn default_prompts(context: &SweepContext) -> u32 {
    (TOKENS_PER_TILE / (context.last_read() + 1)).clamp(1, MOST_PROMPTS_PER_TILE)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tile_is_as_large_as_was_asked_or_as_its_machine_computes_well() {
        let aim = |tile_multiply_adds, for_gpus, everything| {
            let aim = Aim::of(PlanOptions { tile_multiply_adds, tile_prompts: None, for_gpus }, || everything);
            (aim.multiply_adds, aim.rows)
        };
        assert_eq!(aim(None, false, 64 * 7_000_000_000), (7_000_000_000, 2048));
        assert_eq!(aim(None, false, u64::MAX), (1_000_000_000_000, 2048));
        assert_eq!(aim(None, true, 0), (1_000_000_000_000, 16_384));
        assert_eq!([aim(Some(0), true, 1), aim(Some(9), false, 1)], [(1, 0), (9, 0)]);
    }
}
