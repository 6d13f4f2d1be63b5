//! `model show` says what a model's files say.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;

use patchsweep_tests::{patchsweep, repository};
use serde_json::{Value, json};

use super::{object, plain};

fn acronyms() -> String {
    repository().join("data/acronym-gpt2").display().to_string()
}

fn shown(args: &[&str]) -> Value {
    let assert = patchsweep(&[&["model", "show"], args, &["--output", "json"]].concat()).assert().success();
    object(&String::from_utf8_lossy(&assert.get_output().stdout))
}

/// A model that cannot be shown; gives the error of the JSON object.
fn refused(args: &[&str], cache: &Path) -> Value {
    let args = [&["model", "show"], args, &["--output", "json"]].concat();
    let assert = patchsweep(&args).env("HF_HUB_CACHE", cache).assert().code(2);
    object(&String::from_utf8_lossy(&assert.get_output().stdout))["error"].clone()
}

fn message(error: &Value) -> &str {
    error["message"].as_str().expect("a message")
}

#[test]
fn a_folder_is_shown_with_its_sites_weights_and_tokenizer() {
    let answer = shown(&[&acronyms()]);
    assert_eq!(answer["model_type"], "gpt2");
    let architecture = &answer["architecture"];
    let config: Value =
        serde_json::from_slice(&fs::read(repository().join("data/acronym-gpt2/config.json")).expect("a config"))
            .expect("JSON");
    assert_eq!(
        json!([architecture["layers"], architecture["d_model"], architecture["heads"], architecture["d_vocab"]]),
        json!([config["n_layer"], config["n_embd"], config["n_head"], config["vocab_size"]])
    );
    let sites = answer["sites"].as_array().expect("a list");
    let z = sites.iter().find(|site| site["site"] == "z").expect("z is a site");
    let heads = config["n_head"].as_u64().expect("a number");
    let d_head = config["n_embd"].as_u64().expect("a number") / heads;
    assert_eq!(z["axes"], json!(["layer", "pos", "head"]));
    assert_eq!(z["shape"], json!([format!("head={heads}"), format!("d_head={d_head}")]));
    let post = sites.iter().find(|site| site["site"] == "mlp_post").expect("mlp_post is a site");
    let d_mlp = config["n_inner"].as_u64().unwrap_or(4 * config["n_embd"].as_u64().expect("a number"));
    assert_eq!(json!([post["axes"], post["shape"]]), json!([["layer", "pos", "neuron"], [format!("neuron={d_mlp}")]]));
    // The file's size is that of its tensors and of a header.
    let file = fs::metadata(repository().join("data/acronym-gpt2/model.safetensors")).expect("weights").len();
    let stored = answer["stored"].as_array().expect("a list");
    let bytes: u64 = stored.iter().filter_map(|stored| stored["bytes"].as_u64()).sum();
    assert!(bytes < file && bytes > file * 9 / 10, "{bytes} of {file}");
    let parameters = answer["parameters"].as_u64().expect("a number");
    // Each layer's constant part of the values is kept beside the weights that it is made of.
    let folded = config["n_layer"].as_u64().expect("a number") * config["n_embd"].as_u64().expect("a number");
    let taken: Vec<_> = answer["weights"].as_array().expect("a list").iter().map(|row| row["bytes"].clone()).collect();
    assert_eq!(taken, [4, 2, 2].map(|each| json!(each * (parameters + folded))));
    assert_eq!(answer["warnings"], json!([]));
}

#[test]
fn weights_are_compared_with_the_budget() {
    let float32 = |budget: u64| -> Value {
        let answer = shown(&[&acronyms(), "--memory-budget", &budget.to_string()]);
        answer["weights"][0].clone()
    };
    let all = float32(1 << 40)["bytes"].as_u64().expect("a number");
    let streamed = float32(1 << 40)["streamed_bytes"].as_u64().expect("a number");
    assert!(streamed < all, "{streamed} of {all}");
    // A MiB is for activations.
    let mib = 1 << 20;
    for (budget, placement) in [
        (all + mib, json!("resident")),
        (all + mib - 1, json!("streamed")),
        (streamed + mib, json!("streamed")),
        (streamed + mib - 1, Value::Null),
    ] {
        assert_eq!(float32(budget)["placement"], placement, "{budget} of {all}");
    }
}

