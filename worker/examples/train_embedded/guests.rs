//! The model that finds surnames in lists of guests.

use std::{iter::Cycle, ops::RangeInclusive};

use patchsweep_data::{
    guests::{Draws, GuestList, OPENINGS, Pairs},
    tokenizer::{BEGIN, Vocabulary},
};

use crate::{
    architecture::{Architecture, Initial},
    sequences::Sequences,
    training::Schedule,
};

/// The seed of the training lists.
const TRAINING_SEED: u64 = 1;

/// How many lists one step of the training sees.
const BATCH_SIZE: usize = 256;

/// How many guests the lists of a training batch have, one batch after the other.
pub(crate) const GUEST_COUNTS: RangeInclusive<usize> = 2..=5;

/// How many of them are called at most.
const CALLS: usize = 3;

pub(crate) const SCHEDULE: Schedule =
    Schedule { steps: 600, warm_up_steps: 100, guided_steps: 200, peak_learning_rate: 2e-3, weight_decay: 0.01 };

/// One layer more than the task needs, so that a sweep sees information arrive and stay.
pub(crate) fn architecture(vocabulary: &Vocabulary) -> Architecture {
    Architecture {
        layers: 3,
        heads: 4,
        width: 64,
        positions: 32,
        vocabulary: i64::try_from(vocabulary.size()).expect("a vocabulary fits memory"),
        layer_norm_epsilon: 1e-5,
        // Embeddings are large beside what untrained layers add to them: tokens are told apart from the first step on.
        initial: Initial { embedding: 0.3, waves: true, reading: 0.125, adding },
    }
}

/// What reads normed activations with this deviation adds about a third of their size.
fn adding(inputs: i64, _layers: i64) -> f64 {
    let inputs = i32::try_from(inputs).expect("a few hundred inputs");
    0.3 / f64::from(inputs).sqrt()
}

/// Begin and the list's tokens; surnames that are called for are targets.
pub(crate) fn sequences(vocabulary: &Vocabulary, lists: &[GuestList]) -> Sequences {
    let ids = |list: &GuestList| -> Vec<u32> {
        let tokens = list.tokens();
        [BEGIN].into_iter().chain(tokens.iter().map(String::as_str)).map(|token| vocabulary.id(token)).collect()
    };
    let rows: Vec<Vec<u32>> = lists.iter().map(ids).collect();
    let sources = lists.iter().map(|list| behind_begin(&list.listed())).collect();
    Sequences::new(&rows, behind_begin(&lists[0].answers())).with_sources(sources)
}

/// Places among a list's tokens as positions of its sequence.
fn behind_begin(places: &[usize]) -> Vec<i64> {
    places.iter().map(|&place| i64::try_from(place + 1).expect("a short list")).collect()
}

/// Random lists, none of whose guests is held out.
pub(crate) struct Batches<'a> {
    vocabulary: &'a Vocabulary,
    draws: Draws,
    shapes: Cycle<std::vec::IntoIter<(usize, &'static [&'static str])>>,
}

impl<'a> Batches<'a> {
    pub(crate) fn new(vocabulary: &'a Vocabulary) -> Self {
        let shapes: Vec<_> = GUEST_COUNTS.flat_map(|count| OPENINGS.map(|opening| (count, opening))).collect();
        Self { vocabulary, draws: Draws::seeded(Pairs::Trained, TRAINING_SEED), shapes: shapes.into_iter().cycle() }
    }
}

impl Iterator for Batches<'_> {
    type Item = Sequences;

    fn next(&mut self) -> Option<Sequences> {
        let (count, opening) = self.shapes.next()?;
        let lists: Vec<GuestList> =
            (0..BATCH_SIZE).map(|_| self.draws.list(opening, count, CALLS.min(count))).collect();
        Some(sequences(self.vocabulary, &lists))
    }
}
