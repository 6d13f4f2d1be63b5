//! How the model that finds surnames does, and its dictionary, on guests that no training text has.

use std::collections::BTreeSet;

use patchsweep_data::{
    guests::{Draws, FIRST_NAMES, GuestList, OPENINGS, Pairs, SURNAMES, names},
    tokenizer::Vocabulary,
};
use tch::{Kind, TchError};

use crate::{
    dictionary::Dictionary,
    evaluation::Evaluation,
    guests::{GUEST_COUNTS, sequences},
    guidance::{INDUCTION, PREVIOUS_TOKEN, from_sources_to_previous, to_sources},
    model::Gpt2,
};

/// The seed of the lists that the model is measured on.
const TEST_SEED: u64 = 2;

/// How many lists of each number of guests the model is measured on.
const TEST_SIZE: usize = 1000;

/// How the model does on lists whose guests are all held out, for each number of guests: as right counts the highest logit of
/// the whole vocabulary; differences are to the best other surname; and where the two heads look.
pub(crate) fn of_model(model: &Gpt2, vocabulary: &Vocabulary) -> Result<(), TchError> {
    let surnames: Vec<u32> = names(SURNAMES).into_iter().map(|name| vocabulary.id(&format!(" {name}"))).collect();
    for count in GUEST_COUNTS {
        let sequences = sequences(vocabulary, &lists(count, 1));
        let evaluation = Evaluation::of(model, &sequences, &surnames)?;
        let (accuracy, difference) = evaluation.per_target().next().expect("one call");
        let patterns = tch::no_grad(|| model.logits_and_patterns(&sequences).1);
        let of_head = |(layer, head): (usize, i64)| patterns[layer].select(1, head);
        let previous = from_sources_to_previous(&of_head(PREVIOUS_TOKEN), &sequences).mean(Kind::Double);
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
pub(crate) fn of_dictionary(dictionary: &Dictionary, model: &Gpt2, vocabulary: &Vocabulary) -> Result<(), TchError> {
    let lists = lists(3, 3);
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

/// Lists of `count` guests, of whom `calls` are called.
fn lists(count: usize, calls: usize) -> Vec<GuestList> {
    let mut draws = Draws::seeded(Pairs::HeldOut, TEST_SEED);
    (0..TEST_SIZE).map(|_| draws.list(OPENINGS[1], count, calls)).collect()
}
