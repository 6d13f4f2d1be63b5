//! Whole sweeps while machines crash, the network fails and the disk loses what was not synced.
//!
//! `PATCHSWEEP_SIMULATION_SEEDS=17..18` repeats one simulation, `0..20000` runs many. With
//! `PATCHSWEEP_SIMULATION_TRACE=1` the traces of failing seeds are written to the system's temporary folder.

use std::collections::BTreeSet;
use std::convert::Infallible;
use std::ops::Range;
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::{fs, thread};

use patchsweep::merge::{TileOutcome, merge};
use patchsweep::plan::Plan;
use patchsweep::server::make_plan;
use patchsweep::spec::Source;
use patchsweep_proto::model::locate::ModelFolders;
use patchsweep_proto::results::SweepResults;
use patchsweep_proto::v1::PlanOptions;
use patchsweep_tests::simulation::{Fault, Machine, Outcome, Task, made_up_scores, simulate};

/// Seeds that CI runs.
const SEEDS: Range<u64> = 0..200;

const SPEC: &str = r#"
schema = 1
name = "simulated"

[model]
path = "tiny"

[dataset]
tokens = "tokens.json"

[[metric]]
kind = "logit_diff_max"
candidate_ids = [1, 2, 3]

[[iteration]]
corrupt = [1, 2]
read = 5
answer = 0

[[iteration]]
corrupt = [3]
read = 5
answer = 0

[[grid]]
component = "resid_pre"
axes = ["layer", "pos"]

[[grid]]
component = "z"
axes = ["layer", "head"]
"#;

const CONFIG: &str = r#"{"model_type": "gpt2", "n_layer": 4, "n_head": 2, "n_embd": 8, "n_inner": 32, "vocab_size": 16,
    "n_positions": 16, "n_ctx": 16, "layer_norm_epsilon": 1e-5, "activation_function": "gelu_new"}"#;

/// A sweep of a few dozen tiles, and the folder of its model's config.
struct Fixture {
    task: Task,
    models: tempfile::TempDir,
    expected: SweepResults,
}

impl Fixture {
    fn new() -> Self {
        let models = tempfile::tempdir().expect("a temporary folder");
        fs::create_dir(models.path().join("tiny")).expect("a model folder");
        fs::write(models.path().join("tiny/config.json"), CONFIG).expect("a config");
        let options = PlanOptions { tile_multiply_adds: 12_000, tile_prompts: 2 };
        let task = Task { spec: SPEC.to_owned(), dataset: tokens(), options };
        let expected = merged(&plan(&task, models.path()));
        Self { task, models, expected }
    }

    fn simulate(&self, seed: u64) -> Outcome {
        simulate(seed, &self.task, self.models.path())
    }
}

/// Four prompts of six tokens.
fn tokens() -> String {
    let prompts = |shift: u32| -> Vec<Vec<u32>> {
        (0..4).map(|prompt| (0..6).map(|pos| 1 + (prompt * 5 + pos * 3 + shift) % 15).collect()).collect()
    };
    let clean = prompts(0);
    let corrupted = |positions: &[usize]| -> Vec<Vec<u32>> {
        let other = prompts(7);
        let mut corrupted = clean.clone();
        for (prompt, other) in corrupted.iter_mut().zip(&other) {
            positions.iter().for_each(|&pos| prompt[pos] = other[pos]);
        }
        corrupted
    };
    let answers = [[1, 2], [2, 3], [3, 1], [1, 1]];
    serde_json::json!({ "clean": clean, "corrupted": [corrupted(&[1, 2]), corrupted(&[3])], "answers": answers }).to_string()
}

fn plan(task: &Task, models: &Path) -> Plan {
    let folders = ModelFolders::with_hub_cache(vec![models.to_owned()]);
    make_plan(&folders, &Source::new(task.spec.clone()), &task.dataset, task.options.into()).expect("the spec is right")
}

/// What one process that computes tile after tile would give.
fn merged(plan: &Plan) -> SweepResults {
    let metrics = plan.context.metrics.len();
    let tiles = plan.tiles.iter().map(|tile| (tile.id, TileOutcome::Scores(made_up_scores(tile, metrics))));
    merge(plan, tiles.map(Ok::<_, Infallible>)).expect("all tiles").into_results(plan, String::new())
}

