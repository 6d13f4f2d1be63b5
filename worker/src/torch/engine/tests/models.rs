//! Several models in memory.

use std::fs::{self, File};
use std::path::PathBuf;

use patchsweep_core::model::{Dtype, ModelRef};
use patchsweep_core::weights::WeightBytes;
use patchsweep_files::locate::ModelFolders;
use patchsweep_files::read_config;
use tempfile::TempDir;

use super::*;
/// What the embedded model takes in float32.
pub(super) fn model_bytes() -> u64 {
    WeightBytes::of(&read_config(&embedded()).expect("a config").architecture, Dtype::Float32).all()
}

pub(super) fn embedded() -> PathBuf {
    Path::new(patchsweep_data::files::FOLDER).join("acronym-gpt2")
}

/// A folder with the embedded model under each of these names, and an engine that finds them.
pub(super) fn engine_with(names: &[&str], memory_budget: u64) -> (TempDir, TorchEngine) {
    // Products this small gain nothing from threads, and lose much where other tests keep the cores busy.
    tch::set_num_threads(1);
    let folder = tempfile::tempdir().expect("a temporary folder");
    for name in names {
        let model = folder.path().join(name);
        fs::create_dir(&model).expect("a model folder");
        for file in ["config.json", "model.safetensors"] {
            fs::copy(embedded().join(file), model.join(file)).expect("a copied file");
        }
    }
    let folders = ModelFolders { roots: vec![folder.path().to_owned()], hub_cache: None };
    (folder, TorchEngine::new(cpu(), folders, memory_budget))
}

pub(super) fn of(name: &str) -> SweepContext {
    SweepContext { model: ModelRef::Folder(name.into()), ..context() }
}

/// Computes a small tile; says whether its model had to be loaded.
fn loads(engine: &mut TorchEngine, context: &SweepContext) -> bool {
    let evaluation = engine.evaluate(context, &tile(8), None, &Cancel::new()).expect("computed");
    !evaluation.loading.is_zero()
}

fn names(engine: &TorchEngine) -> Vec<String> {
    engine.gauge().read().loaded.iter().map(ToString::to_string).collect()
}

/// Weights and cache together keep to the budget, and are all that is counted.
fn assert_divided(engine: &TorchEngine, models: u64) {
    let seen = engine.gauge().read();
    let (weights, budget) = (models * model_bytes(), seen.memory.budget);
    assert_eq!(seen.memory.used, weights + seen.cache.bytes);
    assert_eq!(seen.cache.budget_bytes, (budget - weights) / 2);
    assert!(seen.memory.used <= budget);
}

#[test]
fn what_the_weights_take_is_known_before_they_are_loaded() {
    let reference =
        |case: &str| Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/reference").join(case).join("model");
    for folder in [embedded(), reference("tiny"), reference("untied"), reference("wide-mlp")] {
        for dtype in [Dtype::Float32, Dtype::Bfloat16] {
            let loader = Loader::open(&folder, dtype, &cpu()).expect("a model's files");
            let model = loader.load(Placement::Resident).expect("a model");
            assert_eq!(WeightBytes::of(&model.architecture, dtype).all(), model.bytes(), "{}", folder.display());
        }
    }
}

#[test]
fn models_that_take_half_of_the_budget_together_stay_in_memory() {
    let (_folder, mut engine) = engine_with(&["a", "b"], 4 * model_bytes());
    assert!(loads(&mut engine, &of("a")));
    assert_divided(&engine, 1);
    assert!(loads(&mut engine, &of("b")));
    assert_divided(&engine, 2);
    for name in ["a", "b", "b", "a"] {
        assert!(!loads(&mut engine, &of(name)), "{name} is here");
        assert_divided(&engine, 2);
    }
    assert_eq!(names(&engine), ["b in float32", "a in float32"], "the one that was used last is the last");
}

#[test]
fn a_model_goes_before_another_comes_that_does_not_fit_beside_it() {
    let (_folder, mut engine) = engine_with(&["a", "b"], 4 * model_bytes() - 1);
    for name in ["a", "b", "a"] {
        assert!(loads(&mut engine, &of(name)), "{name} was dropped");
        assert_eq!(names(&engine), [format!("{name} in float32")]);
        assert_divided(&engine, 1);
    }
}

