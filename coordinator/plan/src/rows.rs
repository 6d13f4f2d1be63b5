//! Lists of token ids, read into little more memory than their text takes.

use std::fmt;

use patchsweep_core::length;
use patchsweep_core::tokens::{MAX_TOKEN_IDS, TokenMatrix, TokenMatrixError};
use serde::de::{Deserialize, DeserializeSeed, Deserializer, Error, SeqAccess, Visitor};

/// Lists of numbers, of any lengths, one behind the other.
#[derive(Clone, Default)]
pub(super) struct Rows {
    numbers: Vec<u32>,
    /// Where each list ends.
    ends: Vec<usize>,
}

impl Rows {
    /// How many lists.
    pub(super) fn count(&self) -> usize {
        self.ends.len()
    }

    /// Adds a number to the list in hand, or says that there are too many.
    pub(super) fn push(&mut self, number: u32) -> Result<(), String> {
        push(&mut self.numbers, number)
    }

    /// The list in hand is complete.
    pub(super) fn end_list(&mut self) {
        self.ends.push(self.numbers.len());
    }

    /// Some of the lists, in this order, or says that they hold too many numbers.
    pub(super) fn chosen(&self, places: &[usize]) -> Result<Self, String> {
        let mut chosen = Self::default();
        for &place in places {
            self.list(place).iter().try_for_each(|&number| chosen.push(number))?;
            chosen.end_list();
        }
        Ok(chosen)
    }

    /// All numbers, list behind list.
    pub(super) fn numbers(&self) -> &[u32] {
        &self.numbers
    }

    fn list(&self, index: usize) -> &[u32] {
        let start = index.checked_sub(1).map_or(0, |before| self.ends[before]);
        &self.numbers[start..self.ends[index]]
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &[u32]> {
        let starts = std::iter::once(0).chain(self.ends.iter().copied());
        starts.zip(&self.ends).map(|(start, &end)| &self.numbers[start..end])
    }

    /// Each list by itself.
    pub(super) fn to_lists(&self) -> Vec<Vec<u32>> {
        self.iter().map(<[u32]>::to_vec).collect()
    }

    /// One prompt for each list, which must have one length.
    pub(super) fn matrix(&self) -> Result<TokenMatrix, TokenMatrixError> {
        let lengths: Vec<u32> = self.iter().map(|row| length(row.len())).collect();
        TokenMatrix::from_lengths(&lengths, self.numbers.clone())
    }
}

impl<'de> Deserialize<'de> for Rows {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_seq(Outer)
    }
}

fn push(numbers: &mut Vec<u32>, number: u32) -> Result<(), String> {
    if numbers.len() == MAX_TOKEN_IDS {
        return Err(format!("more than {MAX_TOKEN_IDS} token ids"));
    }
    numbers.push(number);
    Ok(())
}

struct Outer;

impl<'de> Visitor<'de> for Outer {
    type Value = Rows;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list of lists of token ids")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut lists: A) -> Result<Rows, A::Error> {
        let mut rows = Rows::default();
        while lists.next_element_seed(Row(&mut rows.numbers))?.is_some() {
            rows.ends.push(rows.numbers.len());
        }
        Ok(rows)
    }
}

/// Adds one list to the numbers.
struct Row<'a>(&'a mut Vec<u32>);

impl<'de> DeserializeSeed<'de> for Row<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_seq(self)
    }
}

impl<'de> Visitor<'de> for Row<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list of token ids")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut numbers: A) -> Result<(), A::Error> {
        while let Some(number) = numbers.next_element()? {
            push(self.0, number).map_err(A::Error::custom)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::Rows;

    fn rows(text: &str) -> Result<Rows, String> {
        serde_json::from_str(text).map_err(|error| error.to_string())
    }

    #[test]
    fn lists_of_any_lengths_come_back() {
        let ragged = rows("[[1, 2], [], [3]]").expect("lists");
        assert_eq!(ragged.to_lists(), [vec![1, 2], vec![], vec![3]]);
        assert_eq!(ragged.matrix().expect_err("ragged").to_string(), "prompt 1 has no tokens");
        assert_eq!(rows("[[1, 2], [3, 4]]").expect("lists").matrix().expect("a matrix").row(1), [3, 4]);
        assert_eq!(rows("[]").expect("lists").matrix().expect_err("none").to_string(), "no prompts");
    }

    #[test]
    fn what_is_no_list_of_lists_is_refused_at_its_place() {
        assert!(
            rows("[1]")
                .err()
                .is_some_and(|message| message.contains("expected a list of token ids at line 1 column 2"))
        );
        assert!(rows("[[-1]]").err().is_some_and(|message| message.contains("integer `-1`")));
    }
}
