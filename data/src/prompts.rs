//! Prompts that ask for the acronym of three nouns: `The Chief Executive Officer (CE`, to be completed to `CEO`.

use std::{collections::HashSet, iter};

use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;

use crate::nouns::{LETTERS, Nouns, initial};

/// How many prompts `acronyms.txt` has.
pub const PROMPT_COUNT: usize = 10_000;

/// The seed of the prompts in `acronyms.txt`; another seed makes another file.
const PROMPT_SEED: u64 = 20_240_502;

/// How many words each of them has.
const PROMPT_WORDS: usize = 3;

/// Different nouns in some order, and so a prompt and its answer.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Acronym {
    words: Vec<&'static str>,
}

impl Acronym {
    /// The words that it abbreviates.
    #[must_use]
    pub fn words(&self) -> &[&'static str] {
        &self.words
    }

    /// Its letters, the words' initials: what a model should write after the bracket.
    #[must_use]
    pub fn letters(&self) -> String {
        self.words.iter().map(|word| initial(word)).collect()
    }

    /// What a model reads: the words and all letters but the last, so that every letter is the next token somewhere.
    #[must_use]
    pub fn prompt(&self) -> String {
        let words = self.words.join(" ");
        let mut shown = self.letters();
        shown.pop();
        format!("The {words} ({shown}")
    }
}

/// Seeded draws of acronyms, of which one may come twice.
#[derive(Debug, Clone)]
pub struct Draws {
    nouns: Nouns,
    rng: ChaCha8Rng,
}

impl Draws {
    /// The draws that belong to `seed`.
    #[must_use]
    pub fn seeded(seed: u64) -> Self {
        Self { nouns: Nouns::embedded(), rng: ChaCha8Rng::seed_from_u64(seed) }
    }

    /// The next acronym of so many words, all different.
    pub fn acronym(&mut self, word_count: usize) -> Acronym {
        loop {
            let words: Vec<_> = (0..word_count).map(|_| self.word()).collect();
            let distinct: HashSet<_> = words.iter().collect();
            if distinct.len() == word_count {
                return Acronym { words };
            }
        }
    }

    /// Draws the initial first, uniformly, and then a noun that begins with it: every letter is the right answer equally
    /// often, however many nouns it has.
    fn word(&mut self) -> &'static str {
        let with_initial = self.nouns.with_initial(self.rng.random_range(LETTERS));
        with_initial[self.rng.random_range(0..with_initial.len())]
    }
}

/// The acronyms of `acronyms.txt`: the first distinct draws of its seed. No training may use them.
#[must_use]
pub fn test_acronyms() -> Vec<Acronym> {
    let mut draws = Draws::seeded(PROMPT_SEED);
    let mut seen = HashSet::new();
    iter::repeat_with(|| draws.acronym(PROMPT_WORDS))
        .filter(|acronym| seen.insert(acronym.clone()))
        .take(PROMPT_COUNT)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prompts_are_distinct() {
        let prompts: HashSet<String> = test_acronyms().iter().map(Acronym::prompt).collect();
        assert_eq!(prompts.len(), PROMPT_COUNT);
    }

    #[test]
    fn the_words_of_a_prompt_are_distinct() {
        for acronym in test_acronyms() {
            let words: HashSet<_> = acronym.words().iter().collect();
            assert_eq!(words.len(), PROMPT_WORDS, "{acronym:?}");
        }
    }

    #[test]
    fn a_prompt_shows_all_but_the_last_letter() {
        let acronym = Acronym { words: vec!["Zoo", "Keeper", "Union"] };
        assert_eq!(acronym.prompt(), "The Zoo Keeper Union (ZK");
        assert_eq!(acronym.letters(), "ZKU");
    }

    #[test]
    fn every_letter_is_about_equally_often_the_answer() {
        let answers: Vec<String> = test_acronyms().iter().map(Acronym::letters).collect();
        let expected = answers.len() / LETTERS.count();
        for letter in LETTERS {
            for place in 0..PROMPT_WORDS {
                let count = answers.iter().filter(|answer| answer.chars().nth(place) == Some(letter)).count();
                assert!(count.abs_diff(expected) < expected / 4, "{letter} at {place}: {count}");
            }
        }
    }
}
