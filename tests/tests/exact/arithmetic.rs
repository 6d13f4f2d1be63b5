//! The multiply-adds that a plan announces are those that the worker executes.

use std::fs;

use patchsweep_tests::{Sweep, repository, spec, sweep};
use serde_json::json;
use tempfile::TempDir;

/// Planned multiply-adds count the large matrix products only.
const SHARE: f64 = 0.05;

/// Runs with one worker, which makes each run once.
fn agrees(spec: &std::path::Path) {
    let temporary = TempDir::new().expect("a temporary folder");
    let out = temporary.path().join("results");
    sweep::run(spec, &out, &["--workers", "1"]);
    let text = fs::read(out.join("manifest.json")).expect("a manifest");
    let manifest: serde_json::Value = serde_json::from_slice(&text).expect("a JSON object");
    let planned = manifest["tiles"]["multiply_adds"].as_f64().expect("a count");
    let executed = manifest["run"]["executed_multiply_adds"].as_f64().expect("a count");
    assert!((executed / planned - 1.0).abs() <= SHARE, "{planned} planned, {executed} executed");
}

#[test]
fn for_every_kind_of_grid() {
    for case in ["tiny", "wide-mlp", "one-prompt"] {
        agrees(&repository().join("tests/reference").join(case).join("spec.toml"));
    }
}

#[test]
fn for_every_metric_direction_and_patch_value() {
    let data = repository().join("data");
    let prompts = fs::read_to_string(data.join("acronyms.txt")).expect("the prompts");
    for (direction, metrics) in [("noising", ["logprob", "prob"]), ("denoising", ["kl", "logprob"])] {
        let [first, second] = metrics;
        let spec = spec("arithmetic")
            .with("direction", direction)
            .prompts("acronyms.txt", 40)
            .corruption(json!({ "kind": "noise", "scale": 3.0 }))
            .metric(first)
            .metric(second)
            .iteration(json!({ "corrupt": [2], "read": [4, 5], "answer": 0 }))
            .grid("resid_pre", &["layer", "pos"])
            .grid_of(json!({ "name": "mean", "component": "mlp_out", "axes": ["layer", "pos"], "ablate": "mean" }))
            .grid_of(json!({ "name": "zero", "component": "z", "axes": ["layer", "head"], "ablate": "zero" }));
        let sweep = Sweep::new(&data.join("acronym-gpt2"), &spec.to_string(), "acronyms.txt", &prompts);
        agrees(&sweep.spec());
    }
}
