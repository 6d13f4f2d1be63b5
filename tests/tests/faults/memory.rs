//! Sweeps within little memory.

use std::fs;
use std::path::Path;

use patchsweep_tests::scores::largest_difference;
use patchsweep_tests::{Running, Scores, Spec, Sweep, patchsweep, repository, serve, spec, worker};
use serde_json::json;

/// So many that one batch of all cells takes much memory.
const PROMPTS: u32 = 3000;

fn sample() -> Spec {
    spec("memory")
        .prompts("acronyms.txt", PROMPTS)
        .corruption(json!({ "kind": "permute", "groups": [[0, 6], [6, 8]] }))
        .metric_of(json!({ "kind": "logit_diff_max", "candidates": "A-Z" }))
        .iteration(json!({ "corrupt": [2, 3], "read": 5, "answer": 0 }))
        .grid("resid_pre", &["layer", "pos"])
}

fn sweep() -> Sweep {
    let data = repository().join("data");
    let prompts = fs::read_to_string(data.join("acronyms.txt")).expect("the prompts");
    Sweep::new(&data.join("acronym-gpt2"), &sample().to_string(), "acronyms.txt", &prompts)
}

/// Submits to a coordinator and gives the results folder.
fn submitted(sweep: &Sweep, url: &str, name: &str) -> std::path::PathBuf {
    let (spec, out) = (sweep.spec(), sweep.folder().join(name));
    let (spec, out_text) = (spec.to_str().expect("a plain path"), out.to_str().expect("a plain path"));
    // All prompts in one tile, so that the worker has to cut them.
    let submit = patchsweep(&["submit", spec, "--wait", "--coordinator", url, "--tile-prompts", &PROMPTS.to_string()])
        .assert()
        .success();
    let id = String::from_utf8(submit.get_output().stdout.clone()).expect("text").trim().to_owned();
    patchsweep(&["results", &id, "--out", out_text, "--coordinator", url]).assert().success();
    out
}

fn memory_retries(results: &Path) -> u64 {
    let text = fs::read(results.join("manifest.json")).expect("a manifest");
    let manifest: serde_json::Value = serde_json::from_slice(&text).expect("a JSON object");
    manifest["run"]["workers"][0]["memory_retries"].as_u64().expect("a count")
}

#[test]
fn what_does_not_fit_is_computed_in_smaller_parts() {
    let sweep = sweep();
    let models = sweep.folder().to_str().expect("a plain path").to_owned();
    let (_coordinator, url) = serve(&["--models", &models]);
    let modest = worker(&url, &["--models", &models, "--memory-budget", "64MiB"]);
    let plenty = submitted(&sweep, &url, "modest");
    let needed = modest.memory_kib("VmPeak");
    drop(modest);
    assert_eq!(memory_retries(&plenty), 0, "a budget is kept");

    let (_coordinator, url) = serve(&["--models", &models]);
    // It believes in much more memory than the system gives it.
    let args = ["--coordinator", &url, "--threads", "1", "--models", &models, "--memory-budget", "64GiB"];
    let mut boastful = Running::start_within(needed + (96 << 10), "patchsweep-worker", &args);
    let cramped = submitted(&sweep, &url, "boastful");
    boastful.wait_for("out of memory; trying again with half as much at once");
    assert!(memory_retries(&cramped) > 0);
    for name in ["clean", "resid_pre", "resid_pre.value", "resid_pre.stderr"] {
        let tensor = |folder: &Path| Scores::open(&folder.join("scores.npz")).tensor(name);
        let difference = largest_difference(&tensor(&cramped), &tensor(&plenty));
        assert!(difference <= 1e-5, "{name} differs by {difference}");
    }
}

#[test]
fn a_budget_below_the_model_is_refused_with_the_next_step() {
    let sweep = sweep();
    let models = sweep.folder().to_str().expect("a plain path").to_owned();
    let (_coordinator, url) = serve(&["--models", &models]);
    let _small = worker(&url, &["--models", &models, "--memory-budget", "1MiB"]);
    let spec = sweep.spec();
    let spec = spec.to_str().expect("a plain path");
    let failed = patchsweep(&["submit", spec, "--wait", "--coordinator", &url]).assert().code(1);
    let error = String::from_utf8(failed.get_output().stderr.clone()).expect("text");
    assert!(error.contains("raise --memory-budget"), "{error}");
}
