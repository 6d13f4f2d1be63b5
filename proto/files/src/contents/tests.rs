use std::fs;
use std::path::{Path, PathBuf};

use half::{bf16, f16};
use patchsweep_core::model::ModelConfig;
use safetensors::Dtype;
use safetensors::tensor::TensorView;
use tempfile::TempDir;

use super::*;

const EMBEDDING: &str = "wte.weight";
const HEAD: &str = "lm_head.weight";

const CONFIG: &str =
    r#"{"model_type": "gpt2", "n_layer": 1, "n_head": 1, "n_embd": 2, "vocab_size": 3, "n_positions": 2}"#;

/// One tensor for a file: its name, type, shape and bytes.
type Given = (String, Dtype, Vec<usize>, Vec<u8>);

fn config(text: &str) -> ModelConfig {
    ModelConfig::from_json(text).expect("a config")
}

fn floats(name: &str, shape: &[usize], numbers: &[f32]) -> Given {
    (name.to_owned(), Dtype::F32, shape.to_vec(), numbers.iter().flat_map(|number| number.to_le_bytes()).collect())
}

const EMBEDDED: [f32; 6] = [1.0, -2.0, 0.0, 0.5, 3.0, -0.25];

fn vocabulary(name: &str, numbers: [f32; 6]) -> Given {
    floats(name, &[3, 2], &numbers)
}

/// All tensors but embedding and unembedding.
fn blocks() -> Vec<Given> {
    let zeros = |(name, shape): (String, Vec<usize>)| {
        let count = shape.iter().product();
        floats(&name, &shape, &vec![0.0; count])
    };
    Wanted::of(&config(CONFIG)).others.into_iter().map(zeros).collect()
}

fn written(path: &Path, tensors: &[Given]) {
    let views = tensors.iter().map(|(name, dtype, shape, bytes)| {
        (name.as_str(), TensorView::new(*dtype, shape.clone(), bytes).expect("as many bytes as its shape says"))
    });
    fs::write(path, safetensors::serialize(views, None).expect("tensors")).expect("written");
}

fn folder(tensors: &[Given]) -> (TempDir, PathBuf) {
    let folder = tempfile::tempdir().expect("a folder");
    written(&folder.path().join("model.safetensors"), tensors);
    let path = folder.path().to_owned();
    (folder, path)
}

fn contents(text: &str, extra: &[Given]) -> Result<Contents, String> {
    let (_folder, path) = folder(&[&blocks(), extra].concat());
    let files = WeightFiles::open(&path, &config(text)).map_err(|error| error.to_string())?;
    files.contents(&config(text)).map_err(|error| error.to_string().replace(&path.display().to_string(), "m"))
}

const UNTIED: &str = r#"{"model_type": "gpt2", "n_layer": 1, "n_head": 1, "n_embd": 2, "vocab_size": 3, "n_positions": 2,
    "tie_word_embeddings": false}"#;

#[test]
fn tied_ones_are_one_tensor() {
    let one = Contents { embedding: EMBEDDING.into(), unembedding: EMBEDDING.into(), notes: Vec::new() };
    assert_eq!(contents(CONFIG, &[vocabulary(EMBEDDING, EMBEDDED)]), Ok(one.clone()));
    let head = vocabulary(HEAD, EMBEDDED);
    assert_eq!(contents(CONFIG, &[vocabulary(EMBEDDING, EMBEDDED), head]), Ok(one));
}

#[test]
fn equal_numbers_of_other_types_are_equal() {
    let embedding = vocabulary(EMBEDDING, EMBEDDED);
    let halves = EMBEDDED.iter().flat_map(|&number| f16::from_f32(number).to_le_bytes()).collect();
    let brains = EMBEDDED.iter().flat_map(|&number| bf16::from_f32(number).to_le_bytes()).collect();
    for (dtype, bytes) in [(Dtype::F16, halves), (Dtype::BF16, brains)] {
        let head = (HEAD.to_owned(), dtype, vec![3, 2], bytes);
        assert_eq!(contents(CONFIG, &[embedding.clone(), head]).expect("a model").unembedding, EMBEDDING, "{dtype:?}");
    }
    // -0 is 0.
    let zero = EMBEDDED.map(|number| if number == 0.0 { -0.0 } else { number });
    assert_eq!(contents(CONFIG, &[embedding, vocabulary(HEAD, zero)]).expect("a model").unembedding, EMBEDDING);
}

