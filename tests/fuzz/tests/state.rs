//! State files: refused and left as they are, or read as they were after one of their commits.
//!
//! It need not be the last one: a file whose newest commit is damaged and whose header says that it was being written
//! is what a power failure leaves behind.

use std::fs;
use std::path::Path;
use std::sync::{Arc, LazyLock};
use std::time::{Duration, SystemTime};

use patchsweep_core::digest::Digest;
use patchsweep_core::ids::{Attempt, Epoch, Lease, SweepId, TileId};
use patchsweep_core::model::ModelConfig;
use patchsweep_core::scores::{CacheStats, CellScore, TileScores, WorkDone};
use patchsweep_core::status::{PlanOptions, Priority, SweepState};
use patchsweep_fuzz::disk::Disk;
use patchsweep_fuzz::{Target, bytes};
use patchsweep_plan::spec::{Source, Spec};
use patchsweep_plan::{Inputs, Plan};
use patchsweep_proto::wire::encode_context;
use patchsweep_serve::state::{Arrival, Completed, Entry, FailedAttempt, KeptResult, KeptSweep, StateError, Store};

const TOKENS: &str = r#"{"clean": [[1, 2, 3, 4], [5, 6, 7, 8]], "corrupted": [[[1, 2, 7, 4], [5, 6, 3, 8]]],
    "answers": [[20], [21]], "wrong": [[22], [23]]}"#;

const CONFIG: &str =
    r#"{"model_type": "gpt2", "n_layer": 3, "n_head": 2, "n_embd": 4, "vocab_size": 30, "n_positions": 8}"#;

/// When sweeps ended.
fn ended() -> SystemTime {
    SystemTime::UNIX_EPOCH + Duration::from_secs(1_700_000_060)
}

/// What the committed files held after each commit.
static HISTORY: LazyLock<Vec<Vec<String>>> = LazyLock::new(|| {
    let (store, _) = Store::on_backend(Disk::new(Vec::new())).expect("a new file");
    let mut history = vec![records(&store)];
    history.extend(entries().into_iter().map(|entry| {
        store.write(&[entry]).expect("memory does not fail");
        records(&store)
    }));
    history
});

/// A new store with these entries, each in a commit of its own.
fn written(disk: &Disk) -> Store {
    let (store, _) = Store::on_backend(disk.clone()).expect("a new file");
    for entry in entries() {
        store.write(&[entry]).expect("memory does not fail");
    }
    store
}

/// Each record is written once, so that whatever is read is known to be one of them or not.
fn entries() -> Vec<Entry> {
    let source = Source::new(include_str!("../corpus/spec/tokens.toml"));
    let spec = Spec::parse(&source).expect("a valid spec");
    let config = ModelConfig::from_json(CONFIG).expect("a config");
    let inputs = Inputs { source: &source, spec: &spec, dataset: TOKENS, config: &config, tokenizer: None };
    let plan = Arc::new(Plan::build(&inputs, PlanOptions::default()).expect("a plan"));
    let kept = |name: &str| KeptSweep {
        id: SweepId(name.to_owned()),
        plan: Arc::clone(&plan),
        context: encode_context(&plan.context).into(),
        dataset: Digest::of(TOKENS.as_bytes()),
        priority: Priority::default(),
        submitted: SystemTime::UNIX_EPOCH + Duration::from_secs(1_700_000_000),
        arrival: Arrival { epoch: Epoch(1), files: Some(Digest::of(b"files")) },
    };
    let (running, cancelled, removed) = (kept("a"), kept("b"), kept("c"));
    let lease = |sweep: &KeptSweep, tile: u32| Lease {
        epoch: Epoch(1),
        sweep: sweep.id.clone(),
        tile: TileId(tile),
        attempt: Attempt(1),
    };
    let worker = "node-7/42".to_owned();
    let failed = FailedAttempt { lease: lease(&running, 1), worker, reason: "out of memory".to_owned() };
    vec![
        Entry::Sweep(Box::new(running.clone())),
        Entry::Sweep(Box::new(cancelled.clone())),
        Entry::Result(Box::new(result(&plan, lease(&running, 0)))),
        Entry::Result(Box::new(result(&plan, lease(&cancelled, 0)))),
        Entry::Failure(failed),
        Entry::Sweep(Box::new(removed.clone())),
        Entry::Result(Box::new(result(&plan, lease(&removed, 0)))),
        Entry::Removed { sweeps: vec![removed.id], is_idle: true },
        Entry::Ended { sweep: cancelled.id, state: SweepState::Cancelled, seconds: 1.5, at: ended() },
    ]
}

