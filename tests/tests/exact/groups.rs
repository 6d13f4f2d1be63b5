//! Prompts of many groups in one tile.

use std::fs;
use std::path::Path;

use patchsweep_core::results::CellStatus;
use patchsweep_tests::cluster::ask;
use patchsweep_tests::process::client;
use patchsweep_tests::scores::largest_difference;
use patchsweep_tests::{Scores, Sweep, serve, spec, worker};
use serde_json::{Value, json};

/// Lengths of prompts; two prompts have each, but one the shortest and one the longest.
const SHORTEST: u32 = 4;
const LONGEST: u32 = 24;

const PROMPTS: u32 = 2 * (LONGEST - SHORTEST);

/// One tile for each group of prompts, as none has more.
const APART: [&str; 4] = ["--workers", "1", "--tile-prompts", "2"];

/// Beside the model's weights a little more than the least, so that a few prompts' activations fit at a time.
const LITTLE: &str = "1800KiB";

/// Forty prompts; corrupted at their first token and at one more.
fn dataset() -> String {
    let length = |prompt: u32| SHORTEST + prompt.div_ceil(2);
    let token = |prompt: u32, pos: u32| 1 + (prompt * 31 + pos * pos * 17 + pos * 5) % 93;
    let clean = |prompt: u32| (0..length(prompt)).map(move |pos| token(prompt, pos)).collect::<Vec<_>>();
    let corrupted = |prompt: u32| {
        let mut row = clean(prompt);
        for pos in [0, prompt % length(prompt)] {
            row[pos as usize] = 1 + (row[pos as usize] + 7) % 93;
        }
        row
    };
    let rows = |row: &dyn Fn(u32) -> Vec<u32>| (0..PROMPTS).map(row).collect::<Vec<_>>();
    let answers = rows(&|prompt| vec![1 + prompt]);
    json!({ "clean": rows(&clean), "corrupted": [rows(&corrupted)], "answers": answers }).to_string()
}

fn sweep() -> Sweep {
    let ends = json!(["end", -2, -3]);
    let spec = spec("groups")
        .with("per_prompt", true)
        .tokens("case.json")
        .metric("logprob")
        .metric("kl")
        .iteration(json!({ "read": ["end"] }))
        .grid_of(json!({ "name": "resid_pre", "component": "resid_pre", "axes": ["layer", "pos"], "positions": ends }))
        .grid("z", &["layer", "head"])
        .grid_of(json!({ "name": "window", "component": "mlp_out", "axes": ["layer"], "window": 2 }));
    Sweep::on_reference("tiny", &spec.to_string(), &dataset())
}

const GRIDS: u64 = 3;
const METRICS: u64 = 2;
/// Clean and corrupted.
const BASELINES: u64 = 2;

/// Tiles, operators of libtorch, and multiply-adds, planned and executed.
fn counts(results: &Path) -> [u64; 4] {
    let text = fs::read(results.join("manifest.json")).expect("a manifest");
    let manifest: Value = serde_json::from_slice(&text).expect("a JSON object");
    let (tiles, run) = (&manifest["tiles"], &manifest["run"]);
    let counts = [
        &tiles["count"],
        &run["workers"][0]["libtorch_calls"],
        &tiles["multiply_adds"],
        &run["executed_multiply_adds"],
    ];
    counts.map(|count| count.as_u64().expect("a count"))
}

/// Whether a tensor is that of a grid behind a dot.
fn is(name: &str, what: &str) -> bool {
    name.rsplit_once('.').is_some_and(|(_, last)| last == what)
}

/// Fails unless two sweeps have the same statuses, and scores that differ by rounding only, prompt by prompt.
fn assert_same(ours: &Path, theirs: &Path) {
    let [mut ours, mut theirs] = [ours, theirs].map(|results| Scores::open(&results.join("scores.npz")));
    let names = ours.names();
    let kept = names.iter().filter(|name| is(name, "prompts")).count() as u64;
    assert_eq!(kept, METRICS * (GRIDS + BASELINES), "{names:?}");
    // What products of more rows round otherwise is relative to logits, and so to the scores.
    let values = names.iter().filter(|name| is(name, "value"));
    let largest = values.flat_map(|name| ours.tensor(name)).fold(1.0, |largest: f32, value| largest.max(value.abs()));
    for name in names.iter().filter(|name| !is(name, "count") && !is(name, "significant")) {
        if is(name, "status") {
            let statuses = ours.statuses(name);
            assert_eq!(statuses, theirs.statuses(name), "{name}");
            assert!(statuses.iter().all(|&status| status == CellStatus::Computed), "{name}");
            continue;
        }
        let (ours, theirs) = (ours.tensor(name), theirs.tensor(name));
        let difference = largest_difference(&ours, &theirs);
        assert!(difference <= 1e-6 * largest, "{name} differs by {difference}, of {largest}");
    }
}

#[test]
fn groups_share_tiles_with_the_scores_that_they_have_alone_and_fewer_calls() {
    let mut sweep = sweep();
    let (together, apart) = (sweep.run(&["--workers", "1"]), sweep.run(&APART));
    assert_same(&together, &apart);
    let [[tiles, calls, planned, executed], [tiles_apart, calls_apart, planned_apart, executed_apart]] =
        [&together, &apart].map(|results| counts(results));
    let groups = u64::from(LONGEST - SHORTEST + 1);
    assert_eq!((tiles, tiles_apart), (1 + GRIDS, groups * (1 + GRIDS)));
    assert_eq!((planned, planned_apart), (executed, executed_apart));
    println!("{calls} calls together, {calls_apart} apart");
    assert!(calls * 5 < calls_apart * 4, "{calls} calls together, {calls_apart} apart");
}

#[test]
fn a_tile_that_is_cut_in_the_middle_of_its_groups_has_the_same_scores() {
    let mut sweep = sweep();
    let together = sweep.run(&["--workers", "1"]);
    let models = sweep.folder().to_str().expect("a plain path").to_owned();
    let (_coordinator, url) = serve(&["--models", &models]);
    let mut worker = worker(&url, &["--models", &models, "--memory-budget", LITTLE]);
    worker.wait_for("registered with the coordinator");
    let submitted = client(&["submit", sweep.spec().to_str().expect("a plain path"), "--wait", "--coordinator", &url])
        .status()
        .expect("it runs");
    assert!(submitted.success());
    let id = ask(&url, &["list", "--output", "quiet"]);
    let cut = sweep.folder().join("cut");
    let _ = ask(&url, &["results", id.trim(), "--out", cut.to_str().expect("a plain path")]);
    assert_same(&together, &cut);
    let [[tiles, calls, ..], [tiles_of_cut, calls_of_cut, ..]] = [&together, &cut].map(|results| counts(results));
    println!("{calls} calls at once, {calls_of_cut} in chunks");
    assert_eq!(tiles, tiles_of_cut);
    assert!(calls_of_cut > calls, "{calls} calls at once, {calls_of_cut} in chunks");
}

#[test]
fn a_check_of_tiles_of_several_groups_agrees() {
    let mut sweep = sweep();
    let results = sweep.run(&["--check"]);
    let text = fs::read(results.join("manifest.json")).expect("a manifest");
    let manifest: Value = serde_json::from_slice(&text).expect("a JSON object");
    let check = &manifest["check"];
    assert!(check["agreed"] == true && check["cells"].as_u64() > Some(0), "{check}");
}
