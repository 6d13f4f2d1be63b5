//! The model that finds surnames in lists of guests.
//!
//! Whoever only asks for the answer gets a model that finds it with soft attention of all heads at once, and reads it at the
//! marks behind the surnames. That is no circuit to learn path patching on. So the first steps also ask for attention
//! ([`guidance`]): one head of layer 0 is to look at the position before, one head of layer 1 from a first name at the surname
//! behind the same name in the list, and all others at the beginning, where heads with nothing to do rest. The steps after
//! these ask for the answer alone.

use std::{collections::BTreeSet, iter::Cycle, ops::RangeInclusive};

use patchsweep_data::{
    guests::{Draws, FIRST_NAMES, GuestList, OPENINGS, Pairs, SURNAMES, names},
    tokenizer::{BEGIN, Vocabulary},
};
use tch::{Kind, TchError, Tensor};

use crate::{
    architecture::{Architecture, Initial},
    dictionary::Dictionary,
    evaluation::Evaluation,
    model::Gpt2,
    sequences::Sequences,
    training::Schedule,
};

/// Layer and head that look at the position before.
const PREVIOUS_TOKEN: (usize, i64) = (0, 2);

/// Layer and head that look at the surname.
const INDUCTION: (usize, i64) = (1, 1);

/// The seed of the training lists.
const TRAINING_SEED: u64 = 1;

/// The seed of the lists that the model is measured on.
const TEST_SEED: u64 = 2;

/// How many lists one step of the training sees.
const BATCH_SIZE: usize = 256;

/// How many lists of each number of guests the model is measured on.
const TEST_SIZE: usize = 1000;

/// How many guests the lists of a training batch have, one batch after the other.
const GUEST_COUNTS: RangeInclusive<usize> = 2..=5;

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

/// How far attention is from what the first steps ask for: the mean negative logarithm of the probabilities that should be 1.
///
/// `patterns`: of each layer `[batch, head, position, position attended to]`.
pub(crate) fn guidance(patterns: &[Tensor], sequences: &Sequences) -> Tensor {
    let mut idle = Vec::new();
    let mut sum = Tensor::zeros([1], (Kind::Float, patterns[0].device()));
    for (layer, pattern) in patterns.iter().enumerate() {
        let heads = pattern.size()[1];
        for head in 0..heads {
            let of_head = pattern.select(1, head);
            match (layer, head) {
                PREVIOUS_TOKEN => sum += surprise(&to_previous(&of_head)),
                INDUCTION => sum += surprise(&to_sources(&of_head, sequences)),
                _ => idle.push(surprise(&of_head.select(2, 0))),
            }
        }
    }
    sum + Tensor::stack(&idle, 0).mean(Kind::Float)
}

/// From each position but the first to the one before, `[batch, position]`.
fn to_previous(pattern: &Tensor) -> Tensor {
    pattern.diagonal(-1, 1, 2)
}

/// From where targets are predicted to where their tokens stand, `[batch, target]`.
fn to_sources(pattern: &Tensor, sequences: &Sequences) -> Tensor {
    pattern.index_select(1, &sequences.reads()).gather(2, &sequences.sources().unsqueeze(-1), false).squeeze_dim(-1)
}

fn surprise(probabilities: &Tensor) -> Tensor {
    -(probabilities + 1e-6).log().mean(Kind::Float)
}

/// How the model does on lists whose guests are all held out, for each number of guests: as right counts the highest logit of
/// the whole vocabulary; differences are to the best other surname; and where the two heads look.
pub(crate) fn evaluate(model: &Gpt2, vocabulary: &Vocabulary) -> Result<(), TchError> {
    let surnames: Vec<u32> = names(SURNAMES).into_iter().map(|name| vocabulary.id(&format!(" {name}"))).collect();
    for count in GUEST_COUNTS {
        let mut draws = Draws::seeded(Pairs::HeldOut, TEST_SEED);
        let lists: Vec<GuestList> = (0..TEST_SIZE).map(|_| draws.list(OPENINGS[1], count, 1)).collect();
        let sequences = sequences(vocabulary, &lists);
        let evaluation = Evaluation::of(model, &sequences, &surnames)?;
        let (accuracy, difference) = evaluation.per_target().next().expect("one call");
        let patterns = tch::no_grad(|| model.logits_and_patterns(&sequences).1);
        let of_head = |(layer, head): (usize, i64)| patterns[layer].select(1, head);
        let previous = to_sources_from_surnames(&of_head(PREVIOUS_TOKEN), &sequences);
        let induction = to_sources(&of_head(INDUCTION), &sequences).mean(Kind::Double);
        println!(
            "{count} guests: {:.2} % right, mean logit difference {difference:.2}; attention of {}.{} from the surname to the \
             first name {:.3}, of {}.{} from the call to the surname {:.3}",
            100.0 * accuracy,
            PREVIOUS_TOKEN.0,
            PREVIOUS_TOKEN.1,
            f64::try_from(previous)?,
            INDUCTION.0,
            INDUCTION.1,
            f64::try_from(induction)?,
        );
    }
    Ok(())
}

/// Which first names have features of their own, on at surnames behind that name and at those behind no other.
pub(crate) fn evaluate_dictionary(
    dictionary: &Dictionary,
    model: &Gpt2,
    vocabulary: &Vocabulary,
) -> Result<(), TchError> {
    let mut draws = Draws::seeded(Pairs::HeldOut, TEST_SEED);
    let lists: Vec<GuestList> = (0..TEST_SIZE).map(|_| draws.list(OPENINGS[1], 3, 3)).collect();
    let strongest = dictionary.strongest(model, &sequences(vocabulary, &lists));
    let strongest: Vec<i64> = strongest.flatten(0, -1).try_into()?;
    let called = lists.iter().flat_map(|list| list.called().map(|guest| guest.first));
    let seen: BTreeSet<(&str, i64)> = called.zip(strongest).collect();
    let of_name = |name| seen.iter().filter(move |(other, _)| *other == name).map(|(_, feature)| *feature);
    let is_own = |feature| seen.iter().filter(|(_, other)| *other == feature).count() == 1;
    let own = |name| of_name(name).all(is_own).then(|| of_name(name).next()).flatten();
    let named: Vec<String> = names(FIRST_NAMES)
        .into_iter()
        .filter_map(|name| own(name).map(|feature| format!("{name} {feature}")))
        .collect();
    println!("{} of 40 first names have features of their own: {}", named.len(), named.join(", "));
    Ok(())
}

/// The mean attention from the surname in the list to the position before it.
fn to_sources_from_surnames(pattern: &Tensor, sequences: &Sequences) -> Tensor {
    let sources = sequences.sources();
    to_previous(pattern).gather(1, &(sources - 1), false).mean(Kind::Double)
}

/// Begin and the list's tokens; surnames that are called for are targets.
fn sequences(vocabulary: &Vocabulary, lists: &[GuestList]) -> Sequences {
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