/// All tensors, bit by bit.
fn bits(results: &SweepResults) -> Vec<Vec<u32>> {
    let floats = |floats: &[f32]| floats.iter().map(|float| float.to_bits()).collect::<Vec<_>>();
    let baselines = results.clean.iter().chain(&results.corrupted).map(|list| floats(list));
    let grids = results.grids.iter().flat_map(|grid| {
        [floats(&grid.effect), floats(&grid.value), floats(&grid.stderr), grid.status.clone()]
    });
    baselines.chain(grids).collect()
}

/// Leases whose results were acknowledged to workers and kept: `(tile, attempt)` as the trace names them.
fn check(fixture: &Fixture, outcome: &Outcome) -> Result<(), String> {
    let results = outcome.results.as_ref().map_err(Clone::clone)?;
    if bits(results) != bits(&fixture.expected) {
        return Err("the tensors are not those of a single process".to_owned());
    }
    let acknowledged = leases(&outcome.trace, "result acknowledged");
    let manifest: serde_json::Value = serde_json::from_str(&results.manifest).map_err(|error| error.to_string())?;
    if manifest["run"]["workers"].as_array().is_none_or(Vec::is_empty) {
        return Err("the manifest names no workers".to_owned());
    }
    if acknowledged.is_empty() {
        return Err("no result was ever acknowledged".to_owned());
    }
    Ok(())
}

/// `sweep`, `tile` and `attempt` of the trace's lines with this message.
fn leases(trace: &str, message: &str) -> BTreeSet<String> {
    let lines = trace.lines().filter(|line| line.contains(message));
    lines.filter_map(|line| Some(line[line.find(message)?..].to_owned())).collect()
}

fn seeds() -> Range<u64> {
    let Ok(text) = std::env::var("PATCHSWEEP_SIMULATION_SEEDS") else { return SEEDS };
    let range = text.split_once("..").and_then(|(first, end)| Some(first.parse().ok()?..end.parse().ok()?));
    range.expect("PATCHSWEEP_SIMULATION_SEEDS is FIRST..END")
}

#[test]
fn the_same_seed_gives_the_same_trace_byte_for_byte() {
    let fixture = Fixture::new();
    let [first, second] = [fixture.simulate(1), fixture.simulate(1)];
    assert!(first.trace.lines().count() > 100, "a sweep leaves a trace:\n{}", first.trace);
    let differing = first.trace.lines().zip(second.trace.lines()).find(|(a, b)| a != b);
    assert_eq!(differing, None);
    assert_eq!(first.trace.len(), second.trace.len());
    assert_ne!(first.trace, fixture.simulate(2).trace, "another seed, another trace");
}

#[test]
fn whatever_goes_wrong_the_scores_are_those_of_an_undisturbed_sweep() {
    let fixture = Fixture::new();
    let seeds = seeds();
    let next = AtomicU64::new(seeds.start);
    let work = || {
        let mut crashed = [false; 2];
        loop {
            let seed = next.fetch_add(1, Ordering::Relaxed);
            if seed >= seeds.end {
                return crashed;
            }
            let outcome = fixture.simulate(seed);
            if let Err(reason) = check(&fixture, &outcome) {
                report(seed, &outcome);
                panic!("seed {seed}: {reason}");
            }
            let faults = outcome.troubles.iter().map(|trouble| trouble.fault);
            for fault in faults {
                crashed[0] |= fault == Fault::Crash(Machine::Coordinator);
                crashed[1] |= matches!(fault, Fault::Crash(Machine::Worker(_)));
            }
        }
    };
    thread::scope(|scope| {
        let threads = [(); 2].map(|()| scope.spawn(work));
        for thread in threads {
            thread.join().expect("every seed holds");
        }
    });
}

fn report(seed: u64, outcome: &Outcome) {
    eprintln!(
        "repeat with: PATCHSWEEP_SIMULATION_SEEDS={seed}..{} cargo test -p patchsweep-tests --test simulation whatever",
        seed + 1
    );
    if std::env::var_os("PATCHSWEEP_SIMULATION_TRACE").is_some() {
        let path = std::env::temp_dir().join(format!("patchsweep-simulation-{seed}.txt"));
        fs::write(&path, &outcome.trace).expect("the temporary folder can be written to");
        eprintln!("trace: {}", path.display());
    }
}