#[test]
fn a_stored_unembedding_that_differs_is_used_and_noted() {
    let mut other = EMBEDDED;
    other[5] += 1e-6;
    let found = contents(CONFIG, &[vocabulary(EMBEDDING, EMBEDDED), vocabulary(HEAD, other)]).expect("a model");
    assert_eq!((found.embedding.as_str(), found.unembedding.as_str()), (EMBEDDING, HEAD));
    assert_eq!(found.notes, [notes::own_head(HEAD)]);
    let found = contents(UNTIED, &[vocabulary(EMBEDDING, EMBEDDED), vocabulary(HEAD, other)]).expect("a model");
    assert_eq!((found.unembedding.as_str(), found.notes), (HEAD, Vec::new()));
}

#[test]
fn a_stored_unembedding_is_the_embedding_too_where_that_is_missing() {
    let found = contents(CONFIG, &[vocabulary(HEAD, EMBEDDED)]).expect("a model");
    assert_eq!((found.embedding.as_str(), found.unembedding.as_str()), (HEAD, HEAD));
    let refused = contents(UNTIED, &[vocabulary(HEAD, EMBEDDED)]).expect_err("is refused");
    assert_eq!(refused, "tensor `wte.weight` is missing in m; its config.json wants one of shape [3, 2]");
    let refused = contents(UNTIED, &[vocabulary(EMBEDDING, EMBEDDED)]).expect_err("is refused");
    assert_eq!(refused, "tensor `lm_head.weight` is missing in m; its config.json wants one of shape [3, 2]");
}

#[test]
fn tensors_without_a_part_are_named_once_and_masks_are_none_of_them() {
    let ones = |name: &str, count: usize| floats(name, &[count], &vec![1.0; count]);
    let extra = [
        vocabulary(EMBEDDING, EMBEDDED),
        ones("h.0.attn.bias", 4),
        ones("h.0.attn.masked_bias", 1),
        ones("h.1.ln_1.weight", 2),
        ones("v_head.weight", 2),
        ones("lm_head.bias", 3),
    ];
    let notes = contents(CONFIG, &extra).expect("a model").notes;
    let named = "not used, because a model of this config.json has no such tensors: h.1.ln_1.weight, lm_head.bias, \
                 v_head.weight";
    assert_eq!(notes, [named]);
}

#[test]
fn tensors_that_do_not_fit_the_config_are_refused() {
    let ids = (EMBEDDING.to_owned(), Dtype::I32, vec![3, 2], vec![0; 24]);
    let refused = contents(CONFIG, &[ids]).expect_err("is refused");
    assert_eq!(refused, "tensor `wte.weight` in m is I32; float32, float16 and bfloat16 are supported");
    let refused = contents(CONFIG, &[floats(EMBEDDING, &[2, 3], &EMBEDDED)]).expect_err("is refused");
    assert_eq!(refused, "tensor `wte.weight` in m has shape [2, 3]; its config.json wants [3, 2]");
    let deeper = CONFIG.replace("\"n_layer\": 1", "\"n_layer\": 2");
    let refused = contents(&deeper, &[vocabulary(EMBEDDING, EMBEDDED)]).expect_err("is refused");
    assert_eq!(refused, "tensor `h.1.ln_1.weight` is missing in m; its config.json wants one of shape [2]");
}

#[test]
fn the_stamp_is_that_of_the_files_as_they_were_last_written() {
    let (_folder, path) = folder(&[&blocks()[..], &[vocabulary(EMBEDDING, EMBEDDED)]].concat());
    let stamp = || WeightFiles::open(&path, &config(CONFIG)).expect("weights").stamp();
    let first = stamp();
    assert_eq!(stamp(), first);
    let file = fs::File::options().write(true).open(path.join("model.safetensors")).expect("it can be written to");
    file.set_modified(std::time::SystemTime::UNIX_EPOCH).expect("another time");
    assert_ne!(stamp(), first);
}
