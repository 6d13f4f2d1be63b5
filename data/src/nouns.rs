//! The nouns that prompts are made of.

/// The embedded list: one capitalised noun per line, sorted.
const LIST: &str = include_str!("../nouns.txt");

/// The letters that nouns begin with and acronyms are made of.
pub const LETTERS: std::ops::RangeInclusive<char> = 'A'..='Z';

/// Nouns in alphabetical order, with each initial's nouns at hand.
#[derive(Debug, Clone)]
pub struct Nouns {
    sorted: Vec<&'static str>,
}

impl Nouns {
    /// The nouns that this crate embeds.
    #[must_use]
    pub fn embedded() -> Self {
        Self { sorted: LIST.lines().collect() }
    }

    /// All nouns, in alphabetical order.
    #[must_use]
    pub fn all(&self) -> &[&'static str] {
        &self.sorted
    }

    /// The nouns that begin with `letter`: since the list is sorted, one stretch of it.
    #[must_use]
    pub fn with_initial(&self, letter: char) -> &[&'static str] {
        let start = self.sorted.partition_point(|noun| initial(noun) < letter);
        let end = self.sorted.partition_point(|noun| initial(noun) <= letter);
        &self.sorted[start..end]
    }
}

/// The first letter of a noun.
///
/// # Panics
///
/// If `noun` is empty, which no noun of the list is.
#[must_use]
pub fn initial(noun: &str) -> char {
    char::from(noun.as_bytes()[0])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_list_is_sorted_and_says_nothing_twice() {
        assert!(Nouns::embedded().all().is_sorted_by(|one, next| one < next));
    }

    #[test]
    fn every_noun_is_one_capitalised_word_of_three_letters_or_more() {
        for noun in Nouns::embedded().all() {
            let (first, rest) = noun.split_at(1);
            assert!(LETTERS.contains(&initial(first)), "{noun}");
            assert!(rest.len() >= 2 && rest.bytes().all(|byte| byte.is_ascii_lowercase()), "{noun}");
        }
    }

    #[test]
    fn every_letter_has_nouns_enough_for_three_different_words_and_variety() {
        let nouns = Nouns::embedded();
        assert!(nouns.all().len() >= 400);
        for letter in LETTERS {
            let with_initial = nouns.with_initial(letter);
            assert!((8..=25).contains(&with_initial.len()), "{letter}: {}", with_initial.len());
            assert!(with_initial.iter().all(|noun| noun.starts_with(letter)));
        }
    }
}
