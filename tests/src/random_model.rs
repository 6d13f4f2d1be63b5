//! Models of any size with random weights, in GPT-2's form, and prompts for them.

use std::fs::{self, File};
use std::io::{BufWriter, Write};
use std::path::Path;

use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use serde_json::json;

/// Sizes of a model.
#[derive(Clone, Copy, Debug)]
pub struct RandomModel {
    /// Blocks.
    pub layers: usize,
    /// Of the residual stream; a multiple of 64, the width of a head.
    pub width: usize,
    /// Tokens.
    pub vocabulary: usize,
    /// Longest prompt.
    pub positions: usize,
}

impl RandomModel {
    /// GPT-2 small's.
    pub const GPT2_SMALL: Self = Self { layers: 12, width: 768, vocabulary: 50257, positions: 1024 };

    /// Names and shapes of all tensors, in the order of the file.
    fn tensors(self) -> Vec<(String, Vec<usize>)> {
        let Self { layers, width, vocabulary, positions } = self;
        let mut tensors =
            vec![("wte.weight".to_owned(), vec![vocabulary, width]), ("wpe.weight".to_owned(), vec![positions, width])];
        for layer in 0..layers {
            let linear = |name: &str, inputs: usize, outputs: usize| {
                let name = format!("h.{layer}.{name}");
                [(format!("{name}.weight"), vec![inputs, outputs]), (format!("{name}.bias"), vec![outputs])]
            };
            let norm = |name: &str| {
                let name = format!("h.{layer}.{name}");
                [(format!("{name}.weight"), vec![width]), (format!("{name}.bias"), vec![width])]
            };
            tensors.extend(norm("ln_1"));
            tensors.extend(linear("attn.c_attn", width, 3 * width));
            tensors.extend(linear("attn.c_proj", width, width));
            tensors.extend(norm("ln_2"));
            tensors.extend(linear("mlp.c_fc", width, 4 * width));
            tensors.extend(linear("mlp.c_proj", 4 * width, width));
        }
        tensors.extend([("ln_f.weight".to_owned(), vec![width]), ("ln_f.bias".to_owned(), vec![width])]);
        tensors
    }

    /// Writes its folder without ever holding the weights: a safetensors header, then uniform numbers in -0.05..0.05.
    ///
    /// # Panics
    /// When the folder cannot be made or written to.
    pub fn write(self, folder: &Path) {
        let Self { layers, width, vocabulary, positions } = self;
        fs::create_dir(folder).expect("a model folder");
        let config = json!({
            "model_type": "gpt2", "n_layer": layers, "n_head": width / 64, "n_embd": width, "vocab_size": vocabulary,
            "n_positions": positions, "activation_function": "gelu_new", "layer_norm_epsilon": 1e-05,
        });
        fs::write(folder.join("config.json"), config.to_string()).expect("a written config");
        let mut header = serde_json::Map::new();
        let mut end = 0;
        for (name, shape) in self.tensors() {
            let start = end;
            end += 4 * shape.iter().product::<usize>();
            let entry = json!({ "dtype": "F32", "shape": shape, "data_offsets": [start, end] });
            header.insert(name, entry);
        }
        let mut header = serde_json::Value::from(header).to_string();
        // As programs that write these files do, so that numbers begin at multiples of their width.
        header.extend(std::iter::repeat_n(' ', header.len().next_multiple_of(8) - header.len()));
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

    /// A file of token ids for it: prompts whose third and fourth token are corrupted.
    #[must_use]
    pub fn token_file(self, prompts: usize, length: usize) -> String {
        let mut rng = ChaCha8Rng::seed_from_u64(1);
        let token = |_| rng.random_range(0..self.vocabulary);
        let ids: Vec<usize> = (0..prompts * length * 2).map(token).collect();
        let (clean, other) = ids.split_at(prompts * length);
        let rows = |ids: &[usize]| ids.chunks(length).map(<[usize]>::to_vec).collect::<Vec<_>>();
        let mut corrupted = rows(clean);
        for (row, other) in corrupted.iter_mut().zip(rows(other)) {
            row[2..4].copy_from_slice(&other[2..4]);
        }
        json!({ "clean": rows(clean), "corrupted": [corrupted], "answers": vec![[1]; prompts] }).to_string()
    }
}
