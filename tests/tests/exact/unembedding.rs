//! A stored unembedding that the config ties to the embedding: whether it counts, and who is to know.

use std::fs;
use std::path::Path;

use patchsweep_tests::{Scores, Sweep, patchsweep, repository, serve, spec, worker};
use safetensors::tensor::TensorView;
use safetensors::{Dtype, SafeTensors};
use serde_json::{Value, json};
use tempfile::TempDir;

fn sample() -> String {
    let spec = spec("heads").tokens("case.json").metric("logprob");
    spec.iteration(json!({ "corrupt": [2], "read": 3 })).grid("z", &["layer", "head"]).to_string()
}

/// What a stored unembedding is.
#[derive(Clone, Copy)]
enum Head {
    Missing,
    /// The embedding once more.
    Same,
    Other,
}

fn case() -> String {
    let tokens = json!({
        "clean": [[1, 2, 3, 4], [5, 6, 7, 8]],
        "corrupted": [[[1, 2, 7, 4], [5, 6, 3, 8]]],
        "answers": [[20], [21]],
    });
    tokens.to_string()
}

/// The small reference model with such an unembedding. The folder must outlive the sweep.
fn sweep(head: Head, is_tied: bool) -> (TempDir, Sweep) {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let reference = repository().join("tests/reference/tiny/model");
    let config = fs::read_to_string(reference.join("config.json")).expect("a config");
    let mut config: Value = serde_json::from_str(&config).expect("JSON");
    config["tie_word_embeddings"] = is_tied.into();
    fs::write(folder.path().join("config.json"), config.to_string()).expect("written");
    let bytes = fs::read(reference.join("model.safetensors")).expect("weights");
    let stored = SafeTensors::deserialize(&bytes).expect("weights");
    let embedding = stored.tensor("transformer.wte.weight").expect("an embedding");
    let reversed: Vec<u8> = embedding.data().chunks_exact(4).rev().flatten().copied().collect();
    let (shape, numbers) = (embedding.shape().to_vec(), embedding.data());
    let head = match head {
        Head::Missing => None,
        Head::Same => Some(TensorView::new(Dtype::F32, shape, numbers).expect("a tensor")),
        Head::Other => Some(TensorView::new(Dtype::F32, shape, &reversed).expect("a tensor")),
    };
    let all = stored.tensors().into_iter().chain(head.map(|head| ("lm_head.weight".to_owned(), head)));
    safetensors::serialize_to_file(all, None, &folder.path().join("model.safetensors")).expect("written");
    let sweep = Sweep::new(folder.path(), &sample(), "case.json", &case());
    (folder, sweep)
}

/// The scores' bits, and the manifest's warnings.
fn computed(head: Head, is_tied: bool) -> (Vec<u32>, Vec<String>) {
    let (_folder, mut sweep) = sweep(head, is_tied);
    let out = sweep.run(&[]);
    let mut scores = Scores::open(&out.join("scores.npz"));
    let bits = ["clean", "corrupted", "z"]
        .into_iter()
        .flat_map(|name| scores.tensor(name).iter().map(|score| score.to_bits()).collect::<Vec<_>>());
    (bits.collect(), warnings(&out))
}

fn warnings(results: &Path) -> Vec<String> {
    let manifest = fs::read_to_string(results.join("manifest.json")).expect("a manifest");
    let manifest: Value = serde_json::from_str(&manifest).expect("JSON");
    serde_json::from_value(manifest["warnings"].clone()).expect("a list of texts")
}

const NOTE: &str = "lm_head.weight differs from the embedding although config.json ties them";

#[test]
fn one_that_differs_counts_and_is_noted() {
    let (tied, nothing) = computed(Head::Missing, true);
    assert_eq!(nothing, Vec::<String>::new());
    assert_eq!(computed(Head::Same, true), (tied.clone(), nothing.clone()));
    let (own, noted) = computed(Head::Other, true);
    assert_eq!(noted.len(), 1, "{noted:?}");
    assert!(noted[0].starts_with(NOTE), "{noted:?}");
    assert!(own != tied, "another unembedding gives other scores");
    assert_eq!(computed(Head::Other, false), (own, nothing));
}

#[test]
fn one_that_only_the_worker_sees_is_noted_once_in_the_log_and_in_the_manifest() {
    let (planned, _sweep) = sweep(Head::Missing, true);
    fs::remove_file(planned.path().join("model.safetensors")).expect("removed");
    let coordinators = Sweep::new(planned.path(), &sample(), "case.json", &case());
    let (_folder, workers) = sweep(Head::Other, true);
    let plain = |path: &Path| path.to_str().expect("a plain path").to_owned();
    let (mut coordinator, url) = serve(&["--models", &plain(coordinators.folder())]);
    let worker = worker(&url, &["--models", &plain(workers.folder())]);
    let submit =
        patchsweep(&["submit", &plain(&coordinators.spec()), "--wait", "--coordinator", &url]).assert().success();
    let id = String::from_utf8_lossy(&submit.get_output().stdout).trim().to_owned();
    let out = coordinators.folder().join("results");
    patchsweep(&["results", &id, "--out", &plain(&out), "--coordinator", &url]).assert().success();
    let noted = warnings(&out);
    assert!(noted.len() == 1 && noted[0].starts_with(NOTE), "{noted:?}");
    drop(worker);
    assert_eq!(coordinator.count(NOTE), 1);
}

#[test]
fn tensors_that_have_no_part_are_named_before_the_sweep_and_after_it() {
    let (folder, mut sweep) = sweep(Head::Missing, true);
    let path = folder.path().join("model.safetensors");
    let bytes = fs::read(&path).expect("weights");
    let stored = SafeTensors::deserialize(&bytes).expect("weights");
    let number = 1f32.to_le_bytes();
    let view = || TensorView::new(Dtype::F32, vec![1], &number).expect("a tensor");
    let more = ["v_head.weight", "transformer.h.0.attn.masked_bias"].map(|name| (name.to_owned(), view()));
    let all = stored.tensors().into_iter().chain(more);
    safetensors::serialize_to_file(all, None, &path).expect("written");
    let note = "not used, because a model of this config.json has no such tensors: v_head.weight";
    let spec = sweep.spec();
    let planned = patchsweep(&["plan", spec.to_str().expect("a plain path")]).assert().success();
    let stderr = String::from_utf8_lossy(&planned.get_output().stderr).into_owned();
    assert_eq!(stderr, format!("warning: {note}\n"));
    assert_eq!(warnings(&sweep.run(&[])), [note]);
}
