//! Token sequences to train on, and the others to test on.

use std::{
    collections::HashSet,
    iter::{self, Cycle},
    ops::RangeInclusive,
};

use patchsweep_data::{
    prompts::{Acronym, Draws, test_acronyms},
    tokenizer::Vocabulary,
};
use tch::Tensor;

/// The seed of the training acronyms.
const TRAINING_SEED: u64 = 1;

/// How many acronyms one step of the training sees.
const BATCH_SIZE: usize = 256;

/// How many words the acronyms of a training batch have, one batch after the other.
///
/// Were it always three, then a letter's position alone would say which word to look at, and all heads would do much the
/// same. Varying it makes heads take on different letters, so that a sweep's iterations differ.
const WORD_COUNTS: RangeInclusive<usize> = 2..=5;

/// Whole sequences of equal length: begin, article, words, bracket, letters.
pub(crate) struct Sequences {
    /// `[batch, position]`.
    tokens: Tensor,
    letter_count: i64,
}

impl Sequences {
    fn new(vocabulary: &Vocabulary, acronyms: &[Acronym]) -> Self {
        let sequences = acronyms.iter().map(|acronym| vocabulary.sequence(acronym));
        let ids: Vec<i64> = sequences.flatten().map(i64::from).collect();
        Self {
            tokens: Tensor::from_slice(&ids).view([length(acronyms), -1]),
            letter_count: length(acronyms[0].words()),
        }
    }

    /// What a model reads, `[batch, position]`: all but the last letter, after which nothing is to be predicted.
    pub(crate) fn read(&self) -> Tensor {
        self.tokens.narrow(1, 0, self.tokens.size()[1] - 1)
    }

    /// What it should write, `[batch, letter]`, each letter at one of the last positions that it reads.
    pub(crate) fn letters(&self) -> Tensor {
        let first = self.tokens.size()[1] - self.letter_count;
        self.tokens.narrow(1, first, self.letter_count)
    }

    /// The sequences in parts of at most `size`.
    pub(crate) fn chunks(&self, size: i64) -> impl Iterator<Item = Self> {
        let letter_count = self.letter_count;
        let chunks = self.tokens.split(size, 0).into_iter();
        chunks.map(move |tokens| Self { tokens, letter_count })
    }
}

/// Random acronyms, none of them among those of `acronyms.txt`.
pub(crate) struct TrainingBatches<'a> {
    vocabulary: &'a Vocabulary,
    draws: Draws,
    word_counts: Cycle<RangeInclusive<usize>>,
    held_out: HashSet<Acronym>,
}

impl<'a> TrainingBatches<'a> {
    pub(crate) fn new(vocabulary: &'a Vocabulary) -> Self {
        Self {
            vocabulary,
            draws: Draws::seeded(TRAINING_SEED),
            word_counts: WORD_COUNTS.cycle(),
            held_out: test_acronyms().into_iter().collect(),
        }
    }
}

impl Iterator for TrainingBatches<'_> {
    type Item = Sequences;

    fn next(&mut self) -> Option<Sequences> {
        let word_count = self.word_counts.next()?;
        let acronyms: Vec<Acronym> = iter::repeat_with(|| self.draws.acronym(word_count))
            .filter(|acronym| !self.held_out.contains(acronym))
            .take(BATCH_SIZE)
            .collect();
        Some(Sequences::new(self.vocabulary, &acronyms))
    }
}

/// The sequences of `acronyms.txt`, which no training batch has.
pub(crate) fn test_sequences(vocabulary: &Vocabulary) -> Sequences {
    Sequences::new(vocabulary, &test_acronyms())
}

/// A length as libtorch counts it.
fn length<T>(items: &[T]) -> i64 {
    i64::try_from(items.len()).expect("what fits memory fits 63 bits")
}
