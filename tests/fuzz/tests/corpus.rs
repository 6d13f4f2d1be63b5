//! The committed messages are valid ones, made here; with `PATCHSWEEP_FUZZ_WRITE=1` they are written.

use std::fs;
use std::path::Path;

use patchsweep_core::metric::{Difference, Metric, MetricKind, Reduce, ReducedSets, TokenScore};
use patchsweep_core::model::ModelConfig;
use patchsweep_core::status::PlanOptions;
use patchsweep_core::token_sets::TokenSets;
use patchsweep_plan::spec::{Source, Spec};
use patchsweep_plan::{Inputs, Plan};
use patchsweep_proto::v1;
use prost::Message;

const TOKENS: &str = r#"{"clean": [[1, 2, 3, 4], [5, 6, 7, 8]], "corrupted": [[[1, 2, 7, 4], [5, 6, 3, 8]]],
    "answers": [[20], [21]], "wrong": [[22], [23]]}"#;

const CONFIG: &str =
    r#"{"model_type": "gpt2", "n_layer": 3, "n_head": 2, "n_embd": 4, "vocab_size": 30, "n_positions": 8}"#;

fn messages() -> Vec<(&'static str, Vec<u8>)> {
    let source = Source::new(include_str!("../corpus/spec/tokens.toml"));
    let spec = Spec::parse(&source).expect("a valid spec");
    let config = ModelConfig::from_json(CONFIG).expect("a config");
    let inputs = Inputs { source: &source, spec: &spec, dataset: TOKENS, config: &config, tokenizer: None };
    let plan = Plan::build(&inputs, PlanOptions::default()).expect("a plan");
    let mut context = v1::SweepContext::from(&*plan.context);
    context.iterations.push(context.iterations[0].clone());
    (context.per_prompt, context.replicates) = (true, 2);
    let tile = plan.tiles.last().expect("a tile");
    let lease = v1::Lease { epoch: 1, sweep_id: "tokens-1".to_owned(), tile_id: 1, attempt: 1 };
    let scores = v1::TileScores {
        cells: 4,
        metrics: 2,
        counts: vec![2; 4],
        value_mean: vec![1.0, 2.0, f64::NAN, -1.0],
        value_m2: vec![0.5; 4],
        effect_mean: vec![0.0; 4],
        effect_m2: vec![0.25; 4],
        by_prompt: vec![0.5; 16],
        zeros: vec![v1::IndexRange { start: 1, end: 3 }],
    };
    let worker = v1::WorkerStatus {
        worker_id: 1,
        name: "host:1".to_owned(),
        device: "cuda:0".to_owned(),
        state: v1::WorkerState::Quarantined.into(),
        reason: "failed".to_owned(),
        leases: vec![lease.clone()],
        tiles_done: 3,
        multiply_adds_per_second: 1 << 30,
        silent_ms: 100,
        version: "0.1.0".to_owned(),
        cache: Some(v1::CacheStats { hits: 1, misses: 2, evictions: 0, bytes: 3, budget_bytes: 4 }),
        memory: Some(v1::MemoryUse { used: 5, budget: 6 }),
        hand: Some(v1::InHand {
            lease: Some(lease.clone()),
            grid: "z".to_owned(),
            iteration: "Iteration 0".to_owned(),
            since_ms: 7,
            retries: 1,
        }),
        loaded: vec![v1::LoadedModel { model: context.model.clone(), dtype: context.dtype }],
    };
    let status = v1::SweepStatus {
        sweep_id: "tokens-1".to_owned(),
        name: "tokens".to_owned(),
        state: v1::SweepState::Partial.into(),
        reason: "failed".to_owned(),
        tiles_total: 4,
        priority: 10,
        grids: vec![v1::GridProgress { name: "z".to_owned(), cells_total: 4, ..v1::GridProgress::default() }],
        submitted_unix_ms: 1_700_000_000_000,
        elapsed_ms: 5000,
        multiply_adds_per_second: 9,
        ..v1::SweepStatus::default()
    };
    vec![
        ("matrix", context.clean.clone().expect("clean prompts").encode_to_vec()),
        ("iteration", context.iterations[0].encode_to_vec()),
        ("metric", context.metrics[0].encode_to_vec()),
        ("difference", v1::Metric::from(&difference()).encode_to_vec()),
        ("model", context.model.clone().expect("a model").encode_to_vec()),
        ("context", context.encode_to_vec()),
        ("tile", v1::Tile::from(tile).encode_to_vec()),
        ("scores", scores.encode_to_vec()),
        ("results", results().encode_to_vec()),
        ("sweep_status", status.encode_to_vec()),
        ("worker_status", worker.encode_to_vec()),
    ]
}

fn difference() -> Metric {
    let side = |ids: &[u32], sizes: &[u32], reduce| {
        let sets = TokenSets::new(ids.to_vec(), sizes.iter().copied()).expect("sets");
        ReducedSets { sets, reduce }
    };
    let (right, wrong) = (side(&[20, 21, 22], &[2, 1], Reduce::Logsumexp), side(&[23], &[1], Reduce::Sum));
    let kind = MetricKind::Difference(Difference { of: TokenScore::Logprob, right, wrong: Some(wrong) });
    Metric { name: "difference".to_owned(), kind, normalize: true }
}

fn results() -> v1::SweepResults {
    let grid = v1::GridScores {
        metric: 0,
        grid: "z".to_owned(),
        component: "z".to_owned(),
        writes: String::new(),
        axes: vec!["layer".to_owned(), "head".to_owned()],
        indices: [vec![0, 1], vec![1]].map(|indices| v1::AxisIndices { indices, names: Vec::new() }).into(),
        effect: vec![0.5, f32::NAN],
        value: vec![1.0; 2],
        stderr: vec![0.25; 2],
        count: vec![2; 2],
        status: vec![0, 1],
        normalized: vec![1.0; 2],
        per_prompt: vec![0.25, 0.75, f32::NAN, 1.0],
        between: vec![0.125; 2],
        estimate: vec![0.25; 2],
    };
    let run = |metric| v1::BaselineScores { mean: vec![metric], stderr: vec![0.25], per_prompt: vec![metric; 2] };
    v1::SweepResults {
        name: "tokens".to_owned(),
        iteration_labels: vec!["Iteration 0".to_owned()],
        token_labels: vec!["1".to_owned()],
        lines: vec![3, 2],
        metrics: vec!["prob".to_owned()],
        clean: vec![run(1.0)],
        corrupted: vec![run(0.5)],
        baselines: vec![0],
        grids: vec![grid],
        manifest: "{}".to_owned(),
        replicates: 3,
    }
}

#[test]
fn the_committed_messages_are_those_made_here() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("corpus/wire");
    for (name, bytes) in messages() {
        if std::env::var_os("PATCHSWEEP_FUZZ_WRITE").is_some() {
            fs::write(folder.join(name), &bytes).expect("the corpus can be written");
        }
        let committed = fs::read(folder.join(name)).expect("a committed message");
        assert_eq!(committed, bytes, "{name}: write it anew with PATCHSWEEP_FUZZ_WRITE=1");
    }
}
