//! A small sweep, its results and its failures.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use patchsweep_core::digest::Digest;
use patchsweep_core::ids::{Attempt, Epoch, Lease, SweepId, TileId};
use patchsweep_core::scores::{CacheStats, CellScore, TileScores, WorkDone};
use patchsweep_core::status::{PlanOptions, Priority};
use patchsweep_plan::fixtures;
use patchsweep_proto::wire::encode_context;

use crate::state::{Arrival, Completed, Entry, FailedAttempt, KeptResult, KeptSweep, StateError, Store};

/// When sweeps ended.
pub(crate) fn ended() -> SystemTime {
    SystemTime::UNIX_EPOCH + Duration::from_millis(1_700_000_060_456)
}

/// Cut into as many tiles as there are.
pub(crate) fn sweep(name: &str) -> KeptSweep {
    let plan = fixtures::plan(PlanOptions { tile_multiply_adds: Some(1), tile_prompts: Some(1), for_gpus: false });
    KeptSweep {
        id: SweepId(name.to_owned()),
        context: encode_context(&plan.context).into(),
        plan: Arc::new(plan),
        dataset: Digest::of(b"dataset"),
        priority: Priority::default(),
        submitted: SystemTime::UNIX_EPOCH + Duration::from_millis(1_700_000_000_123),
        arrival: Arrival { epoch: Epoch(1), files: Some(Digest::of(b"files")) },
    }
}

pub(crate) fn lease(sweep: &KeptSweep, tile: u32, attempt: u32) -> Lease {
    Lease { epoch: Epoch(1), sweep: sweep.id.clone(), tile: TileId(tile), attempt: Attempt(attempt) }
}

/// Scores that fit the tile, and distinguish it and the worker from others.
pub(crate) fn result(sweep: &KeptSweep, tile: u32, worker: &str) -> KeptResult {
    let planned = &sweep.plan.tiles[tile as usize];
    let metrics = sweep.plan.context.metrics.len();
    let prompts = planned.prompts.len();
    let score = |cell: usize| {
        let value = f32::from(u16::try_from(cell + tile as usize).expect("small"));
        CellScore::of(&vec![value; prompts], &vec![0.5; prompts])
    };
    KeptResult {
        lease: lease(sweep, tile, 1),
        worker: worker.to_owned(),
        device: "cpu".to_owned(),
        completed: Completed {
            model: Digest::of(b"model"),
            notes: vec!["a note".to_owned()],
            scores: TileScores {
                metrics,
                scores: (0..planned.cell_count() * metrics).map(score).collect(),
                by_prompt: Vec::new(),
            },
            busy: Duration::from_millis(250),
            work: WorkDone {
                multiply_adds: 1 << 40,
                libtorch_calls: 1 << 20,
                memory_retries: 3,
                streamed_bytes: 1 << 30,
            },
        },
        cache: CacheStats { hits: 1, misses: 2, evictions: 3, bytes: 4, budget_bytes: 5 },
        received: SystemTime::UNIX_EPOCH + Duration::from_secs(1_700_000_000),
    }
}

pub(crate) fn failure(sweep: &KeptSweep, tile: u32, attempt: u32, reason: &str) -> Entry {
    let lease = lease(sweep, tile, attempt);
    Entry::Failure(FailedAttempt { lease, worker: "node-7/42".to_owned(), reason: reason.to_owned() })
}

/// Everything that a store says.
pub(crate) fn contents(store: &Store) -> Vec<String> {
    let mut parts = Vec::new();
    for id in store.sweeps().expect("sweeps") {
        let sweep = store.sweep(&id).expect("a sweep");
        let state = store.state(&id).expect("a state");
        let failures = store.failures(&id).expect("failures");
        parts.push(format!("{sweep:?} {state:?} {failures:?}"));
        let each = |tile, result: KeptResult| -> Result<(), StateError> {
            parts.push(format!("{tile} {result:?}"));
            Ok(())
        };
        store.for_each_result(&id, each).expect("results");
    }
    parts
}
