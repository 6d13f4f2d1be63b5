//! What computing a tile gives.

use crate::moments::Moments;

/// Scores of one cell under one metric.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct CellScore {
    /// The patched metric over prompts.
    pub value: Moments,
    /// Patched metric minus that of the run that is patched, prompt by prompt.
    pub effect: Moments,
}

impl CellScore {
    /// From one number per prompt of each.
    ///
    /// `values` and `baseline`: the metric of the patched and of the unpatched run \[prompts\].
    #[must_use]
    pub fn of(values: &[f32], baseline: &[f32]) -> Self {
        let effects: Vec<f64> =
            values.iter().zip(baseline).map(|(&value, &baseline)| f64::from(value) - f64::from(baseline)).collect();
        let values: Vec<f64> = values.iter().copied().map(f64::from).collect();
        Self { value: Moments::of(&values), effect: Moments::of(&effects) }
    }

    /// Of so many prompts that nothing changes; what their metric is does not matter.
    #[must_use]
    pub fn nothing(prompts: u64) -> Self {
        let nothing = Moments { count: prompts, mean: 0.0, m2: 0.0 };
        Self { value: nothing, effect: nothing }
    }

    /// Of both sets of prompts together.
    #[must_use]
    pub fn merge(self, other: Self) -> Self {
        Self { value: self.value.merge(other.value), effect: self.effect.merge(other.effect) }
    }
}

/// Scores of a tile \[cells, metrics\], cells in the tile's order.
#[derive(Clone, Debug, PartialEq)]
pub struct TileScores {
    /// Metrics per cell, at least one.
    pub metrics: usize,
    /// Row-major.
    pub scores: Vec<CellScore>,
    /// What is kept of each prompt \[cells, metrics, prompts\], in the metric's unit: the effect, or of baselines the metric
    /// itself; empty unless the sweep keeps it.
    pub by_prompt: Vec<f32>,
}

/// What computing a tile took.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct WorkDone {
    /// Multiply-adds of the matrix products that were executed.
    pub multiply_adds: u64,
    /// Calls of libtorch's operators, those that operators make of each other included.
    pub libtorch_calls: u64,
    /// Batches that did not fit the memory and were computed again in halves.
    pub memory_retries: u64,
    /// Bytes of weights that came to the device while it was computed, because the model does not fit there as a whole.
    pub streamed_bytes: u64,
}

impl WorkDone {
    /// Of several tiles together.
    #[must_use]
    pub fn and(self, other: Self) -> Self {
        Self {
            multiply_adds: self.multiply_adds.saturating_add(other.multiply_adds),
            libtorch_calls: self.libtorch_calls.saturating_add(other.libtorch_calls),
            memory_retries: self.memory_retries.saturating_add(other.memory_retries),
            streamed_bytes: self.streamed_bytes.saturating_add(other.streamed_bytes),
        }
    }
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

impl CacheStats {
    /// Of two caches together.
    #[must_use]
    pub fn and(self, other: Self) -> Self {
        Self {
            hits: self.hits.saturating_add(other.hits),
            misses: self.misses.saturating_add(other.misses),
            evictions: self.evictions.saturating_add(other.evictions),
            bytes: self.bytes.saturating_add(other.bytes),
            budget_bytes: self.budget_bytes.saturating_add(other.budget_bytes),
        }
    }
}

/// What a worker uses of its device's memory, in bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct MemoryUse {
    /// On the CPU weights and cached activations, on a GPU what the device says is taken, by any process.
    pub used: u64,
    /// Most that the worker may use; 0: it has not reported yet.
    pub budget: u64,
}
