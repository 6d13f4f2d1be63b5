//! Lists of guests of which some are called: `Here are Ada Baker, Boris Cooper and Clara Dyer. Call Boris`, to be completed to
//! ` Cooper`.
//!
//! Nothing but the list says which surname belongs to a first name. To find it takes two steps: that a surname has the first
//! name before it is known where the surname stands, and is looked for from where the first name comes again.

mod datasets;
mod draws;
mod names;

pub use datasets::{facts, features, paths};
pub use draws::{Draws, Pairs};
pub use names::{FIRST_NAMES, SURNAMES, names};

use crate::tokenizer::{Vocabulary, word_token};

/// What cuts text into tokens: words with the space before them, and marks.
const TOKEN_PATTERN: &str = r" ?[A-Za-z]+|[,.]";

/// What a list can begin with, of different lengths, so that a guest's place says little of its position.
pub const OPENINGS: [&[&str]; 3] = [&["Guests", " are"], &["Here", " are"], &["At", " the", " table", " are"]];

/// What calls a guest.
pub const CALLS: [&str; 4] = [" Call", " Ask", " Seat", " Thank"];

const COMMA: &str = ",";
const AND: &str = " and";
const STOP: &str = ".";

/// A first name and the surname that goes with it in one list.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Guest {
    /// The first name.
    pub first: &'static str,
    /// The surname.
    pub last: &'static str,
}

/// Guests, and which of them are called, one after the other.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct GuestList {
    opening: &'static [&'static str],
    guests: Vec<Guest>,
    call: &'static str,
    called: Vec<usize>,
}

impl GuestList {
    /// The guests, in their order.
    #[must_use]
    pub fn guests(&self) -> &[Guest] {
        &self.guests
    }

    /// Those who are called, in the order in which they are.
    pub fn called(&self) -> impl Iterator<Item = Guest> {
        self.called.iter().map(|&place| self.guests[place])
    }

    /// What a model reads: all up to the first name of the guest who is called first.
    #[must_use]
    pub fn prompt(&self) -> String {
        self.tokens()[..self.answers()[0]].concat()
    }

    /// What it should write: the surname, with the space before it.
    #[must_use]
    pub fn answer(&self) -> String {
        word_token(self.guests[self.called[0]].last)
    }

    /// All tokens, up to the surname of the guest who is called last, without the one that begins every sequence.
    #[must_use]
    pub fn tokens(&self) -> Vec<String> {
        let count = self.guests.len();
        let behind = |place| {
            if place + 1 == count {
                STOP
            } else if place + 2 == count {
                AND
            } else {
                COMMA
            }
        };
        let list = self.guests.iter().enumerate().flat_map(|(place, guest)| name(guest, behind(place)));
        let called = self.called.iter().flat_map(|&place| name(&self.guests[place], COMMA));
        let opening = self.opening.iter().map(|&token| token.to_owned());
        let mut tokens: Vec<String> = opening.chain(list).chain([self.call.to_owned()]).chain(called).collect();
        tokens.pop();
        tokens
    }

    /// Where among [`Self::tokens`] the surnames of those stand who are called.
    #[must_use]
    pub fn answers(&self) -> Vec<usize> {
        let first = self.opening.len() + 3 * self.guests.len() + 2;
        (0..self.called.len()).map(|place| first + 3 * place).collect()
    }

    /// Where among [`Self::tokens`] the surnames of those who are called stand in the list.
    #[must_use]
    pub fn listed(&self) -> Vec<usize> {
        self.called.iter().map(|&place| self.opening.len() + 3 * place + 1).collect()
    }
}

/// The vocabulary of all lists.
#[must_use]
pub fn vocabulary() -> Vocabulary {
    let mut words: Vec<String> = OPENINGS.concat().iter().map(|&token| token.to_owned()).collect();
    words.sort();
    words.dedup();
    let marks = [COMMA, AND, STOP].into_iter().chain(CALLS).map(str::to_owned);
    let names = names(FIRST_NAMES).into_iter().chain(names(SURNAMES)).map(word_token);
    Vocabulary::new(words.into_iter().chain(marks).chain(names), TOKEN_PATTERN)
}

fn name(guest: &Guest, behind: &str) -> [String; 3] {
    [word_token(guest.first), word_token(guest.last), behind.to_owned()]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn list() -> GuestList {
        let guest = |first, last| Guest { first, last };
        GuestList {
            opening: OPENINGS[1],
            guests: vec![guest("Ada", "Baker"), guest("Boris", "Cooper"), guest("Clara", "Dyer")],
            call: CALLS[0],
            called: vec![1, 0],
        }
    }

    #[test]
    fn a_prompt_ends_with_the_first_name_of_who_is_called() {
        assert_eq!(list().prompt(), "Here are Ada Baker, Boris Cooper and Clara Dyer. Call Boris");
        assert_eq!(list().answer(), " Cooper");
        assert!(list().tokens().concat().ends_with(". Call Boris Cooper, Ada Baker"));
    }

    #[test]
    fn surnames_stand_where_it_is_said() {
        let (list, tokens) = (list(), list().tokens());
        for places in [list.answers(), list.listed()] {
            let surnames: Vec<&str> = places.iter().map(|&place| tokens[place].as_str()).collect();
            assert_eq!(surnames, [" Cooper", " Baker"]);
        }
    }

    #[test]
    fn every_token_has_an_id_of_its_own() {
        let vocabulary = vocabulary();
        let mut ids: Vec<u32> = list().tokens().iter().map(|token| vocabulary.id(token)).collect();
        ids.sort_unstable();
        ids.dedup();
        assert_eq!(ids.len(), 12, "four names and a comma come twice");
        assert_eq!(vocabulary.size(), 2 + 6 + 7 + 80);
    }
}
