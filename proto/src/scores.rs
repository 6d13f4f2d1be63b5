//! What computing a tile gives.

use crate::moments::Moments;

/// Scores of one cell under one metric.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct CellScore {
    /// The patched metric over prompts.
    pub value: Moments,
    /// Patched metric minus clean metric, prompt by prompt.
    pub effect: Moments,
}

impl CellScore {
    /// From one number per prompt of each.
    ///
    /// `values` and `clean`: the patched and the clean metric \[prompts\].
    #[must_use]
    pub fn of(values: &[f32], clean: &[f32]) -> Self {
        let effects: Vec<f64> =
            values.iter().zip(clean).map(|(&value, &clean)| f64::from(value) - f64::from(clean)).collect();
        let values: Vec<f64> = values.iter().copied().map(f64::from).collect();
        Self { value: Moments::of(&values), effect: Moments::of(&effects) }
    }

    /// Of both sets of prompts together.
    #[must_use]
    pub fn merge(self, other: Self) -> Self {
        Self { value: self.value.merge(other.value), effect: self.effect.merge(other.effect) }
    }
}

/// Scores of a tile \[cells, metrics\], cells in row-major order of the tile's ranges.
#[derive(Clone, Debug, PartialEq)]
pub struct TileScores {
    /// Metrics per cell, at least one.
    pub metrics: usize,
    /// Row-major.
    pub scores: Vec<CellScore>,
}

/// What a worker's cache did since the worker started.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct CacheStats {
    /// Look-ups that found the activation.
    pub hits: u64,
    /// Look-ups that had to compute it.
    pub misses: u64,
    /// Entries dropped to stay inside the budget.
    pub evictions: u64,
    /// Bytes held now.
    pub bytes: u64,
    /// Most bytes that may be held.
    pub budget_bytes: u64,
}
