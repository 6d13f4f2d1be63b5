//! What an engine takes, for readers while it computes.

use std::sync::{Arc, Mutex, PoisonError};

use patchsweep_core::model::LoadedModel;
use patchsweep_core::scores::{CacheStats, MemoryUse};

/// What an engine takes at one moment.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Vitals {
    /// What the cache of activations did so far.
    pub cache: CacheStats,
    /// Of its device.
    pub memory: MemoryUse,
    /// Batches of the tile in hand that did not fit the memory so far.
    pub memory_retries: u64,
    /// Models in memory; the one that was used last is the last.
    pub loaded: Vec<LoadedModel>,
}

/// Shows an engine's vitals to other threads; clones share them.
#[derive(Clone, Debug, Default)]
pub struct Gauge(Arc<Mutex<Vitals>>);

impl Gauge {
    /// Shows zeros.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Shows these from now on.
    pub fn show(&self, vitals: Vitals) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = vitals;
    }

    /// What it shows.
    #[must_use]
    pub fn read(&self) -> Vitals {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}
