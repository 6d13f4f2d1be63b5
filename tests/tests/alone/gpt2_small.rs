//! GPT-2 small's shape with random weights: it loads and sweeps within 4 GiB.

use std::fs::{self, File};
use std::io::{BufWriter, Write};
use std::path::Path;

use patchsweep_tests::{Running, Spec, patchsweep, serve, spec};
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use serde_json::json;

use super::Alone;

const LAYERS: usize = 12;
const WIDTH: usize = 768;
const VOCABULARY: usize = 50257;
const POSITIONS: usize = 1024;

const PROMPTS: usize = 50;
const PROMPT_LENGTH: usize = 8;

const MOST_KIB: u64 = 4 << 20;

/// Names and shapes of all tensors, in the order of the file.
fn tensors() -> Vec<(String, Vec<usize>)> {
    let mut tensors =
        vec![("wte.weight".to_owned(), vec![VOCABULARY, WIDTH]), ("wpe.weight".to_owned(), vec![POSITIONS, WIDTH])];
    for layer in 0..LAYERS {
        let linear = |name: &str, inputs: usize, outputs: usize| {
            let name = format!("h.{layer}.{name}");
            [(format!("{name}.weight"), vec![inputs, outputs]), (format!("{name}.bias"), vec![outputs])]
        };
        let norm = |name: &str| {
            let name = format!("h.{layer}.{name}");
            [(format!("{name}.weight"), vec![WIDTH]), (format!("{name}.bias"), vec![WIDTH])]
        };
        tensors.extend(norm("ln_1"));
        tensors.extend(linear("attn.c_attn", WIDTH, 3 * WIDTH));
        tensors.extend(linear("attn.c_proj", WIDTH, WIDTH));
        tensors.extend(norm("ln_2"));
        tensors.extend(linear("mlp.c_fc", WIDTH, 4 * WIDTH));
        tensors.extend(linear("mlp.c_proj", 4 * WIDTH, WIDTH));
    }
    tensors.extend([("ln_f.weight".to_owned(), vec![WIDTH]), ("ln_f.bias".to_owned(), vec![WIDTH])]);
    tensors
}

/// Writes half a gigabyte without holding it: a safetensors header, then uniform numbers in -0.05..0.05.
fn write_model(folder: &Path) {
    fs::create_dir(folder).expect("a model folder");
    let config = format!(
        r#"{{"model_type": "gpt2", "n_layer": {LAYERS}, "n_head": 12, "n_embd": {WIDTH}, "vocab_size": {VOCABULARY},
            "n_positions": {POSITIONS}, "activation_function": "gelu_new", "layer_norm_epsilon": 1e-05}}"#
    );
    fs::write(folder.join("config.json"), config).expect("a written config");
    let mut header = serde_json::Map::new();
    let mut end = 0;
    for (name, shape) in tensors() {
        let start = end;
        end += 4 * shape.iter().product::<usize>();
        let entry = json!({ "dtype": "F32", "shape": shape, "data_offsets": [start, end] });
        header.insert(name, entry);
    }
    let header = serde_json::Value::from(header).to_string();
    let mut file = BufWriter::new(File::create(folder.join("model.safetensors")).expect("a file"));
    file.write_all(&(header.len() as u64).to_le_bytes()).expect("written");
    file.write_all(header.as_bytes()).expect("written");
    let mut rng = ChaCha8Rng::seed_from_u64(0);
    let block: Vec<u8> = (0..1 << 18).flat_map(|_| rng.random_range(-0.05f32..0.05).to_le_bytes()).collect();
    let mut left = end;
    while left > 0 {
        // A prime number of floats, so that no two rows of a matrix are alike.
        let part = left.min(4 * 262_139);
        file.write_all(&block[..part]).expect("written");
        left -= part;
    }
}

fn token_file() -> String {
    let mut rng = ChaCha8Rng::seed_from_u64(1);
    let token = |_| rng.random_range(0..VOCABULARY);
    let ids: Vec<usize> = (0..PROMPTS * PROMPT_LENGTH * 2).map(token).collect();
    let (clean, other) = ids.split_at(PROMPTS * PROMPT_LENGTH);
    let rows = |ids: &[usize]| ids.chunks(PROMPT_LENGTH).map(<[usize]>::to_vec).collect::<Vec<_>>();
    let mut corrupted = rows(clean);
    for (row, other) in corrupted.iter_mut().zip(rows(other)) {
        row[2..4].copy_from_slice(&other[2..4]);
    }
    json!({ "clean": rows(clean), "corrupted": [corrupted], "answers": vec![[1]; PROMPTS] }).to_string()
}

fn sample() -> Spec {
    spec("gpt2-small")
        .tokens("tokens.json")
        .metric_of(json!({ "kind": "logit_diff_max", "candidate_ids": [0, 1, 2, 3, 4, 5, 6, 7] }))
        .iteration(json!({ "corrupt": [2, 3], "read": 5 }))
        .grid("resid_pre", &["layer", "pos"])
}

#[test]
fn random_weights_of_gpt2_smalls_shape_load_and_sweep_in_4_gib() {
    let _alone = Alone::wait();
    let folder = tempfile::tempdir().expect("a temporary folder");
    let models = folder.path().to_str().expect("a plain path");
    write_model(&folder.path().join("model"));
    fs::write(folder.path().join("tokens.json"), token_file()).expect("written tokens");
    let spec = folder.path().join("spec.toml");
    fs::write(&spec, sample().to_string()).expect("a written spec");

    let (coordinator, url) = serve(&["--models", models]);
    let worker = Running::start("patchsweep-worker", &["--coordinator", &url, "--models", models, "--threads", "2"]);
    let spec = spec.to_str().expect("a plain path");
    patchsweep(&["submit", spec, "--wait", "--coordinator", &url]).assert().success();
    let peaks = [&coordinator, &worker].map(|process| process.memory_kib("VmHWM"));
    assert!(peaks.iter().sum::<u64>() <= MOST_KIB, "peaks of coordinator and worker in KiB: {peaks:?}");
    println!("peaks of coordinator and worker in KiB: {peaks:?}");
}
