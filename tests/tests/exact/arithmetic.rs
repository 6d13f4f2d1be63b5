//! The multiply-adds that a plan announces are those that the worker executes.

use std::fs;

use patchsweep_tests::{Sweep, repository, spec, sweep};
use serde_json::json;
use tempfile::TempDir;

/// Planned and executed ones of a run with one worker, which makes each run once.
fn multiply_adds(spec: &std::path::Path) -> [u64; 2] {
    let temporary = TempDir::new().expect("a temporary folder");
    let out = temporary.path().join("results");
    sweep::run(spec, &out, &["--workers", "1"]);
    let text = fs::read(out.join("manifest.json")).expect("a manifest");
    let manifest: serde_json::Value = serde_json::from_slice(&text).expect("a JSON object");
    let counts = [&manifest["tiles"]["multiply_adds"], &manifest["run"]["executed_multiply_adds"]];
    counts.map(|count| count.as_u64().expect("a count"))
}

fn agree(spec: &std::path::Path) {
    let [planned, executed] = multiply_adds(spec);
    assert_eq!(planned, executed);
}

#[test]
fn for_grids_in_every_stage() {
    let data = repository().join("data");
    let prompts = fs::read_to_string(data.join("acronyms.txt")).expect("the prompts");
    let mut spec = spec("arithmetic")
        .prompts("acronyms.txt", 30)
        .corruption(json!({ "kind": "noise", "scale": 3.0 }))
        .metric("logprob")
        .iteration(json!({ "corrupt": [2], "read": [4, 6], "answer": 0 }));
    for component in ["resid_pre", "resid_mid", "resid_post", "attn_out", "mlp_out"] {
        spec = spec.grid(component, &["layer", "pos"]);
    }
    let spec = spec
        .grid_of(json!({ "name": "heads", "component": "z", "axes": ["layer", "head"] }))
        .grid_of(json!({ "name": "heads_by_pos", "component": "z", "axes": ["layer", "pos", "head"] }));
    let sweep = Sweep::new(&data.join("acronym-gpt2"), &spec.to_string(), "acronyms.txt", &prompts);
    agree(&sweep.spec());
}

#[test]
fn for_every_kind_of_grid() {
    for case in [
        "tiny",
        "wide-mlp",
        "one-prompt",
        "interventions/neurons",
        "interventions/window",
        "interventions/sites",
        "interventions/features",
        "interventions/estimate",
        "interventions/ragged",
    ] {
        agree(&repository().join("tests/reference").join(case).join("spec.toml"));
    }
}

#[test]
fn for_sets_of_tokens() {
    agree(&repository().join("tests/reference/interventions/metric_sets/spec.toml"));
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
            .grid_of(json!({ "name": "zero", "component": "z", "axes": ["layer", "head"], "ablate": "zero" }))
            .grid_of(json!({
                "component": "pattern", "axes": ["layer", "head", "src_pos"], "ablate": "knockout", "dest_positions": [3, 5],
            }));
        let sweep = Sweep::new(&data.join("acronym-gpt2"), &spec.to_string(), "acronyms.txt", &prompts);
        agree(&sweep.spec());
    }
}

#[test]
fn for_estimates_and_what_verifies_them() {
    let data = repository().join("data");
    let prompts = fs::read_to_string(data.join("acronyms.txt")).expect("the prompts");
    let verify = json!({ "top": 3, "sample": 4 });
    let grid = |component: &str, axes: &[&str], extra: serde_json::Value| {
        let mut grid = json!({ "name": component, "component": component, "axes": axes, "estimate": "gradient" });
        let extra = extra.as_object().expect("keys").clone();
        grid.as_object_mut().expect("keys").extend(extra);
        grid
    };
    let spec = spec("arithmetic")
        .with("direction", "denoising")
        .prompts("acronyms.txt", 30)
        .corruption(json!({ "kind": "noise", "scale": 3.0 }))
        .metric("kl")
        .metric("logprob")
        .iteration(json!({ "corrupt": [2], "read": [4, 6], "answer": 0 }))
        .grid_of(grid("z", &["layer", "head"], json!({ "estimate": "integrated", "steps": 2, "verify": verify })))
        .grid_of(grid("k", &["layer", "pos"], json!({ "recompute_pattern": true })))
        .grid_of(grid("mlp_out", &["layer", "pos"], json!({ "ablate": "mean", "verify": verify })))
        .grid_of(grid("pattern", &["layer", "head"], json!({})))
        .grid_of(grid("pattern", &["layer", "src_pos"], json!({ "name": "knockout", "ablate": "knockout" })))
        .grid_of(json!({ "name": "computed", "component": "resid_pre", "axes": ["layer", "pos"] }));
    let sweep = Sweep::new(&data.join("acronym-gpt2"), &spec.to_string(), "acronyms.txt", &prompts);
    agree(&sweep.spec());
}
