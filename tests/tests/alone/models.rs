//! Sweeps of different models on the same workers: who loads what. A worker that is much slower than the other, for other tests
//! have its core, is rightly helped by it, which costs loads.

use std::fs;
use std::path::Path;

use patchsweep_tests::cluster::ask;
use patchsweep_tests::{Running, repository, serve, worker};
use tempfile::TempDir;

use super::Alone;

const MODELS: [&str; 2] = ["first", "second"];

/// Below four times what a model's weights take, so that the worker keeps one only.
const ROOM_FOR_ONE: &str = "12MiB";

const ROOM_FOR_BOTH: &str = "64MiB";

/// Two models, the second of other weights, for sweeps that are cut fine.
struct Stage {
    folder: TempDir,
    coordinator: Running,
    url: String,
}

impl Stage {
    fn set() -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let data = repository().join("data");
        fs::copy(data.join("acronyms.txt"), folder.path().join("acronyms.txt")).expect("copied prompts");
        for model in MODELS {
            write_model(&data.join("acronym-gpt2"), &folder.path().join(model), model == MODELS[1]);
        }
        let (coordinator, url) = serve(&["--models", folder.path().to_str().expect("a plain path")]);
        Self { folder, coordinator, url }
    }

    /// A sweep of each model, named so and by the model.
    fn submit(&self, name: &str) -> [String; 2] {
        let example = fs::read_to_string(repository().join("data/acronyms.toml")).expect("the example spec");
        MODELS.map(|model| {
            let spec = example.replacen("path = \"acronym-gpt2\"", &format!("path = \"{model}\""), 1);
            let spec_text = spec.replacen("name = \"acronyms\"", &format!("name = \"{name}-{model}\""), 1);
            let spec = self.folder.path().join(format!("{name}-{model}.toml"));
            fs::write(&spec, spec_text).expect("a written spec");
            ask(&self.url, &["submit", spec.to_str().expect("a plain path"), "--tile-multiply-adds", "1000000000"])
        })
    }

    fn worker(&self, memory_budget: &str) -> Running {
        let models = self.folder.path().to_str().expect("a plain path");
        worker(&self.url, &["--models", models, "--memory-budget", memory_budget])
    }

    fn watch(&self, ids: &[String; 2]) {
        for id in ids {
            let _ = ask(&self.url, &["watch", id]);
        }
    }

    /// Of which sweep each tile was, in the order in which their scores came.
    fn tiles_done(mut self, ids: &[String; 2]) -> Vec<usize> {
        let log = self.coordinator.log();
        let done = log.iter().filter(|line| line.contains("tile done"));
        done.filter_map(|line| ids.iter().position(|id| line.contains(id.as_str()))).collect()
    }
}

fn write_model(from: &Path, to: &Path, changed: bool) {
    fs::create_dir(to).expect("a model folder");
    for file in ["config.json", "tokenizer.json", "model.safetensors"] {
        let mut bytes = fs::read(from.join(file)).expect("the embedded model");
        if changed && file == "model.safetensors" {
            let last = bytes.len() - 2;
            bytes[last] ^= 1;
        }
        fs::write(to.join(file), bytes).expect("a copied file");
    }
}

/// Shares are held to in simulated time (`scheduler/tests/whole_runs.rs`), where workers have the speeds that a test gives
/// them.
#[test]
fn two_workers_with_room_for_one_model_load_twice_at_most() {
    let _alone = Alone::wait();
    let stage = Stage::set();
    let ids = stage.submit("sweep");
    let mut workers = [stage.worker(ROOM_FOR_ONE), stage.worker(ROOM_FOR_ONE)];
    stage.watch(&ids);
    let loads = workers.each_mut().map(|worker| worker.count("model loaded"));
    assert!(loads.iter().all(|loads| (1..=2).contains(loads)), "{loads:?}");
    let done = stage.tiles_done(&ids);
    assert!(done.len() >= 40, "both sweeps are cut into {} tiles", done.len());
}

#[test]
fn workers_that_are_busy_with_one_model_when_the_other_sweep_comes_load_twice_at_most() {
    let _alone = Alone::wait();
    let stage = Stage::set();
    let mut workers = [stage.worker(ROOM_FOR_ONE), stage.worker(ROOM_FOR_ONE)];
    for worker in &mut workers {
        worker.wait_for("registered with the coordinator");
    }
    let ids = stage.submit("sweep");
    stage.watch(&ids);
    let loads = workers.each_mut().map(|worker| worker.count("model loaded"));
    assert!(loads.iter().all(|loads| (1..=2).contains(loads)), "{loads:?}");
}

#[test]
fn a_worker_with_room_for_both_models_loads_each_once_and_says_what_it_has() {
    let _alone = Alone::wait();
    let stage = Stage::set();
    let ids = stage.submit("sweep");
    let mut only = stage.worker(ROOM_FOR_BOTH);
    stage.watch(&ids);
    let listed = ask(&stage.url, &["workers", "--output", "json"]);
    let listed: serde_json::Value = serde_json::from_str(&listed).expect("JSON");
    let models = listed["workers"][0]["models"].as_array().expect("a list");
    let names: Vec<&str> = models.iter().filter_map(|model| model["model"].as_str()).collect();
    assert!(MODELS.iter().all(|model| names.contains(model)), "{listed}");
    // From now on no sweep has to wait for a load.
    let ids = stage.submit("again");
    stage.watch(&ids);
    let done = stage.tiles_done(&ids);
    assert_eq!(only.count("model loaded"), 2);
    let changes = done.windows(2).filter(|pair| pair[0] != pair[1]).count();
    assert!(changes > done.len() / 4, "nothing keeps it from taking turns: {changes} changes in {} tiles", done.len());
}
