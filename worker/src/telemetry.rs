//! What a worker measures; docs/monitoring.md shows it as a table.

use patchsweep_core::scores::CacheStats;
use patchsweep_process::telemetry::{Instrument, Kind};

use crate::phases::Phase;

/// All of them.
pub const INSTRUMENTS: [&Instrument; 17] = [
    &BUILD,
    &SESSION,
    &SESSIONS_LOST,
    &TILES,
    &PHASE_SECONDS,
    &MULTIPLY_ADDS,
    &MEMORY_RETRIES,
    &STREAMED_BYTES,
    &MODELS_LOADED,
    &MODELS,
    &CACHE_HITS,
    &CACHE_MISSES,
    &CACHE_EVICTIONS,
    &CACHE_BYTES,
    &CACHE_BUDGET,
    &MEMORY_USED,
    &MEMORY_BUDGET,
];

/// The release.
pub const BUILD: Instrument = Instrument {
    name: "patchsweep_worker_build_info",
    kind: Kind::Gauge,
    labels: &[("version", &[env!("CARGO_PKG_VERSION")])],
    help: "Always 1; the label is the release of the program.",
};

/// Whether there is a coordinator.
pub const SESSION: Instrument = Instrument {
    name: "patchsweep_worker_session",
    kind: Kind::Gauge,
    labels: &[("state", &["connecting", "registered", "leaving"])],
    help: "1 for the state that the worker is in, 0 for the others.",
};

/// Broken connections.
pub const SESSIONS_LOST: Instrument = Instrument {
    name: "patchsweep_worker_sessions_lost_total",
    kind: Kind::Counter,
    labels: &[],
    help: "Sessions with the coordinator, or attempts at one, that ended without the worker wanting it.",
};

/// Tiles by outcome.
pub const TILES: Instrument = Instrument {
    name: "patchsweep_worker_tiles_total",
    kind: Kind::Counter,
    labels: &[("outcome", &["computed", "failed", "cancelled"])],
    help: "Tiles that the worker had in hand.",
};

/// Time by phase.
pub const PHASE_SECONDS: Instrument = Instrument {
    name: "patchsweep_worker_phase_seconds",
    kind: Kind::Histogram(&[0.001, 0.01, 0.1, 0.5, 1.0, 5.0, 10.0, 60.0, 300.0]),
    labels: &[("phase", &Phase::NAMES)],
    help: "What the work on tiles took, phase by phase. Phases do not contain each other: their sums add up.",
};

/// Arithmetic.
pub const MULTIPLY_ADDS: Instrument = Instrument {
    name: "patchsweep_worker_multiply_adds_total",
    kind: Kind::Counter,
    labels: &[],
    help: "Multiply-adds that were executed for tiles that were computed.",
};

/// Too little memory.
pub const MEMORY_RETRIES: Instrument = Instrument {
    name: "patchsweep_worker_memory_retries_total",
    kind: Kind::Counter,
    labels: &[],
    help: "Batches that did not fit the memory and were computed again in halves.",
};

/// Too little memory for a model.
pub const STREAMED_BYTES: Instrument = Instrument {
    name: "patchsweep_worker_streamed_bytes_total",
    kind: Kind::Counter,
    labels: &[],
    help: "Bytes of weights that came to the device for tiles that were computed, of models that do not fit there as a whole.",
};

/// Weights that were read.
pub const MODELS_LOADED: Instrument = Instrument {
    name: "patchsweep_worker_models_loaded_total",
    kind: Kind::Counter,
    labels: &[],
    help: "Models that were loaded into memory, again where they had been dropped for others.",
};

/// In memory.
pub const MODELS: Instrument =
    Instrument { name: "patchsweep_worker_models", kind: Kind::Gauge, labels: &[], help: "Models that are in memory." };

/// Of the cache.
pub const CACHE_HITS: Instrument = Instrument {
    name: "patchsweep_worker_cache_hits_total",
    kind: Kind::Counter,
    labels: &[],
    help: "Activations that were found in the cache.",
};

/// Of the cache.
pub const CACHE_MISSES: Instrument = Instrument {
    name: "patchsweep_worker_cache_misses_total",
    kind: Kind::Counter,
    labels: &[],
    help: "Activations that were not found in the cache.",
};

/// Of the cache.
pub const CACHE_EVICTIONS: Instrument = Instrument {
    name: "patchsweep_worker_cache_evictions_total",
    kind: Kind::Counter,
    labels: &[],
    help: "Activations that were dropped to make room.",
};

/// Of the cache.
pub const CACHE_BYTES: Instrument = Instrument {
    name: "patchsweep_worker_cache_bytes",
    kind: Kind::Gauge,
    labels: &[],
    help: "What the cached activations take of the device's memory.",
};

/// Of the cache.
pub const CACHE_BUDGET: Instrument = Instrument {
    name: "patchsweep_worker_cache_budget_bytes",
    kind: Kind::Gauge,
    labels: &[],
    help: "What cached activations may take.",
};

/// Of the device.
pub const MEMORY_USED: Instrument = Instrument {
    name: "patchsweep_worker_memory_used_bytes",
    kind: Kind::Gauge,
    labels: &[],
    help: "What is taken of the device's memory: on a GPU by everybody who uses it, at any time; on the CPU by weights and cached activations.",
};

/// Of the device.
pub const MEMORY_BUDGET: Instrument = Instrument {
    name: "patchsweep_worker_memory_budget_bytes",
    kind: Kind::Gauge,
    labels: &[],
    help: "What weights, cached activations and work may take together.",
};

pub(crate) fn show_cache(stats: CacheStats) {
    let CacheStats { hits, misses, evictions, bytes, budget_bytes, .. } = stats;
    CACHE_HITS.count_to(&[], hits);
    CACHE_MISSES.count_to(&[], misses);
    CACHE_EVICTIONS.count_to(&[], evictions);
    CACHE_BYTES.set(&[], bytes);
    CACHE_BUDGET.set(&[], budget_bytes);
}
