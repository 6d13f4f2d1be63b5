//! Trains an embedded model from scratch and measures it: `train_embedded acronyms|guests [FOLDER]`; or a dictionary of the
//! committed one that knows guests: `train_embedded dictionary [FOLDER]`.
//!
//! A small model of GPT-2's architecture learns to write the acronym of three nouns, or to find surnames in a list of guests.
//! Everything random comes from seeds, so that the same machine makes the same weights. No model sees what it is measured on,
//! or the prompts of the committed datasets. The folder, by default the committed one, gets `config.json` and
//! `model.safetensors`, or a dictionary's files.

mod acronyms;
mod architecture;
mod block;
mod dictionary;
mod evaluation;
mod export;
mod guest_evaluation;
mod guests;
mod guidance;
mod model;
mod parts;
mod sequences;
mod training;

use std::{
    env,
    error::Error,
    path::{Path, PathBuf},
    time::Instant,
};

use patchsweep_data::{files, guests::vocabulary as guest_vocabulary, tokenizer::Vocabulary};
use tch::{Device, TchError, nn};

use crate::{
    architecture::Architecture, dictionary::Dictionary, model::Gpt2, sequences::Sequences, training::Schedule,
};

/// The folder of the model that knows guests.
const GUEST_MODEL: &str = "guest-gpt2";

/// The seed of the initial weights.
const WEIGHT_SEED: i64 = 0;

/// Float sums depend on how many threads share them: with one alone the weights are reproducible, and the models are too
/// small to gain much from more.
const THREADS: i32 = 1;

fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = env::args_os().skip(1);
    let task = arguments.next().and_then(|task| task.into_string().ok()).unwrap_or_default();
    let mut folder = |name| arguments.next().map_or_else(|| Path::new(files::FOLDER).join(name), PathBuf::from);
    match task.as_str() {
        "acronyms" => {
            let vocabulary = Vocabulary::of_acronyms();
            let model = Model::trained(
                acronyms::architecture(&vocabulary),
                &acronyms::SCHEDULE,
                acronyms::Batches::new(&vocabulary),
            )?;
            acronyms::evaluate(&model.gpt2, &vocabulary)?;
            model.write(&folder("acronym-gpt2"), &vocabulary)
        }
        "guests" => {
            let vocabulary = guest_vocabulary();
            let model = Model::trained(
                guests::architecture(&vocabulary),
                &guests::SCHEDULE,
                guests::Batches::new(&vocabulary),
            )?;
            guest_evaluation::of_model(&model.gpt2, &vocabulary)?;
            model.write(&folder(GUEST_MODEL), &vocabulary)
        }
        "dictionary" => {
            let vocabulary = guest_vocabulary();
            let model = Model::committed(guests::architecture(&vocabulary), GUEST_MODEL)?;
            let dictionary = Dictionary::trained(&model.gpt2, guests::Batches::new(&vocabulary))?;
            guest_evaluation::of_dictionary(&dictionary, &model.gpt2, &vocabulary)?;
            let folder = folder("guest-sae");
            dictionary.write(&folder)?;
            eprintln!("wrote {}", folder.display());
            Ok(())
        }
        _ => Err("say what to train: train_embedded acronyms|guests|dictionary [FOLDER]".into()),
    }
}

/// A model, and its weights by name.
struct Model {
    architecture: Architecture,
    weights: nn::VarStore,
    gpt2: Gpt2,
}

impl Model {
    fn trained(
        architecture: Architecture,
        schedule: &Schedule,
        batches: impl Iterator<Item = Sequences>,
    ) -> Result<Self, TchError> {
        let model = Self::initial(architecture);
        let started = Instant::now();
        training::train(&model.gpt2, &model.weights, schedule, batches)?;
        eprintln!("trained in {:.0} s", started.elapsed().as_secs_f64());
        Ok(model)
    }

    fn committed(architecture: Architecture, folder: &str) -> Result<Self, TchError> {
        let mut model = Self::initial(architecture);
        model.weights.load(Path::new(files::FOLDER).join(folder).join("model.safetensors"))?;
        Ok(model)
    }

    fn initial(architecture: Architecture) -> Self {
        tch::set_num_threads(THREADS);
        tch::manual_seed(WEIGHT_SEED);
        let weights = nn::VarStore::new(Device::Cpu);
        let gpt2 = Gpt2::new(&weights.root(), &architecture);
        Self { architecture, weights, gpt2 }
    }

    fn write(&self, folder: &Path, vocabulary: &Vocabulary) -> Result<(), Box<dyn Error>> {
        export::write(folder, &self.architecture, vocabulary, &self.weights)?;
        eprintln!("wrote {}", folder.display());
        Ok(())
    }
}
