//! Every family against transformers' own forward passes, made by `tests/reference/families/make_families.py`: all grids of a
//! case in one sweep, from `config.json` as it is written now and as it was before.

use std::fs;
use std::path::{Path, PathBuf};

use patchsweep_core::model::{ModelConfig, model_types};
use patchsweep_tests::scores::largest_difference;
use patchsweep_tests::spec::spec;
use patchsweep_tests::{Scores, Sweep, patchsweep, repository};
use serde_json::{Value, json};

/// Float32 in another order of operations.
const TOLERANCE: f32 = 5e-5;

fn folder() -> PathBuf {
    repository().join("tests/reference/families")
}

/// Names of all cases.
fn cases() -> Vec<String> {
    let entries = fs::read_dir(folder()).expect("the cases").map(|entry| entry.expect("a listed folder"));
    let cases = entries.filter(|entry| entry.path().join("case.json").exists());
    let mut names: Vec<String> = cases.map(|case| case.file_name().into_string().expect("a plain name")).collect();
    names.sort();
    names
}

fn read_json(path: &Path) -> Value {
    serde_json::from_str(&fs::read_to_string(path).expect("a readable file")).expect("JSON")
}

/// What a grid of a case patches.
fn grid(name: &str) -> Value {
    let parts = name.strip_prefix("head_").map(|rest| {
        match rest.split_once("_by_pos").or_else(|| rest.split_once("_dest_src")) {
            Some((component, _)) if component != "pattern" => (component, &["layer", "pos", "head"][..]),
            Some((component, _)) if rest.ends_with("src") => (component, &["layer", "head", "dest_pos", "src_pos"][..]),
            Some((component, _)) => (component, &["layer", "head", "dest_pos"][..]),
            None => (rest, &["layer", "head"][..]),
        }
    });
    let (component, axes) = parts.unwrap_or((name, &["layer", "pos"]));
    json!({ "name": name, "component": component, "axes": axes })
}

/// A sweep of all grids of a case, over its model with one of its configs.
fn sweep(case: &str, config: &str) -> (tempfile::TempDir, Sweep) {
    let folder = folder().join(case);
    let model = tempfile::tempdir().expect("a folder");
    for entry in fs::read_dir(folder.join("model")).expect("a model") {
        let entry = entry.expect("a listed file");
        if entry.file_name().to_string_lossy().contains("safetensors") {
            fs::copy(entry.path(), model.path().join(entry.file_name())).expect("a copy");
        }
    }
    fs::copy(folder.join("model").join(config), model.path().join("config.json")).expect("a copy");
    let tokens = read_json(&folder.join("case.json"));
    let mut spec = spec(case).tokens("tokens.json").metric_of(json!({
        "kind": "logit_diff_max", "candidate_ids": tokens["candidates"],
    }));
    let iterations =
        tokens["corrupt"].as_array().into_iter().flatten().zip(tokens["read"].as_array().into_iter().flatten());
    for (corrupt, read) in iterations {
        spec = spec.iteration(json!({ "corrupt": corrupt, "read": read }));
    }
    for name in tokens["sweeps"].as_array().into_iter().flatten() {
        spec = spec.grid_of(grid(name.as_str().expect("a name")));
    }
    let dataset = json!({
        "clean": tokens["clean"], "corrupted": tokens["corrupted"], "answers": tokens["answers"],
    });
    let sweep = Sweep::new(model.path(), &spec.to_string(), "tokens.json", &dataset.to_string());
    (model, sweep)
}

/// Runs a case with so many workers and compares all of its scores.
fn agrees(case: &str, config: &str, workers: &str) {
    let (_model, mut sweep) = sweep(case, config);
    let mut ours = sweep.scores(&["--workers", workers]);
    let mut theirs = Scores::open(&folder().join(case).join("scores.npz"));
    let names = theirs.names();
    assert!(names.len() >= 17, "{case} has {} tensors", names.len());
    for name in names {
        let value = match name.as_str() {
            "clean_metric" => "clean".to_owned(),
            "corrupted_metric" => "corrupted".to_owned(),
            grid => format!("{grid}.value"),
        };
        let difference = largest_difference(&ours.tensor(&value), &theirs.tensor(&name));
        assert!(difference <= TOLERANCE, "{name} of {case}, {config}, differs by {difference}");
    }
}

/// All configs of the cases of one part of the alphabet, with one worker and with three in turn.
fn agree(part: impl Fn(&str) -> bool) {
    let mut compared = 0;
    for case in cases().into_iter().filter(|case| part(case)) {
        for (config, workers) in [("config.json", "1"), ("config.legacy.json", "3")] {
            if folder().join(&case).join("model").join(config).exists() {
                agrees(&case, config, workers);
                compared += 1;
            } else {
                agrees(&case, "config.json", "3");
            }
        }
    }
    assert!(compared > 0, "there are cases of that part");
}

#[test]
fn cases_of_the_first_families_agree() {
    agree(|case| case < "gpt");
}

#[test]
fn cases_of_the_second_families_agree() {
    agree(|case| ("gpt".."l").contains(&case));
}

#[test]
fn cases_of_the_third_families_agree() {
    agree(|case| ("l".."p").contains(&case));
}

#[test]
fn cases_of_the_last_families_agree() {
    agree(|case| case >= "p");
}

#[test]
fn every_family_has_a_case_in_each_of_its_spellings() {
    let families: Vec<String> = cases()
        .iter()
        .map(|case| {
            read_json(&folder().join(case).join("model/config.json"))["model_type"].as_str().expect("a name").to_owned()
        })
        .collect();
    for family in model_types() {
        assert!(families.iter().any(|found| found == family), "{family} has no case");
    }
    for case in cases() {
        let model = folder().join(&case).join("model");
        let read = |config: &str| ModelConfig::from_json(&fs::read_to_string(model.join(config)).expect("a config"));
        let now = read("config.json").expect("valid").architecture;
        if model.join("config.legacy.json").exists() {
            assert_eq!(read("config.legacy.json").expect("valid").architecture, now, "{case}");
        }
    }
}

#[test]
fn resid_mid_of_parallel_blocks_is_refused_with_the_reason() {
    let parallel = cases().into_iter().filter(|case| {
        let tokens = read_json(&folder().join(case).join("case.json"));
        !tokens["sweeps"].as_array().expect("a list").contains(&json!("resid_mid"))
    });
    let parallel: Vec<String> = parallel.collect();
    assert!(parallel.len() >= 4, "{parallel:?}");
    for case in parallel {
        let (_model, sweep) = sweep(&case, "config.json");
        let spec = fs::read_to_string(sweep.spec()).expect("a spec");
        fs::write(sweep.spec(), spec.replacen("\"resid_post\"", "\"resid_mid\"", 2)).expect("written");
        let output = patchsweep(&["plan", sweep.spec().to_str().expect("a plain path")]).assert().failure();
        let stderr = String::from_utf8_lossy(&output.get_output().stderr).into_owned();
        assert!(stderr.contains("resid_mid") && stderr.contains("both read its input"), "{stderr}");
    }
}
