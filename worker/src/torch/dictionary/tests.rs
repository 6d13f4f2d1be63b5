//! Features are what `SAELens` makes of the same activations with the dictionaries that it wrote.

use std::path::{Path, PathBuf};

use patchsweep_core::digest::Digest;
use patchsweep_core::model::Dtype;
use patchsweep_core::weights::Placement;
use patchsweep_files::DictionaryFiles;
use serde_json::Value;
use tch::{Device, Tensor};

use super::{DictionaryTensors, Selected};
use crate::engine::Cancel;
use crate::torch::devices::Devices;
use crate::torch::model::exec::Exec;
use crate::torch::model::load::Loader;
use crate::torch::model::parameters::Model;
use crate::torch::numbers::host;

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/reference/dictionaries")
}

/// Any model: products are counted where one is at work.
fn model() -> Model {
    let folder = Path::new(patchsweep_data::files::FOLDER).join("acronym-gpt2");
    let devices = Devices::open("cpu").expect("a device");
    let loader = Loader::open(&folder, Dtype::Float32, &devices).expect("the model's files");
    loader.load(Placement::Resident).expect("the model loads")
}

fn matrix(rows: &Value) -> Tensor {
    let rows = rows.as_array().expect("rows");
    let numbers: Vec<f64> =
        rows.iter().flat_map(|row| row.as_array().expect("a row")).filter_map(Value::as_f64).collect();
    Tensor::from_slice(&numbers).to_kind(tch::Kind::Float).view([i64::try_from(rows.len()).expect("few"), -1])
}

fn assert_near(name: &str, what: &str, ours: &Tensor, theirs: &Tensor) {
    assert_eq!(ours.size(), theirs.size(), "{name}: {what}");
    let largest = host(&(ours - theirs).abs()).into_iter().fold(0.0, f32::max);
    assert!(largest <= 2e-6, "{name}: {what} differ by {largest}");
}

#[test]
fn features_and_directions_are_those_of_sae_lens() {
    let expected = std::fs::read(folder().join("expected.json")).expect("the reference");
    let expected: Value = serde_json::from_slice(&expected).expect("JSON");
    let x = matrix(&expected["x"]);
    let model = model();
    let dictionaries = expected["dictionaries"].as_object().expect("by name");
    assert_eq!(dictionaries.len(), 11);
    for (name, expected) in dictionaries {
        let files = DictionaryFiles::open(&folder().join(name)).expect("a dictionary");
        let at = files.header().at(name, name, "blocks.1.hook_resid_pre", Digest([0; 32])).expect("a site");
        let tensors = DictionaryTensors::read(&files, &at, Device::Cpu).expect("its tensors");
        // Few enough rows at once that there are several parts.
        let exec = Exec::new(&model, 8, 13, Cancel::new());
        let (features, directions) = (matrix(&expected["features"]), matrix(&expected["directions"]));
        let all: Vec<u32> = (0..at.features).collect();
        let encoded = tensors.encode(&exec, &x, &Selected::of(&all, at.features, Device::Cpu));
        assert_near(name, "features", &encoded, &features);
        let some = [1u32, 4];
        let selected = Selected::of(&some, at.features, Device::Cpu);
        let index = Tensor::from_slice(&[1i64, 4]);
        assert_near(name, "some features", &tensors.encode(&exec, &x, &selected), &features.index_select(1, &index));
        assert_near(name, "directions", &tensors.directions(&[1, 4]), &directions.index_select(0, &index));
        let plain = crate::torch::plain::all_features(&exec, &tensors, &x.unsqueeze(0));
        assert_near(name, "plain features", &plain.squeeze_dim(0), &features);
    }
}
