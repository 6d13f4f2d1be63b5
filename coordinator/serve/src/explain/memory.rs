//! How much memory a worker needs for a sweep at the very least.

use patchsweep_core::context::SweepContext;

/// What a worker needs for one prompt, in bytes. An estimate: what an engine takes besides is a small part of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MemoryNeed {
    /// The model's weights.
    pub weights: u64,
    /// Activations of one prompt that are kept between tiles.
    pub activations: u64,
}

impl MemoryNeed {
    /// Of a sweep.
    #[must_use]
    pub fn of(context: &SweepContext) -> Self {
        let model = &context.architecture;
        let numbers = model.parameter_count();
        // Keys and values of the clean run, and as much again and a half for what grids read of both runs.
        let kept = 5 * u64::from(model.d_keys()) * u64::from(model.layers) * (u64::from(context.last_read()) + 1);
        let bytes = context.dtype.bytes();
        Self { weights: numbers.saturating_mul(bytes), activations: kept.saturating_mul(bytes) }
    }

    /// Of both.
    #[must_use]
    pub fn total(&self) -> u64 {
        self.weights.saturating_add(self.activations)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use patchsweep_core::architecture::{Architecture, Sizes};
    use patchsweep_core::status::PlanOptions;
    use patchsweep_plan::fixtures;

    use super::*;

    #[test]
    fn gpt2_small_takes_its_124_million_numbers() {
        let mut plan = fixtures::plan(PlanOptions::default());
        let context = Arc::make_mut(&mut plan.context);
        let sizes = Sizes { layers: 12, heads: 12, d_model: 768, d_mlp: 3072, d_vocab: 50_257, n_ctx: 1024 };
        context.architecture = Architecture::plain(sizes);
        let need = MemoryNeed::of(context);
        assert_eq!(need.weights, 124_439_808 * 4);
        assert_eq!(need.activations, 5 * 768 * 12 * 3 * 4);
        assert_eq!(need.total(), need.weights + need.activations);
    }
}
