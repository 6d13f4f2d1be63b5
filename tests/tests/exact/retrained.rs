//! A model whose weights change under its name, as training does it: whose scores a spec gets that is submitted again.

use std::fs;
use std::path::{Path, PathBuf};

use patchsweep_tests::cluster::{ask, free_address};
use patchsweep_tests::{Running, patchsweep, repository, serve_at, sweep, worker};
use serde_json::Value;
use tempfile::TempDir;

const FILES: [&str; 4] = ["config.json", "model.safetensors", "tokenizer.json", "tokenizer_config.json"];

/// A folder with a spec, its dataset, a model that can be written to, and a coordinator's state.
struct Stage {
    folder: TempDir,
    address: String,
}

impl Stage {
    fn new() -> Self {
        let stage = Self { folder: tempfile::tempdir().expect("a temporary folder"), address: free_address() };
        fs::create_dir(stage.path("acronym-gpt2")).expect("a model folder");
        let data = repository().join("data");
        for file in ["acronyms-word.toml", "acronyms.txt"] {
            fs::copy(data.join(file), stage.path(file)).expect("copied");
        }
        for file in FILES {
            fs::copy(data.join("acronym-gpt2").join(file), stage.path("acronym-gpt2").join(file)).expect("copied");
        }
        stage
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn plain(&self, name: &str) -> String {
        self.path(name).to_str().expect("a plain path").to_owned()
    }

    fn weights(&self) -> PathBuf {
        self.path("acronym-gpt2").join("model.safetensors")
    }

    /// Trains the model a little: its file has the same tensors of the same shapes.
    fn train(&self) {
        let mut bytes = fs::read(self.weights()).expect("weights");
        let end = bytes.len();
        for number in bytes[end - 4 * 1024..].chunks_exact_mut(4) {
            let weight = f32::from_le_bytes(number.try_into().expect("four bytes"));
            number.copy_from_slice(&(0.5 * weight + 0.125).to_le_bytes());
        }
        fs::write(self.weights(), bytes).expect("written");
    }

    fn serve(&self) -> (Running, String) {
        let (state, models) = (self.plain("state"), self.plain(""));
        serve_at(&self.address, &["--state", &state, "--models", &models])
    }

    /// Submits the spec; gives what the command printed as JSON.
    fn submit(&self, url: &str, args: &[&str]) -> Value {
        let spec = self.plain("acronyms-word.toml");
        let printed = ask(url, &[&["submit", &spec, "--output", "json"], args].concat());
        serde_json::from_str(&printed).expect("JSON")
    }

    fn fetch(&self, url: &str, id: &str) -> PathBuf {
        let out = self.plain(id);
        let _ = ask(url, &["results", id, "--out", &out]);
        out.into()
    }
}

fn scores(folder: &Path) -> Vec<u8> {
    fs::read(folder.join("scores.safetensors")).expect("scores")
}

fn id(submitted: &Value) -> &str {
    submitted["sweep"].as_str().expect("an id")
}

fn is_new(submitted: &Value) -> bool {
    submitted["created"].as_bool().expect("true or false")
}

#[test]
fn a_spec_that_is_submitted_again_gets_the_scores_of_the_weights_that_are_there_now() {
    let stage = Stage::new();
    let (mut coordinator, url) = stage.serve();
    let mut worker = worker(&url, &["--models", &stage.plain("")]);
    worker.wait_for("registered with the coordinator");
    let first = stage.submit(&url, &["--wait"]);
    assert!(is_new(&first) && first["model_digest"].is_null(), "{first}");
    let found = stage.fetch(&url, id(&first));
    let manifest: Value =
        serde_json::from_slice(&fs::read(found.join("manifest.json")).expect("a manifest")).expect("JSON");

    let again = stage.submit(&url, &[]);
    assert_eq!((id(&again), is_new(&again)), (id(&first), false), "nothing has changed");
    assert_eq!(again["model_digest"], manifest["model"]["digest"]);
    let weights = fs::read(stage.weights()).expect("weights");
    fs::write(stage.weights(), &weights).expect("written");
    assert_eq!(
        id(&stage.submit(&url, &[])),
        id(&first),
        "the same bytes are the same weights, whenever they were written"
    );

    stage.train();
    let trained = stage.submit(&url, &["--wait"]);
    assert!(is_new(&trained) && id(&trained) != id(&first), "{trained}");
    let alone = stage.path("alone");
    sweep::run(&stage.path("acronyms-word.toml"), &alone, &[]);
    let theirs = stage.fetch(&url, id(&trained));
    assert!(scores(&theirs) == scores(&alone), "scores of the weights that are there");
    assert!(scores(&theirs) != scores(&found), "which are not those of the others");

    // Also after a restart, from what is kept.
    coordinator.signal("KILL");
    coordinator.wait();
    let (_coordinator, url) = stage.serve();
    assert_eq!(id(&stage.submit(&url, &[])), id(&trained));
    fs::write(stage.weights(), weights).expect("written");
    assert_eq!(id(&stage.submit(&url, &[])), id(&first), "the first ones are back");
}

#[test]
fn a_sweep_without_scores_is_that_of_the_files_that_it_was_submitted_with() {
    let stage = Stage::new();
    let (mut coordinator, url) = stage.serve();
    let first = stage.submit(&url, &[]);
    let again = stage.submit(&url, &[]);
    assert_eq!((id(&again), is_new(&again), &again["model_digest"]), (id(&first), false, &Value::Null));
    stage.train();
    let trained = stage.submit(&url, &[]);
    assert!(is_new(&trained) && id(&trained) != id(&first), "{trained}");
    assert_eq!(id(&stage.submit(&url, &[])), id(&trained));
    coordinator.signal("KILL");
    coordinator.wait();
    let (_coordinator, url) = stage.serve();
    assert_eq!(id(&stage.submit(&url, &[])), id(&trained), "it is kept what files they were");
}

#[test]
fn a_run_that_is_ended_begins_anew_where_the_weights_have_changed() {
    let stage = Stage::new();
    let (spec, out) = (stage.plain("acronyms-word.toml"), stage.plain("out"));
    let run = ["run", &spec, "--out", &out, "--threads", "1", "--tile-multiply-adds", "20000000"];
    let mut ended = Running::start("patchsweep", &run);
    for _ in 0..5 {
        ended.wait_for("tile computed");
    }
    ended.signal("TERM");
    assert_eq!(ended.wait().code(), Some(143));
    assert!(stage.path("out.state").is_dir(), "{:#?}", ended.log());
    stage.train();
    let output = patchsweep(&run).assert().success();
    let said = String::from_utf8_lossy(&output.get_output().stderr).into_owned();
    assert!(!said.contains("going on with an earlier run"), "{said}");
    let alone = stage.path("alone");
    sweep::run(Path::new(&spec), &alone, &["--tile-multiply-adds", "20000000"]);
    assert!(scores(Path::new(&out)) == scores(&alone), "scores of the weights that are there");
}
