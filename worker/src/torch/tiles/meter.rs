//! Measures what the engine takes of its device.

use std::cell::Cell;

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
    /// Bytes of the GPUs that were taken when they were asked last; none where there are no GPUs, or where they say nothing.
    taken: Cell<Option<u64>>,
    /// Retries of the tile in hand when they were asked.
    asked_after: Cell<u64>,
    /// Of all devices together.
    budget: u64,
    /// Bytes of the models in memory.
    weights: u64,
    loaded: Vec<LoadedModel>,
}

impl Meter {
    pub(crate) fn new(devices: Devices, budget: u64) -> Self {
        let (gauge, taken, asked_after) = (Gauge::new(), Cell::default(), Cell::default());
        let meter = Self { gauge, devices, taken, asked_after, budget, weights: 0, loaded: Vec::new() };
        meter.measure(CacheStats::default());
        meter
    }

    pub(crate) fn gauge(&self) -> Gauge {
        self.gauge.clone()
    }

    /// These models are in memory from now on, of so many bytes together.
    pub(crate) fn loaded(&mut self, weights: u64, loaded: Vec<LoadedModel>, cache: CacheStats) {
        (self.weights, self.loaded) = (weights, loaded);
        MODELS.set(&[], self.loaded.len() as u64);
        self.publish(cache, 0);
    }

    /// Measures at the beginning of a tile, and shows.
    pub(crate) fn measure(&self, cache: CacheStats) {
        self.ask(0);
        self.publish(cache, 0);
    }

    /// Shows what is kept. GPUs are asked anew only where more was tried again than before: asking is a call of the driver.
    ///
    /// `memory_retries`: of the tile in hand.
    pub(crate) fn show(&self, cache: CacheStats, memory_retries: u64) {
        if memory_retries > self.asked_after.get() {
            self.ask(memory_retries);
        }
        self.publish(cache, memory_retries);
    }

    fn publish(&self, cache: CacheStats, memory_retries: u64) {
        let memory = MemoryUse { used: self.used(cache), budget: self.budget };
        MEMORY_USED.set(&[], memory.used);
        self.gauge.show(Vitals { cache, memory, memory_retries, loaded: self.loaded.clone() });
    }

    fn ask(&self, memory_retries: u64) {
        let taken = self.devices.gpus().map(used_cuda_memory).collect::<Result<Vec<u64>, _>>();
        let taken = taken.ok().filter(|taken| !taken.is_empty());
        self.taken.set(taken.map(|taken| taken.iter().sum()));
        self.asked_after.set(memory_retries);
    }

    /// On the CPU what is kept between tiles, on GPUs what these said is taken.
    fn used(&self, cache: CacheStats) -> u64 {
        self.taken.get().unwrap_or_else(|| self.weights.saturating_add(cache.bytes))
    }
}