#[test]
fn people_read_it_as_lines_and_the_next_command_as_a_folder() {
    let printed = |format: &str| {
        let assert = patchsweep(&["model", "show", &acronyms(), "--output", format]).assert().success();
        String::from_utf8_lossy(&assert.get_output().stdout).into_owned()
    };
    assert_eq!(printed("quiet"), format!("{}\n", acronyms()));
    let table = printed("table");
    for begin in
        ["folder ", "family       gpt2\n", "layers ", "unembedding ", "tokenizer ", "resid_pre ", "float32 ", "budget "]
    {
        assert!(table.lines().any(|line| format!("{line}\n").starts_with(begin)), "{begin:?} in\n{table}");
    }
}

#[test]
fn a_model_is_found_as_plan_finds_it() {
    let data = repository().join("data");
    let below = shown(&["acronym-gpt2", "--models", plain(&data)]);
    assert_eq!(below["folder"].as_str(), data.join("acronym-gpt2").to_str());

    let cache = tempfile::tempdir().expect("a folder");
    let snapshot = cache.path().join("models--a--b/snapshots/c1");
    fs::create_dir_all(&snapshot).expect("a folder");
    fs::create_dir_all(cache.path().join("models--a--b/refs")).expect("a folder");
    fs::write(cache.path().join("models--a--b/refs/main"), "c1").expect("written");
    for name in ["config.json", "model.safetensors", "tokenizer.json"] {
        symlink(fs::canonicalize(data.join("acronym-gpt2").join(name)).expect("there"), snapshot.join(name))
            .expect("a link");
    }
    for revision in [&["--revision", "main"][..], &["--revision", "c1"], &[]] {
        let args = [&["model", "show", "a/b", "--output", "quiet"], revision].concat();
        let assert = patchsweep(&args).env("HF_HUB_CACHE", cache.path()).assert().success();
        assert_eq!(String::from_utf8_lossy(&assert.get_output().stdout), format!("{}\n", snapshot.display()));
    }
}

#[test]
fn a_model_that_is_nowhere_is_refused_with_where_it_was_sought() {
    let cache = tempfile::tempdir().expect("a folder");
    let error = refused(&["nobody/nothing"], cache.path());
    assert_eq!(error["kind"], "spec");
    assert_eq!(error["next"], "patchsweep model fetch nobody/nothing");
    let wanted =
        format!("model `nobody/nothing` at revision `main` is not in the hub cache {}", cache.path().display());
    assert!(message(&error).contains(&wanted), "{error}");
    fs::create_dir_all(cache.path().join("models--a--b/snapshots/c1")).expect("a folder");
    let error = refused(&["a/b", "--revision", "c1"], cache.path());
    let wanted =
        "has no config.json: the download is incomplete, get it again with `patchsweep model fetch a/b --revision c1`";
    assert!(message(&error).ends_with(wanted), "{error}");
    let error = refused(&["/nowhere/at-all"], cache.path());
    assert!(message(&error).starts_with("/nowhere/at-all has no config.json"), "{error}");
}

#[test]
fn what_plan_refuses_is_refused_here_too() {
    let folder = tempfile::tempdir().expect("a folder");
    let (model, cache) = (folder.path().join("model"), folder.path().join("cache"));
    fs::create_dir(&model).expect("a folder");
    fs::copy(repository().join("data/acronym-gpt2/config.json"), model.join("config.json")).expect("a copy");
    let answer = shown(&[plain(&model)]);
    assert_eq!(
        (&answer["stored"], &answer["tokenizer"]),
        (&Value::Null, &Value::Null),
        "a coordinator's folder will do"
    );
    fs::write(model.join("model.safetensors"), "short").expect("written");
    let error = refused(&[plain(&model)], &cache);
    assert!(message(&error).contains("model.safetensors is damaged or truncated"), "{error}");
    fs::write(model.join("config.json"), r#"{"model_type": "mamba"}"#).expect("written");
    let error = refused(&[plain(&model)], &cache);
    assert!(message(&error).contains("model_type is `mamba`; supported are `gpt2`"), "{error}");
}
