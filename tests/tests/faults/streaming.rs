//! Models that are larger than a worker's memory budget.

use std::fs;
use std::path::Path;

use patchsweep_tests::cluster::{ask, data, fetch, submit, undisturbed};
use patchsweep_tests::process::client;
use patchsweep_tests::random_model::RandomModel;
use patchsweep_tests::scores::largest_difference;
use patchsweep_tests::{Scores, serve, spec, worker};
use serde_json::{Value, json};

/// Less than the embedded model's weights and a mebibyte, more than two of its blocks and that.
const LESS_THAN_THE_MODEL: &str = "4MiB";

const SAYS_SO: &str = "its weights stay in their files";

fn manifest(results: &Path) -> Value {
    serde_json::from_slice(&fs::read(results.join("manifest.json")).expect("a manifest")).expect("a JSON object")
}

/// Fails unless all scores of two sweeps are equal but for the order of additions.
fn assert_equal(ours: &Path, theirs: &Path, names: &[&str]) {
    let (mut ours, mut theirs) = (Scores::open(&ours.join("scores.npz")), Scores::open(&theirs.join("scores.npz")));
    for name in names {
        let difference = largest_difference(&ours.tensor(name), &theirs.tensor(name));
        assert!(difference <= 1e-5, "{name} differs by {difference}");
    }
}

#[test]
fn a_model_that_does_not_fit_streams_with_the_same_scores_and_everybody_says_so() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let (_coordinator, url) = serve(&["--models", &data()]);
    let mut small = worker(&url, &["--models", &data(), "--memory-budget", LESS_THAN_THE_MODEL]);
    small.wait_for("registered with the coordinator");
    let budget = || {
        let workers: Value = serde_json::from_str(&ask(&url, &["workers", "--output", "json"])).expect("JSON");
        workers["workers"][0]["memory_budget_bytes"].as_u64()
    };
    while budget().is_none_or(|bytes| bytes == 0) {}
    // It holds still while people ask.
    small.signal("STOP");
    let id = submit(&url, &[]);
    let explained = ask(&url, &["explain", &id]);
    assert!(explained.contains("may use 4.0 MiB of memory, and the model's weights take 3.3 MiB"), "{explained}");
    assert!(explained.contains("come to the device for each batch"), "{explained}");
    small.signal("CONT");
    let _ = ask(&url, &["watch", &id]);

    let streamed = fetch(&url, &id, &folder);
    let run = &manifest(&streamed)["run"]["workers"][0];
    assert!(run["streamed_bytes"].as_u64().is_some_and(|bytes| bytes > 4 << 20), "{run}");
    assert_eq!(run["memory_retries"], 0, "a budget is kept");
    let resident = undisturbed(&folder, &[]);
    assert_eq!(manifest(&resident)["run"]["workers"][0]["streamed_bytes"], 0);
    let names = ["clean", "corrupted", "resid_pre", "resid_pre.value", "resid_pre.stderr", "z", "z.value"];
    assert_equal(&streamed, &resident, &names);
    assert_eq!(small.count(SAYS_SO), 1, "once, when the model is loaded");
}

#[test]
fn what_a_streamed_model_takes_of_memory_stays_within_the_budget() {
    const MODEL: RandomModel = RandomModel { layers: 12, width: 384, vocabulary: 4000, positions: 32 };
    const BUDGET_MIB: u64 = 64;
    /// What libtorch's libraries keep for themselves, whatever they compute.
    const LIBRARIES_MIB: u64 = 24;
    let folder = tempfile::tempdir().expect("a temporary folder");
    let path = |name: &str| folder.path().join(name).to_str().expect("a plain path").to_owned();
    MODEL.write(&folder.path().join("model"));
    assert!(
        fs::metadata(path("model/model.safetensors")).expect("weights").len() > 80 << 20,
        "much more than the budget"
    );
    fs::write(path("tokens.json"), MODEL.token_file(24, 8)).expect("written tokens");
    let sweep = spec("large")
        .tokens("tokens.json")
        .metric("logprob")
        .metric("kl")
        .iteration(json!({ "corrupt": [2, 3], "read": 5 }))
        .grid("resid_pre", &["layer", "pos"])
        .grid("z", &["layer", "head"]);
    fs::write(path("spec.toml"), sweep.to_string()).expect("a written spec");

    let models = path("");
    let results = |budget: &str| {
        let (_coordinator, url) = serve(&["--models", &models]);
        let mut worker = worker(&url, &["--models", &models, "--memory-budget", budget]);
        worker.wait_for("registered with the coordinator");
        let before = worker.memory_kib("RssAnon");
        let submit = client(&["submit", &path("spec.toml"), "--wait", "--coordinator", &url]);
        let peak = worker.peak_kib("RssAnon", submit);
        let id = ask(&url, &["list", "--output", "quiet"]);
        let out = path(budget);
        let _ = ask(&url, &["results", &id, "--out", &out]);
        (folder.path().join(budget), peak.saturating_sub(before))
    };
    let (resident, all) = results("1GiB");
    let (streamed, taken) = results(&format!("{BUDGET_MIB}MiB"));
    println!("taken: {taken} KiB of a budget of {} KiB, and {all} KiB without one", BUDGET_MIB << 10);
    assert!(taken <= (BUDGET_MIB + LIBRARIES_MIB) << 10, "{taken} KiB of anonymous memory");
    assert!(all > 160 << 10, "the figure shows what is taken: {all} KiB");
    assert_equal(&streamed, &resident, &["resid_pre", "resid_pre.value", "z", "z.value"]);
}
