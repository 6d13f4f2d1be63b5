//! The datasets of guest lists, as CSV.

use std::collections::HashSet;
use std::iter;

use super::{Draws, GuestList, OPENINGS, Pairs};

/// How many prompts of each number of guests a dataset has.
const PROMPTS: usize = 200;

/// Every list begins with `Here are`.
const OPENING: &[&str] = OPENINGS[1];

/// The first name that is called in all of `features.csv`.
const CALLED: &str = "Felix";

/// `facts.csv`: lists of two, three and four guests, of whom any is called. Column `subject` is that guest's first name, and
/// `other` that of the guest with whom it changes places in the corrupted prompt.
#[must_use]
pub fn facts() -> String {
    let mut draws = Draws::seeded(Pairs::HeldOut, 20_240_601);
    let mut lists = Vec::new();
    for count in 2..=4 {
        lists.extend(distinct(iter::repeat_with(|| draws.list(OPENING, count, 2))));
    }
    let line = |list: &GuestList| {
        let [subject, other] = [0, 1].map(|place| list.guests[list.called[place]].first);
        format!("{},{subject},{other}", columns(list))
    };
    table("prompt,answer,corrupted,wrong,subject,other", lists.iter().map(line))
}

/// `paths.csv`: three guests, of whom the second is called, and changes places with the first in the corrupted prompt.
#[must_use]
pub fn paths() -> String {
    let lists = distinct(calls_of_the_second(20_240_602));
    table("prompt,answer,corrupted,wrong", lists.iter().map(columns))
}

/// `features.csv`: as in `paths.csv`, with the same first name called in every prompt.
#[must_use]
pub fn features() -> String {
    let lists = distinct(calls_of_the_second(20_240_603).filter(|list| list.guests[1].first == CALLED));
    table("prompt,answer,corrupted,wrong", lists.iter().map(columns))
}

fn calls_of_the_second(seed: u64) -> impl Iterator<Item = GuestList> {
    let mut draws = Draws::seeded(Pairs::HeldOut, seed);
    iter::repeat_with(move || GuestList { called: vec![1, 0], ..draws.list(OPENING, 3, 2) })
}

/// The first distinct ones.
fn distinct(lists: impl Iterator<Item = GuestList>) -> Vec<GuestList> {
    let mut seen = HashSet::new();
    lists.filter(|list| seen.insert(list.clone())).take(PROMPTS).collect()
}

/// Prompt and answer, and those of the list in which the two guests who are called have changed places, and with it who is
/// called first.
fn columns(list: &GuestList) -> String {
    let mut other = list.clone();
    let [one, two] = [list.called[0], list.called[1]];
    other.guests.swap(one, two);
    // Who is called first stands where the other one did, and so is the other one.
    format!("\"{}\",{},\"{}\",{}", list.prompt(), list.answer(), other.prompt(), other.answer())
}

fn table(header: &str, lines: impl Iterator<Item = String>) -> String {
    iter::once(header.to_owned()).chain(lines).map(|line| line + "\n").collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_corrupted_prompt_has_two_guests_swapped_and_calls_the_other_one() {
        let mut draws = Draws::seeded(Pairs::HeldOut, 3);
        let list = GuestList { called: vec![1, 0], ..draws.list(OPENING, 2, 2) };
        let [one, two] = [list.guests[0], list.guests[1]];
        let call = list.call;
        let clean = format!("Here are {} {} and {} {}.{call} {}", one.first, one.last, two.first, two.last, two.first);
        let corrupted =
            format!("Here are {} {} and {} {}.{call} {}", two.first, two.last, one.first, one.last, one.first);
        assert_eq!(columns(&list), format!("\"{clean}\", {},\"{corrupted}\", {}", two.last, one.last));
    }

    #[test]
    fn tables_have_their_prompts() {
        assert_eq!(facts().lines().count(), 1 + 3 * PROMPTS);
        assert_eq!(paths().lines().count(), 1 + PROMPTS);
        assert_eq!(features().matches(&format!(" {CALLED}\", ")).count(), PROMPTS);
    }
}
