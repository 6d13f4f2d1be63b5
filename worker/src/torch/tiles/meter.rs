//! Measures what the engine takes of its device.

use patchsweep_core::model::LoadedModel;
use patchsweep_core::scores::{CacheStats, MemoryUse};

use crate::gauge::{Gauge, Vitals};
use crate::telemetry::{MEMORY_USED, MODELS};
use crate::torch::device::used_cuda_memory;
use crate::torch::devices::Devices;

/// Measures while a tile is computed.
#[derive(Debug)]
pub(crate) struct Meter {
    gauge: Gauge,
    devices: Devices,
    /// Of all devices together.
    budget: u64,
    /// Bytes of the models in memory.
    weights: u64,
    loaded: Vec<LoadedModel>,
}

impl Meter {
    pub(crate) fn new(devices: Devices, budget: u64) -> Self {
        let meter = Self { gauge: Gauge::new(), devices, budget, weights: 0, loaded: Vec::new() };
        meter.show(CacheStats::default(), 0);
        meter
    }

    pub(crate) fn gauge(&self) -> Gauge {
        self.gauge.clone()
    }

    /// These models are in memory from now on, of so many bytes together.
    pub(crate) fn loaded(&mut self, weights: u64, loaded: Vec<LoadedModel>, cache: CacheStats) {
        (self.weights, self.loaded) = (weights, loaded);
        MODELS.set(&[], self.loaded.len() as u64);
        self.show(cache, 0);
    }

    /// Measures and shows. `memory_retries`: of the tile in hand.
    pub(crate) fn show(&self, cache: CacheStats, memory_retries: u64) {
        let memory = MemoryUse { used: self.used(cache), budget: self.budget };
        MEMORY_USED.set(&[], memory.used);
        self.gauge.show(Vitals { cache, memory, memory_retries, loaded: self.loaded.clone() });
    }

    /// On the CPU what is kept between tiles, on GPUs what these say is taken.
    fn used(&self, cache: CacheStats) -> u64 {
        let kept = self.weights.saturating_add(cache.bytes);
        let taken = self.devices.gpus().map(used_cuda_memory).collect::<Result<Vec<u64>, _>>();
        match taken.as_deref() {
            Ok([]) | Err(_) => kept,
            Ok(taken) => taken.iter().sum(),
        }
    }
}
