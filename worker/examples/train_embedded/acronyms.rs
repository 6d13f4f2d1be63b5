//! The model that writes acronyms.

use std::{
    collections::HashSet,
    iter::{self, Cycle},
    ops::RangeInclusive,
};

use patchsweep_data::{
    prompts::{Acronym, Draws, test_acronyms},
    tokenizer::Vocabulary,
};
use tch::TchError;

use crate::{
    architecture::{Architecture, Initial},
    evaluation::Evaluation,
    model::Gpt2,
    sequences::{Sequences, length},
    training::Schedule,
};

/// The seed of the training acronyms.
const TRAINING_SEED: u64 = 1;

/// How many acronyms one step of the training sees.
const BATCH_SIZE: usize = 256;

/// How many words the acronyms of a training batch have, one batch after the other.
///
/// Were it always three, then a letter's position alone would say which word to look at, and all heads would do much the
/// same. Varying it makes heads take on different letters, so that a sweep's iterations differ.
const WORD_COUNTS: RangeInclusive<usize> = 2..=5;

pub(crate) const SCHEDULE: Schedule =
    Schedule { steps: 800, warm_up_steps: 100, guided_steps: 0, peak_learning_rate: 2e-3, weight_decay: 0.1 };

/// Large enough to have heads and layers worth telling apart, and small enough to be committed.
pub(crate) fn architecture(vocabulary: &Vocabulary) -> Architecture {
    Architecture {
        layers: 4,
        heads: 4,
        width: 128,
        positions: 32,
        vocabulary: i64::try_from(vocabulary.size()).expect("a vocabulary fits memory"),
        layer_norm_epsilon: 1e-5,
        initial: Initial { embedding: DEVIATION, waves: false, reading: DEVIATION, adding },
    }
}

/// As in GPT-2.
const DEVIATION: f64 = 0.02;

/// Lower the more there is that is added to the residual stream, as in GPT-2.
fn adding(_inputs: i64, layers: i64) -> f64 {
    let additions = i32::try_from(2 * layers).expect("a few layers");
    DEVIATION / f64::from(additions).sqrt()
}

/// How the model does on the prompts of `acronyms.txt`, for each of the three letters: as right counts the highest logit of the
/// whole vocabulary; differences are to the best other letter.
pub(crate) fn evaluate(model: &Gpt2, vocabulary: &Vocabulary) -> Result<(), TchError> {
    let sequences = sequences(vocabulary, &test_acronyms());
    let evaluation = Evaluation::of(model, &sequences, &vocabulary.letter_ids())?;
    for (letter, (accuracy, difference)) in evaluation.per_target().enumerate() {
        println!("letter {letter}: {:.2} % right, mean logit difference {difference:.2}", 100.0 * accuracy);
    }
    Ok(())
}

/// Begin, article, words, bracket, letters; all letters are targets.
fn sequences(vocabulary: &Vocabulary, acronyms: &[Acronym]) -> Sequences {
    let rows: Vec<Vec<u32>> = acronyms.iter().map(|acronym| vocabulary.sequence(acronym)).collect();
    let (all, letters) = (length(&rows[0]), length(acronyms[0].words()));
    Sequences::new(&rows, (all - letters..all).collect())
}

/// Random acronyms, none of them among those of `acronyms.txt`.
pub(crate) struct Batches<'a> {
    vocabulary: &'a Vocabulary,
    draws: Draws,
    word_counts: Cycle<RangeInclusive<usize>>,
    held_out: HashSet<Acronym>,
}

impl<'a> Batches<'a> {
    pub(crate) fn new(vocabulary: &'a Vocabulary) -> Self {
        Self {
            vocabulary,
            draws: Draws::seeded(TRAINING_SEED),
            word_counts: WORD_COUNTS.cycle(),
            held_out: test_acronyms().into_iter().collect(),
        }
    }
}

impl Iterator for Batches<'_> {
    type Item = Sequences;

    fn next(&mut self) -> Option<Sequences> {
        let word_count = self.word_counts.next()?;
        let acronyms: Vec<Acronym> = iter::repeat_with(|| self.draws.acronym(word_count))
            .filter(|acronym| !self.held_out.contains(acronym))
            .take(BATCH_SIZE)
            .collect();
        Some(sequences(self.vocabulary, &acronyms))
    }
}
