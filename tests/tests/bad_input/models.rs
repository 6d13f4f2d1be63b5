//! Models that cannot be used: some are refused with the spec, some only when a worker loads the weights.

use std::fs::{self, OpenOptions};
use std::path::Path;

use patchsweep_tests::{Sweep, repository};
use tempfile::TempDir;

use crate::refusal::{FAILED, refused, run_fails};
use crate::tokens::{SPEC, case};

/// A copy of a reference model, damaged before a sweep is made on it. The folder must outlive the sweep.
fn on_damaged_model(damage: impl FnOnce(&Path)) -> (TempDir, Sweep) {
    let folder = tempfile::tempdir().expect("a temporary folder");
    for file in ["config.json", "model.safetensors"] {
        let original = repository().join("tests/reference/tiny/model").join(file);
        fs::copy(original, folder.path().join(file)).expect("a copy");
    }
    damage(folder.path());
    let sweep = Sweep::new(folder.path(), SPEC, "case.json", &case().to_string());
    (folder, sweep)
}

/// Replaces a part of a model's config.
fn edit_config(model: &Path, from: &str, to: &str) {
    let path = model.join("config.json");
    let config = fs::read_to_string(&path).expect("a config");
    assert!(config.contains(from), "{from:?} is in the config");
    fs::write(path, config.replace(from, to)).expect("a changed config");
}

#[test]
fn a_missing_model_folder_is_named_with_where_it_was_sought() {
    let sweep = Sweep::on_reference("tiny", &SPEC.replace(r#""model""#, r#""modle""#), &case().to_string());
    let below = format!("no model folder `modle` (with a config.json) below {}", sweep.folder().display());
    refused(&sweep, &["spec.toml: spec line 3, column 1", &below, "--models"]);
}

#[test]
fn a_model_name_that_leads_elsewhere_is_refused() {
    let sweep = Sweep::on_reference("tiny", &SPEC.replace(r#""model""#, r#""../model""#), &case().to_string());
    refused(&sweep, &["spec line 4, column 8", "model name `../model`", "its parent folder with --models"]);
}

#[test]
fn a_config_of_something_else_is_named() {
    let cases = [
        (r#""gpt2""#, r#""llama""#, "model_type is `llama`; only `gpt2` models are supported"),
        (r#""n_layer": 3,"#, "", "not a GPT-2 config: missing field `n_layer`"),
        (r#""n_head": 4"#, r#""n_head": 5"#, "n_head must divide n_embd"),
        ("{", "", "not a GPT-2 config: "),
    ];
    for (from, to, what) in cases {
        let (_model, sweep) = on_damaged_model(|model| edit_config(model, from, to));
        let file = sweep.folder().join("model/config.json");
        refused(&sweep, &[&format!("spec.toml: {}: ", file.display()), what]);
    }
}

#[test]
fn a_folder_without_weights_fails_the_sweep_with_its_name() {
    let remove = |model: &Path| fs::remove_file(model.join("model.safetensors")).expect("removed");
    let (_model, sweep) = on_damaged_model(remove);
    let folder = sweep.folder().join("model").display().to_string();
    let reason = format!("{folder} has neither model.safetensors nor model.safetensors.index.json");
    run_fails(&sweep, FAILED, &[], &["error: sweep `tokens-", "failed: ", &reason, "a worker needs the weights"]);
}

#[test]
fn truncated_weights_fail_the_sweep_with_the_file() {
    for bytes in [100_000, 100, 0] {
        let (_model, sweep) = on_damaged_model(|model| {
            let file = OpenOptions::new().write(true).open(model.join("model.safetensors")).expect("the weights");
            file.set_len(bytes).expect("truncated");
        });
        let file = sweep.folder().join("model/model.safetensors").display().to_string();
        let reason = format!("{file} is damaged or truncated; copy it again: ");
        run_fails(&sweep, FAILED, &[], &["error: sweep `tokens-", &reason]);
    }
}

#[test]
fn tensors_that_do_not_fit_the_config_fail_the_sweep_by_name() {
    let cases: [(&str, &str, &[&str]); 2] = [
        (
            r#""n_inner": null"#,
            r#""n_inner": 64"#,
            &["tensor `h.0.mlp.c_fc.weight` in ", "has shape [32, 128]; its config.json wants [32, 64]"],
        ),
        (
            r#""n_layer": 3"#,
            r#""n_layer": 4"#,
            &["tensor `h.3.ln_1.weight` is missing in ", "its config.json wants one of shape [32]"],
        ),
    ];
    for (from, to, parts) in cases {
        let (_model, sweep) = on_damaged_model(|model| edit_config(model, from, to));
        let folder = sweep.folder().join("model").display().to_string();
        run_fails(&sweep, FAILED, &[], &[&["error: sweep `tokens-", folder.as_str()], parts].concat());
    }
}

#[test]
fn every_worker_may_fail_and_the_sweep_still_ends() {
    let (_model, sweep) = on_damaged_model(|model| edit_config(model, r#""n_layer": 3"#, r#""n_layer": 4"#));
    run_fails(&sweep, FAILED, &["--workers", "3"], &["error: sweep `tokens-", "`h.3.ln_1.weight` is missing"]);
}
