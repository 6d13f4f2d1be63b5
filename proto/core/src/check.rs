//! Which part of a sweep is computed again by plain forward passes.

use crate::ids::SweepId;

/// A random sample of a sweep's cells.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CheckOf {
    /// The sweep that is checked.
    pub sweep: SweepId,
    /// Cells drawn among those that were computed, at least; no-ops are drawn beside them, a fourth as many.
    pub cells: u32,
    /// Of the draw.
    pub seed: u64,
}

/// Fewest cells that a check draws where nobody says how many.
pub const LEAST_CELLS: u32 = 20;

/// Share of a sweep's cells that a check draws where nobody says how many.
pub const DEFAULT_FRACTION: f64 = 0.01;

impl CheckOf {
    /// No-ops to draw.
    #[must_use]
    pub fn noops(&self) -> u32 {
        self.cells.div_ceil(4)
    }
}
