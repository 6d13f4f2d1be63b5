//! Workers as JSON.

use patchsweep_core::model::LoadedModel;
use patchsweep_core::scores::CacheStats;
use patchsweep_core::workers::{InHand, WorkerState, WorkerStatus};
use schemars::JsonSchema;
use serde::Serialize;

#[derive(Serialize, JsonSchema)]
pub(in crate::cli) struct WorkersFields {
    /// One for each worker that is connected.
    workers: Vec<WorkerFields>,
}

#[derive(Serialize, JsonSchema)]
struct WorkerFields {
    /// Its id.
    worker: String,
    /// Host and process id.
    name: String,
    /// `cpu`, `cuda:0`, ..
    device: String,
    /// What it is doing.
    state: StateName,
    /// Why it is in quarantine; else null.
    reason: Option<String>,
    /// Leases that it holds.
    leases: usize,
    /// Tiles whose scores were kept, in this session.
    tiles_done: u64,
    /// Measured; null: not yet.
    multiply_adds_per_second: Option<u64>,
    /// Since it was last heard.
    silent_seconds: f64,
    /// The release of its program.
    version: String,
    /// What it uses of its device's memory.
    memory_used_bytes: u64,
    /// What it may use of it; 0: not known.
    memory_budget_bytes: u64,
    /// What its cache of activations did since the worker's start.
    cache: CacheFields,
    /// The models that it has in memory.
    models: Vec<ModelFields>,
    /// The tile that it computes now, if it does.
    hand: Option<HandFields>,
}

#[derive(Serialize, JsonSchema)]
struct CacheFields {
    /// Look-ups that found their activation.
    hits: u64,
    /// Look-ups that did not.
    misses: u64,
    /// Activations that were dropped to make room.
    evictions: u64,
    /// What it holds.
    bytes: u64,
    /// What it may hold.
    budget_bytes: u64,
}

#[derive(Serialize, JsonSchema)]
struct ModelFields {
    /// Its folder's name, or `hub:` repository and commit.
    model: String,
    /// `float32`, `bfloat16` or `float16`.
    dtype: &'static str,
}

impl From<&LoadedModel> for ModelFields {
    fn from(loaded: &LoadedModel) -> Self {
        Self { model: loaded.model.to_string(), dtype: loaded.dtype.name() }
    }
}

#[derive(Serialize, JsonSchema)]
struct HandFields {
    /// The sweep's id.
    sweep: String,
    /// The tile's index in the plan.
    tile: u32,
    /// Which attempt at the tile this is, from 1.
    attempt: u32,
    /// The grid's name, or `baselines`.
    grid: String,
    /// The iteration's label.
    iteration: String,
    /// How long it has been this tile.
    seconds: f64,
    /// Batches of it that did not fit the memory so far.
    memory_retries: u64,
}

/// A worker's state in one word.
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
enum StateName {
    /// Takes leases.
    Active,
    /// Finishes what it holds and leaves.
    Leaving,
    /// Holds a lease that is long overdue.
    Stuck,
    /// Gets no leases.
    Quarantined,
}

#[derive(Serialize, JsonSchema)]
pub(in crate::cli) struct DrainFields {
    /// The id of the worker that was asked to leave.
    pub(super) worker: String,
}

impl WorkersFields {
    pub(super) fn of(workers: &[WorkerStatus]) -> Self {
        Self { workers: workers.iter().map(WorkerFields::from).collect() }
    }
}

impl From<&WorkerStatus> for WorkerFields {
    fn from(status: &WorkerStatus) -> Self {
        let reason = match &status.state {
            WorkerState::Quarantined { reason } => Some(reason.clone()),
            _ => None,
        };
        Self {
            worker: status.worker.to_string(),
            name: status.name.clone(),
            device: status.device.clone(),
            state: (&status.state).into(),
            reason,
            leases: status.leases.len(),
            tiles_done: status.tiles_done,
            multiply_adds_per_second: status.multiply_adds_per_second,
            silent_seconds: status.silent.as_secs_f64(),
            version: status.version.clone(),
            memory_used_bytes: status.memory.used,
            memory_budget_bytes: status.memory.budget,
            cache: status.cache.into(),
            models: status.loaded.iter().map(ModelFields::from).collect(),
            hand: status.hand.as_ref().map(HandFields::from),
        }
    }
}

impl From<CacheStats> for CacheFields {
    fn from(cache: CacheStats) -> Self {
        let CacheStats { hits, misses, evictions, bytes, budget_bytes } = cache;
        Self { hits, misses, evictions, bytes, budget_bytes }
    }
}

impl From<&InHand> for HandFields {
    fn from(hand: &InHand) -> Self {
        Self {
            sweep: hand.lease.sweep.0.clone(),
            tile: hand.lease.tile.0,
            attempt: hand.lease.attempt.0,
            grid: hand.grid.clone(),
            iteration: hand.iteration.clone(),
            seconds: hand.since.as_secs_f64(),
            memory_retries: hand.retries,
        }
    }
}

impl From<&WorkerState> for StateName {
    fn from(state: &WorkerState) -> Self {
        match state {
            WorkerState::Active => Self::Active,
            WorkerState::Leaving => Self::Leaving,
            WorkerState::Stuck => Self::Stuck,
            WorkerState::Quarantined { .. } => Self::Quarantined,
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_state_has_the_same_name_in_json_and_in_tables() {
        let quarantined = WorkerState::Quarantined { reason: String::new() };
        for state in [WorkerState::Active, WorkerState::Leaving, WorkerState::Stuck, quarantined] {
            assert_eq!(json!(StateName::from(&state)), state.name());
        }
    }
}
