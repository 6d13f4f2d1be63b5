//! GPT-2 small's shape with random weights: it loads and sweeps within 4 GiB. With two layers more, 554 MB, it streams within
//! 256 MiB.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use patchsweep_tests::cluster::ask;
use patchsweep_tests::process::client;
use patchsweep_tests::random_model::RandomModel;
use patchsweep_tests::scores::largest_difference;
use patchsweep_tests::{Running, Scores, Spec, serve, spec};
use serde_json::{Value, json};
use tempfile::TempDir;

use super::Alone;

const MOST_KIB: u64 = 4 << 20;

/// Of a worker that has not room for the weights.
const LITTLE_KIB: u64 = 256 << 10;

/// A model, prompts for it that are read at their end, and a spec with this grid.
fn folder(model: RandomModel, prompts: usize, length: usize, grid: Value) -> TempDir {
    let folder = tempfile::tempdir().expect("a temporary folder");
    model.write(&folder.path().join("model"));
    fs::write(folder.path().join("tokens.json"), model.token_file(prompts, length)).expect("written tokens");
    let spec = sample(length - 1).grid_of(grid);
    fs::write(folder.path().join("spec.toml"), spec.to_string()).expect("a written spec");
    folder
}

fn sample(read: usize) -> Spec {
    spec("gpt2-small")
        .tokens("tokens.json")
        .metric_of(json!({ "kind": "logit_diff_max", "candidate_ids": [0, 1, 2, 3, 4, 5, 6, 7] }))
        .iteration(json!({ "corrupt": [2, 3], "read": read }))
}

/// What a sweep took.
struct Took {
    results: PathBuf,
    seconds: Duration,
    /// Of coordinator and worker at their largest.
    peaks_kib: [u64; 2],
    /// By how much the worker's memory that is no file's grew.
    anonymous_kib: u64,
}

fn swept(folder: &Path, name: &str, args: &[&str]) -> Took {
    let (models, results) = (folder.to_str().expect("a plain path"), folder.join(name));
    let (coordinator, url) = serve(&["--models", models]);
    let args = [&["--coordinator", &url, "--models", models, "--threads", "2"], args].concat();
    let mut worker = Running::start("patchsweep-worker", &args);
    worker.wait_for("registered with the coordinator");
    let before = worker.memory_kib("RssAnon");
    let spec = folder.join("spec.toml");
    let began = Instant::now();
    let submit = client(&["submit", spec.to_str().expect("a plain path"), "--wait", "--coordinator", &url]);
    let anonymous_kib = worker.peak_kib("RssAnon", submit).saturating_sub(before);
    let seconds = began.elapsed();
    let peaks_kib = [&coordinator, &worker].map(|process| process.memory_kib("VmHWM"));
    let id = ask(&url, &["list", "--output", "quiet"]);
    let _ = ask(&url, &["results", &id, "--out", results.to_str().expect("a plain path")]);
    Took { results, seconds, peaks_kib, anonymous_kib }
}

#[test]
fn random_weights_of_gpt2_smalls_shape_load_and_sweep_in_4_gib() {
    let _alone = Alone::wait();
    let grid = json!({ "component": "resid_pre", "axes": ["layer", "pos"] });
    let folder = folder(RandomModel::GPT2_SMALL, 50, 8, grid);
    let Took { peaks_kib, .. } = swept(folder.path(), "resident", &[]);
    println!("peaks of coordinator and worker in KiB: {peaks_kib:?}");
    assert!(peaks_kib.iter().sum::<u64>() <= MOST_KIB, "peaks of coordinator and worker in KiB: {peaks_kib:?}");
}

#[test]
fn half_a_gigabyte_of_weights_streams_within_256_mib() {
    let _alone = Alone::wait();
    let model = RandomModel { layers: 14, ..RandomModel::GPT2_SMALL };
    let grid = json!({ "component": "resid_pre", "axes": ["layer", "pos"], "layers": [2, 7, 12] });
    let folder = folder(model, 24, 16, grid);
    let resident = swept(folder.path(), "resident", &[]);
    let streamed = swept(folder.path(), "streamed", &["--memory-budget", "256MiB"]);
    let took = |took: &Took| (took.seconds, took.anonymous_kib, took.peaks_kib);
    println!("resident {:?}, streamed {:?}", took(&resident), took(&streamed));
    assert!(resident.anonymous_kib > 2 * LITTLE_KIB, "{} KiB: the figure shows weights", resident.anonymous_kib);
    assert!(streamed.anonymous_kib <= LITTLE_KIB, "{} KiB of anonymous memory", streamed.anonymous_kib);
    let scores = |took: &Took| Scores::open(&took.results.join("scores.npz"));
    let (mut resident, mut streamed) = (scores(&resident), scores(&streamed));
    for name in ["clean", "corrupted", "resid_pre", "resid_pre.value"] {
        let difference = largest_difference(&resident.tensor(name), &streamed.tensor(name));
        assert!(difference <= 1e-5, "{name} differs by {difference}");
    }
}
