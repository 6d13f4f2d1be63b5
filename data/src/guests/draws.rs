//! Seeded draws of guest lists.

use rand::Rng;
use rand::SeedableRng;
use rand::seq::SliceRandom;
use rand_chacha::ChaCha8Rng;

use super::{CALLS, FIRST_NAMES, Guest, GuestList, SURNAMES, names};

/// Of so many pairs of a first name and a surname one is held out.
const ONE_HELD_OUT_OF: usize = 8;

/// Which first names go with which surnames.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Pairs {
    /// Those of the training.
    Trained,
    /// Those that no training text has, though it has all names.
    HeldOut,
}

impl Pairs {
    fn of(first: usize, last: usize) -> Self {
        if (first + last).is_multiple_of(ONE_HELD_OUT_OF) { Self::HeldOut } else { Self::Trained }
    }
}

/// Draws of lists, of which one may come twice.
#[derive(Debug, Clone)]
pub struct Draws {
    pairs: Pairs,
    first: Vec<&'static str>,
    last: Vec<&'static str>,
    rng: ChaCha8Rng,
}

impl Draws {
    /// The draws that belong to `seed`.
    #[must_use]
    pub fn seeded(pairs: Pairs, seed: u64) -> Self {
        Self { pairs, first: names(FIRST_NAMES), last: names(SURNAMES), rng: ChaCha8Rng::seed_from_u64(seed) }
    }

    /// A list of `count` guests, of whom `calls` are called, all different. No name is there twice.
    pub fn list(&mut self, opening: &'static [&'static str], count: usize, calls: usize) -> GuestList {
        let mut guests: Vec<Guest> = Vec::with_capacity(count);
        while guests.len() < count {
            let guest = self.guest();
            if guests.iter().all(|other| other.first != guest.first && other.last != guest.last) {
                guests.push(guest);
            }
        }
        let mut called: Vec<usize> = (0..count).collect();
        called.shuffle(&mut self.rng);
        called.truncate(calls);
        GuestList { opening, guests, call: CALLS[self.rng.random_range(0..CALLS.len())], called }
    }

    fn guest(&mut self) -> Guest {
        loop {
            let (first, last) = (self.rng.random_range(0..self.first.len()), self.rng.random_range(0..self.last.len()));
            if Pairs::of(first, last) == self.pairs {
                return Guest { first: self.first[first], last: self.last[last] };
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;
    use crate::guests::OPENINGS;

    #[test]
    fn no_guest_of_the_training_is_held_out() {
        let guests = |pairs| -> HashSet<Guest> {
            let mut draws = Draws::seeded(pairs, 0);
            (0..6000).flat_map(|_| draws.list(OPENINGS[0], 4, 1).guests().to_vec()).collect()
        };
        let [trained, held_out] = [Pairs::Trained, Pairs::HeldOut].map(guests);
        assert!(trained.is_disjoint(&held_out));
        assert_eq!((trained.len(), held_out.len()), (1400, 200));
    }

    #[test]
    fn the_names_of_a_list_are_distinct() {
        let mut draws = Draws::seeded(Pairs::HeldOut, 1);
        for _ in 0..200 {
            let list = draws.list(OPENINGS[2], 5, 3);
            let names: HashSet<&str> = list.guests().iter().flat_map(|guest| [guest.first, guest.last]).collect();
            assert_eq!(names.len(), 10, "{list:?}");
            assert_eq!(list.answers().len(), 3);
        }
    }
}