fn result(plan: &Plan, lease: Lease) -> KeptResult {
    let (tile, metrics) = (&plan.tiles[lease.tile.0 as usize], plan.context.metrics.len());
    let score = CellScore::of(&vec![1.5; tile.prompts.len()], &vec![0.5; tile.prompts.len()]);
    KeptResult {
        lease,
        worker: "node-7/42".to_owned(),
        device: "cpu".to_owned(),
        completed: Completed {
            model: Digest::of(b"model"),
            notes: Vec::new(),
            scores: TileScores { metrics, scores: vec![score; tile.cell_count() * metrics], by_prompt: Vec::new() },
            busy: Duration::from_millis(250),
            work: WorkDone {
                multiply_adds: 1 << 40,
                libtorch_calls: 1 << 20,
                memory_retries: 3,
                streamed_bytes: 1 << 30,
            },
        },
        cache: CacheStats { hits: 1, misses: 2, evictions: 3, bytes: 4, budget_bytes: 5 },
        received: SystemTime::UNIX_EPOCH,
    }
}

/// Everything that a store says.
fn records(store: &Store) -> Vec<String> {
    let mut records = Vec::new();
    for id in store.sweeps().expect("readable") {
        records.push(format!("{:?}", store.sweep(&id).expect("readable")));
        records.push(format!("{id} {:?}", store.state(&id).expect("readable")));
        let failures = store.failures(&id).expect("readable");
        records.extend(failures.iter().map(|(tile, failures)| format!("{tile} {failures:?}")));
        let each = |tile, result: KeptResult| {
            records.push(format!("{tile} {result:?}"));
            Ok::<_, StateError>(())
        };
        store.for_each_result(&id, each).expect("readable");
    }
    records
}

/// A file of the corpus that was changed.
fn feed(bytes: &[u8]) {
    let disk = Disk::new(bytes.to_vec());
    match Store::on_backend(disk.clone()) {
        Ok((store, _)) => {
            let read = records(&store);
            assert!(HISTORY.contains(&read), "nobody wrote {read:#?}");
        }
        Err(error) => {
            assert!(!error.to_string().is_empty());
            assert!(disk.bytes() == bytes, "a refused file was changed: {error}");
        }
    }
}

#[test]
fn state_files_are_refused_or_read_as_they_were_written() {
    let target = Target::new("state", env!("CARGO_TARGET_TMPDIR"), feed);
    target.check(|edits| bytes::mutated(&target.corpus(), edits));
}

/// As a coordinator leaves a file that stops, and one that is killed. With `PATCHSWEEP_FUZZ_WRITE=1` they are written.
#[test]
fn the_committed_files_are_read_whole() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("corpus/state");
    if std::env::var_os("PATCHSWEEP_FUZZ_WRITE").is_some() {
        let disk = Disk::new(Vec::new());
        let store = written(&disk);
        fs::write(folder.join("killed"), disk.bytes()).expect("the corpus can be written");
        drop(store);
        fs::write(folder.join("stopped"), disk.bytes()).expect("the corpus can be written");
    }
    for name in ["stopped", "killed"] {
        let committed = fs::read(folder.join(name)).expect("a committed file");
        let (store, _) = Store::on_backend(Disk::new(committed)).expect("a whole file");
        assert_eq!(Some(&records(&store)), HISTORY.last(), "{name}: write it anew with PATCHSWEEP_FUZZ_WRITE=1");
    }
}
