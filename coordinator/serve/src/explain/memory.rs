//! How much memory a worker needs for a sweep at the very least.

use patchsweep_core::context::SweepContext;
use patchsweep_core::grid::{Axis, Component};
use patchsweep_core::weights::{Placement, WeightBytes};
use patchsweep_core::workers::WorkerStatus;

/// What a worker needs for one prompt, in bytes. An estimate: what an engine takes besides is a small part of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MemoryNeed {
    /// The model's weights.
    pub weights: WeightBytes,
    /// Activations of one prompt that are kept between tiles, and the dictionary of a tile of features.
    pub activations: u64,
}

impl MemoryNeed {
    /// Of a sweep.
    #[must_use]
    pub fn of(context: &SweepContext) -> Self {
        let model = &context.architecture;
        // Keys and values of the clean run, and as much again and a half for what grids read of both runs.
        let last_read = context.parts().map(|part| part.context.last_read()).max().unwrap_or(0);
        let positions = u64::from(last_read) + 1;
        let kept = 5 * u64::from(model.d_keys()) * u64::from(model.layers) * positions;
        // A tile of neurons reads the hidden layer of both runs in one layer at least, of several writes in that of each.
        let patched = context.grids.iter().map(|grid| {
            let own = grid.components().filter(|component| component.has_neurons()).count() as u64;
            let also = grid.also().iter().filter(|also| also.component.has_neurons()).count() as u64;
            own * u64::from(grid.window()) + also
        });
        let hidden = 2 * Component::MlpPost.numbers(model, positions);
        let neurons = patched.max().unwrap_or(0).saturating_mul(hidden);
        // A dictionary, and of a prompt a cell's features in both runs with their difference, all float32.
        let features = context.grids.iter().filter_map(|grid| {
            let of_cell = |axis| if grid.axes.contains(&axis) { 1 } else { grid.indices(axis).len() as u64 };
            let written = of_cell(Axis::Feature) * of_cell(Axis::Pos).min(positions);
            Some(4 * (grid.dictionary()?.numbers() + 3 * written))
        });
        let features = features.max().unwrap_or(0);
        let weights = WeightBytes::of(model, context.dtype);
        let activations = kept.saturating_add(neurons).saturating_mul(context.dtype.bytes());
        Self { weights, activations: activations.saturating_add(features) }
    }

    /// The least of weights that a worker has to have on a device at once, and the activations.
    #[must_use]
    pub fn least(&self, worker: &WorkerStatus) -> u64 {
        self.weights.placed(Placement::Streamed, devices(worker), maps_around(worker)).saturating_add(self.activations)
    }

    /// Whether a worker may use less than that on each of its devices; one that has not reported yet what it may use has enough.
    #[must_use]
    pub fn is_short_on(&self, worker: &WorkerStatus) -> bool {
        (1..self.least(worker)).contains(&budget_of_each(worker))
    }

    /// Whether a worker has to stream the weights, and can; one that has not reported yet what it may use does not have to.
    #[must_use]
    pub fn is_streamed_on(&self, worker: &WorkerStatus) -> bool {
        let budget = budget_of_each(worker);
        let placement = || self.weights.placement(budget, devices(worker), maps_around(worker));
        budget > 0 && placement() == Some(Placement::Streamed)
    }
}

/// Whether embeddings may stay in their files: on the CPU, where these are of the sweep's dtype.
fn maps_around(worker: &WorkerStatus) -> bool {
    worker.device.split(',').all(|device| device == "cpu")
}

/// What a worker may use on each of its devices; 0: it has not reported yet.
fn budget_of_each(worker: &WorkerStatus) -> u64 {
    worker.memory.budget / devices(worker) as u64
}

/// How many devices a worker has.
fn devices(worker: &WorkerStatus) -> usize {
    worker.device.split(',').count()
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use patchsweep_core::architecture::{Architecture, Sizes};
    use patchsweep_core::grid::Grid;
    use patchsweep_core::scores::MemoryUse;
    use patchsweep_core::status::PlanOptions;
    use patchsweep_plan::fixtures;

    use super::*;
    use crate::fixtures::worker;

    #[test]
    fn gpt2_small_takes_its_124_million_numbers_or_streams_them() {
        let mut plan = fixtures::plan(PlanOptions::default());
        let context = Arc::make_mut(&mut plan.context);
        let sizes = Sizes { layers: 12, heads: 12, d_model: 768, d_mlp: 3072, d_vocab: 50_257, n_ctx: 1024 };
        context.architecture = Architecture::plain(sizes);
        let need = MemoryNeed::of(context);
        assert_eq!(need.weights.all(), (124_439_808 + 12 * 768) * 4);
        assert_eq!(need.activations, 5 * 768 * 12 * 3 * 4);
        let with = |device: &str, mib: u64| WorkerStatus {
            device: device.into(),
            memory: MemoryUse { used: 0, budget: mib << 20 },
            ..worker(1)
        };
        let streamed = |device, mib| need.is_streamed_on(&with(device, mib));
        assert_eq!([50, 256, 475, 476].map(|mib| streamed("cpu", mib)), [false, true, true, false]);
        assert_eq!([150, 256].map(|mib| streamed("cuda:0", mib)), [false, true], "embeddings are on the device");
        assert!(!streamed("cpu", 0), "it has not reported yet");
        assert_eq!([475 * 2, 300 * 2].map(|mib| streamed("cuda:0,cuda:1", mib)), [false, true], "half of it on each");
        assert_eq!(need.least(&with("cpu", 0)), 2 * need.weights.block + need.activations);
    }

    #[test]
    fn neurons_take_the_hidden_layer_of_both_runs() {
        let mut plan = fixtures::plan(PlanOptions::default());
        let context = Arc::make_mut(&mut plan.context);
        let without = MemoryNeed::of(context).activations;
        let axes = vec![Axis::Layer, Axis::Neuron];
        let grid = Grid::new("n".into(), Component::MlpPre, axes, &context.architecture, context.clean.positions());
        context.grids.push(grid.expect("a grid"));
        let neurons = 2 * u64::from(context.architecture.d_mlp) * 3 * 4;
        assert_eq!(MemoryNeed::of(context).activations, without + neurons);
    }
}