#[test]
fn the_model_that_was_not_used_for_longest_goes_first() {
    let (_folder, mut engine) = engine_with(&["a", "b", "c"], 4 * model_bytes());
    for (name, is_loaded) in [("a", true), ("b", true), ("a", false), ("c", true), ("a", false), ("b", true)] {
        assert_eq!(loads(&mut engine, &of(name)), is_loaded, "{name}");
    }
}

#[test]
fn a_dtype_is_another_model() {
    let (_folder, mut engine) = engine_with(&["a"], 64 * model_bytes());
    let half = SweepContext { dtype: Dtype::Bfloat16, ..of("a") };
    assert!(loads(&mut engine, &of("a")) && loads(&mut engine, &half));
    assert!(!loads(&mut engine, &of("a")) && !loads(&mut engine, &half));
    assert_eq!(names(&engine), ["a in float32", "a in bfloat16"]);
}

#[test]
fn files_that_have_changed_are_loaded_again_and_the_old_weights_go() {
    let (folder, mut engine) = engine_with(&["a"], 64 * model_bytes());
    assert!(loads(&mut engine, &of("a")));
    let file = folder.path().join("a/model.safetensors");
    let mut bytes = fs::read(&file).expect("weights");
    let last = bytes.len() - 2;
    bytes[last] ^= 1;
    fs::write(folder.path().join("a/new"), bytes).expect("written weights");
    fs::rename(folder.path().join("a/new"), &file).expect("renamed weights");
    assert!(loads(&mut engine, &of("a")));
    assert_divided(&engine, 1);
}

#[test]
fn a_model_that_cannot_be_loaded_leaves_the_others_and_their_share() {
    let (folder, mut engine) = engine_with(&["a", "torn"], 64 * model_bytes());
    assert!(loads(&mut engine, &of("a")));
    let file = folder.path().join("torn/model.safetensors");
    let bytes = fs::read(&file).expect("weights");
    fs::write(&file, &bytes[..bytes.len() / 2]).expect("half of the weights");
    let failed = engine.evaluate(&of("torn"), &tile(8), None, &Cancel::new());
    assert!(matches!(failed, Err(EngineError::Model(_))), "{failed:?}");
    assert_divided(&engine, 1);
    assert!(!loads(&mut engine, &of("a")));
}

/// Gives a copy of the embedded model blocks of a gigabyte, all of zeros.
fn write_wide(folder: &Path) {
    let config = fs::read_to_string(folder.join("config.json")).expect("a config");
    let mut config: serde_json::Value = serde_json::from_str(&config).expect("JSON");
    config["n_inner"] = 1_000_000.into();
    fs::write(folder.join("config.json"), config.to_string()).expect("a written config");
    let config = read_config(folder).expect("a config");
    let sources = config.architecture.parameters().into_iter().map(|parameter| config.source(&parameter));
    let (mut header, mut end) = (serde_json::Map::new(), 0);
    for source in sources {
        header.entry(source.name).or_insert_with(|| {
            let start = end;
            end += 4 * source.shape.iter().map(|&size| u64::from(size)).product::<u64>();
            serde_json::json!({ "dtype": "F32", "shape": source.shape, "data_offsets": [start, end] })
        });
    }
    let header = serde_json::Value::from(header).to_string();
    let beginning = [&(header.len() as u64).to_le_bytes(), header.as_bytes()].concat();
    let file = folder.join("model.safetensors");
    fs::write(&file, &beginning).expect("a header");
    File::options().write(true).open(file).and_then(|file| file.set_len(beginning.len() as u64 + end)).expect("zeros");
}

#[test]
fn a_model_that_is_too_large_pushes_nothing_out() {
    let (folder, mut engine) = engine_with(&["a", "large"], 3 * model_bytes());
    assert!(loads(&mut engine, &of("a")));
    write_wide(&folder.path().join("large"));
    let failed = engine.evaluate(&of("large"), &tile(8), None, &Cancel::new());
    assert!(matches!(failed, Err(EngineError::ModelTooLarge { .. })), "{failed:?}");
    assert!(!loads(&mut engine, &of("a")));
}

#[test]
fn scores_do_not_depend_on_what_else_is_in_memory() {
    let (_folder, mut engine) = engine_with(&["a", "b"], 64 * model_bytes());
    let scores = |engine: &mut TorchEngine, name: &str| {
        engine.evaluate(&of(name), &tile(8), None, &Cancel::new()).expect("computed").scores
    };
    let alone = scores(&mut engine, "a");
    assert_eq!(scores(&mut engine, "b"), alone);
    assert_eq!(scores(&mut engine, "a"), alone);
}
