//! Models that cannot be used are refused with the spec, before any worker starts.

use std::fs::{self, OpenOptions};
use std::os::unix::fs::symlink;
use std::path::Path;

use patchsweep_tests::{Sweep, patchsweep, repository, serve, worker};
use tempfile::TempDir;

use super::refusal::{FAILED, REFUSED, plain, refused, run_fails};
use super::text;
use super::tokens::{SPEC, case};

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

/// What a command that prints an id says before it fails.
fn complaint_after_id(args: &[&str]) -> String {
    let assert = patchsweep(args).assert().code(FAILED);
    String::from_utf8_lossy(&assert.get_output().stderr).into_owned()
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
        (r#""gpt2""#, r#""mamba""#, "model_type is `mamba`; supported are `gpt2`, "),
        (r#""model_type": "gpt2","#, "", "not the config of a model: missing field `model_type`"),
        (r#""n_layer": 3"#, r#""n_layer": "three""#, "`n_layer` is `three`, which is not a whole number below 2^32"),
        (r#""n_head": 4"#, r#""n_head": 5"#, "`n_head` is 5, which is not supported: it must divide n_embd"),
        ("{", "", "not the config of a model: "),
    ];
    for (from, to, what) in cases {
        let (_model, sweep) = on_damaged_model(|model| edit_config(model, from, to));
        let file = sweep.folder().join("model/config.json");
        refused(&sweep, &[&format!("spec.toml: cannot use {}: ", file.display()), what]);
    }
}

#[test]
fn a_folder_without_weights_is_enough_to_plan_and_not_to_run() {
    let remove = |model: &Path| fs::remove_file(model.join("model.safetensors")).expect("removed");
    let (_model, sweep) = on_damaged_model(remove);
    patchsweep(&["plan", plain(&sweep.spec())]).assert().success();
    let folder = sweep.folder().join("model").display().to_string();
    let reason = format!("spec.toml: {folder} has neither model.safetensors nor model.safetensors.index.json");
    run_fails(&sweep, REFUSED, &[], &[&reason, "a worker needs the weights\n"]);
}

#[test]
fn truncated_weights_are_refused_with_the_file() {
    for bytes in [100_000, 100, 0] {
        let (_model, sweep) = on_damaged_model(|model| {
            let file = OpenOptions::new().write(true).open(model.join("model.safetensors")).expect("the weights");
            file.set_len(bytes).expect("truncated");
        });
        let file = sweep.folder().join("model/model.safetensors").display().to_string();
        refused(&sweep, &[&format!("spec.toml: {file} is damaged or truncated; copy it again: ")]);
    }
}

#[test]
fn tensors_that_do_not_fit_the_config_are_refused_by_name() {
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
        refused(&sweep, &[&["spec.toml: ", folder.as_str()], parts].concat());
    }
}

#[test]
fn what_stands_in_for_a_file_is_not_taken_for_it() {
    const POINTER: &str = "version https://git-lfs.github.com/spec/v1\noid sha256:9c1d\nsize 548105171\n";
    for name in ["model.safetensors", "config.json", "tokenizer.json"] {
        let (_model, sweep) = on_damaged_model(|model| fs::write(model.join(name), POINTER).expect("written"));
        let file = sweep.folder().join("model").join(name).display().to_string();
        refused(&sweep, &[&format!("spec.toml: {file} is a pointer of Git LFS"), "run `git lfs pull` in its folder\n"]);

        let (_model, sweep) = on_damaged_model(|model| {
            let _ = fs::remove_file(model.join(name));
            symlink("../blobs/9c1d", model.join(name)).expect("a link");
        });
        let file = sweep.folder().join("model").join(name).display().to_string();
        refused(&sweep, &[&format!("{file} is a link to ../blobs/9c1d, which is missing: the download is incomplete")]);
    }
}

#[test]
fn a_shard_that_is_missing_is_named() {
    let (_model, sweep) = on_damaged_model(|model| {
        fs::rename(model.join("model.safetensors"), model.join("one.safetensors")).expect("renamed");
        let index = r#"{"weight_map": {"wte.weight": "one.safetensors", "ln_f.weight": "two.safetensors"}}"#;
        fs::write(model.join("model.safetensors.index.json"), index).expect("written");
    });
    refused(
        &sweep,
        &["model.safetensors.index.json: its shard two.safetensors is missing: the download is incomplete"],
    );
}

#[test]
fn weights_and_tokenizers_in_other_forms_come_with_the_command_that_converts_them() {
    let (_model, sweep) = on_damaged_model(|model| {
        fs::rename(model.join("model.safetensors"), model.join("pytorch_model.bin")).expect("renamed");
    });
    let folder = sweep.folder().join("model").display().to_string();
    let command = format!(
        "python -c \"from transformers import AutoModelForCausalLM as A; \
         A.from_pretrained('{folder}').save_pretrained('{folder}')\"\n"
    );
    refused(&sweep, &["has its weights as pytorch_model.bin", "writes model.safetensors beside it", &command]);

    let model = tempfile::tempdir().expect("a folder");
    for (file, name) in [
        ("config.json", "config.json"),
        ("model.safetensors", "model.safetensors"),
        ("tokenizer.json", "vocab.json"),
        ("config.json", "merges.txt"),
    ] {
        fs::copy(repository().join("data/acronym-gpt2").join(file), model.path().join(name)).expect("a copy");
    }
    let sweep = Sweep::new(model.path(), text::SPEC, "prompts.txt", text::PROMPTS);
    let folder = sweep.folder().join("model").display().to_string();
    let command = format!("AutoTokenizer as A; A.from_pretrained('{folder}').save_pretrained('{folder}')\"\n");
    refused(&sweep, &["has vocab.json and merges.txt but no tokenizer.json", &command]);
}

#[test]
fn a_worker_that_cannot_load_a_model_says_so_once() {
    // The coordinator's folder has no weights, the worker's has others than its config says.
    let config_only = |model: &Path| fs::remove_file(model.join("model.safetensors")).expect("removed");
    let (_model, planned) = on_damaged_model(config_only);
    let (_other_model, computed) = on_damaged_model(|model| edit_config(model, r#""n_layer": 3"#, r#""n_layer": 4"#));
    let (mut coordinator, url) = serve(&["--models", plain(planned.folder())]);
    let mut worker = worker(&url, &["--models", plain(computed.folder())]);
    worker.wait_for("registered with the coordinator");
    let tiles = ["--tile-prompts", "1", "--tile-multiply-adds", "1"];
    let spec = planned.spec();
    let submit = ["submit", plain(&spec), "--wait", "--coordinator", &url];
    let stderr = complaint_after_id(&[&submit[..], &tiles].concat());
    assert!(stderr.contains("failed: ") && stderr.contains("tensor `h.3.ln_1.weight` is missing in "), "{stderr}");

    let log = worker.log();
    let lines: Vec<_> = log.iter().filter(|line| line.contains("h.3.ln_1.weight")).collect();
    assert_eq!(lines.len(), 1, "{log:#?}");
    assert!(lines[0].contains("model cannot be used: its tiles fail"), "{}", lines[0]);
    let log = coordinator.log();
    let warned = log.iter().filter(|line| line.contains(" WARN ") && line.contains("attempt failed")).count();
    assert_eq!(warned, 1, "{log:#?}");
}
