//! Trains the embedded default model from scratch and measures it: `train_acronym_gpt2 [MODEL_FOLDER]`.
//!
//! A small model of GPT-2's architecture learns to write the acronym of three nouns. Everything random comes from
//! seeds, so that the same machine makes the same weights. It never sees the prompts of `acronyms.txt`, on which it is
//! measured. The folder, by default the committed `data/acronym-gpt2`, gets `config.json` and `model.safetensors`.

mod architecture;
mod batches;
mod block;
mod evaluation;
mod export;
mod model;
mod parts;
mod training;

use std::{
    env,
    error::Error,
    path::{Path, PathBuf},
    time::Instant,
};

use patchsweep_data::{files, tokenizer::Vocabulary};
use tch::{Device, nn};

use crate::{architecture::Architecture, batches::TrainingBatches, evaluation::Evaluation, model::Gpt2};

/// The seed of the initial weights.
const WEIGHT_SEED: i64 = 0;

/// Float sums depend on how many threads share them: with one alone the weights are reproducible, and the model is too
/// small to gain much from more.
const THREADS: i32 = 1;

fn main() -> Result<(), Box<dyn Error>> {
    let folder = env::args_os().nth(1).map_or_else(|| Path::new(files::FOLDER).join("acronym-gpt2"), PathBuf::from);
    tch::set_num_threads(THREADS);
    tch::manual_seed(WEIGHT_SEED);

    let vocabulary = Vocabulary::embedded();
    let architecture = Architecture::of(&vocabulary);
    let weights = nn::VarStore::new(Device::Cpu);
    let model = Gpt2::new(&weights.root(), &architecture);

    let started = Instant::now();
    training::train(&model, &weights, TrainingBatches::new(&vocabulary))?;
    eprintln!("trained in {:.0} s", started.elapsed().as_secs_f64());

    print!("{}", Evaluation::of(&model, &vocabulary)?);
    export::write(&folder, &architecture, &vocabulary, &weights)?;
    eprintln!("wrote {}", folder.display());
    Ok(())
}
