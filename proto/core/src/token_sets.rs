//! Sets of tokens that are scored together.

use std::collections::BTreeSet;
use std::ops::Range;

use crate::tokens::MAX_TOKEN_IDS;

/// Sets of token ids, none of them empty: one for all prompts, or one for each. Filled up to the largest, as workers have them,
/// they have [`MAX_TOKEN_IDS`] at most.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TokenSets {
    /// One set behind the other.
    ids: Vec<u32>,
    /// Where each set ends in `ids`.
    ends: Vec<u32>,
}

/// Why token ids do not form sets.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TokenSetsError {
    /// There is nothing to score.
    #[error("no set of tokens")]
    Missing,
    /// A set without a token.
    #[error("set {set} is empty")]
    Empty {
        /// Its index.
        set: usize,
    },
    /// A token would count twice.
    #[error("token {token} is twice in set {set}")]
    Twice {
        /// The set's index.
        set: usize,
        /// The token's id.
        token: u32,
    },
    /// The sizes are not those of the list of ids.
    #[error("{found} token ids, but the sets have {wanted}")]
    Shape {
        /// Ids given.
        found: usize,
        /// Sum of the sizes.
        wanted: u64,
    },
    /// More ids than a worker may be asked to hold.
    #[error(
        "{found} token ids with each set as large as the largest, more than the {MAX_TOKEN_IDS} that sets may have"
    )]
    TooMany {
        /// Sets, times the largest one's tokens.
        found: u64,
    },
}

impl TokenSets {
    /// From all ids, set behind set, and the size of each set.
    pub fn new(ids: Vec<u32>, sizes: impl IntoIterator<Item = u32>) -> Result<Self, TokenSetsError> {
        let (mut ends, mut end, mut largest) = (Vec::new(), 0, 0);
        for size in sizes {
            if size == 0 {
                return Err(TokenSetsError::Empty { set: ends.len() });
            }
            largest = largest.max(size);
            end += u64::from(size);
            // Sizes that go on behind the ids are refused below, whatever stands for their ends.
            ends.push(u32::try_from(end).unwrap_or(u32::MAX));
        }
        if end != ids.len() as u64 {
            return Err(TokenSetsError::Shape { found: ids.len(), wanted: end });
        }
        if ends.is_empty() {
            return Err(TokenSetsError::Missing);
        }
        let found = (ends.len() as u64).saturating_mul(largest.into());
        if found > MAX_TOKEN_IDS as u64 {
            return Err(TokenSetsError::TooMany { found });
        }
        let sets = Self { ids, ends };
        let twice = sets.iter().enumerate().find_map(|(set, tokens)| Some((set, repeated(tokens)?)));
        twice.map_or(Ok(sets), |(set, token)| Err(TokenSetsError::Twice { set, token }))
    }

    /// How many sets: 1, or one for each prompt.
    #[must_use]
    pub fn count(&self) -> usize {
        self.ends.len()
    }

    /// A prompt's set.
    ///
    /// # Panics
    /// When there are several sets, and none for this prompt.
    #[must_use]
    pub fn of(&self, prompt: usize) -> &[u32] {
        self.set(if self.count() == 1 { 0 } else { prompt })
    }

    fn set(&self, index: usize) -> &[u32] {
        let start = index.checked_sub(1).map_or(0, |before| self.ends[before] as usize);
        &self.ids[start..self.ends[index] as usize]
    }

    /// Those of some prompts.
    ///
    /// # Panics
    /// When there are several sets, and none for these prompts.
    #[must_use]
    pub fn of_prompts(&self, prompts: &Range<u32>) -> Self {
        if self.count() == 1 {
            return self.clone();
        }
        let own = prompts.start as usize..prompts.end as usize;
        let start = own.start.checked_sub(1).map_or(0, |before| self.ends[before]);
        let ends: Vec<u32> = self.ends[own].iter().map(|end| end - start).collect();
        let end = ends.last().map_or(start, |last| start + last);
        Self { ids: self.ids[start as usize..end as usize].to_vec(), ends }
    }

    /// All sets, in the prompts' order.
    pub fn iter(&self) -> impl Iterator<Item = &[u32]> {
        (0..self.count()).map(|index| self.set(index))
    }

    /// All ids, set behind set.
    #[must_use]
    pub fn ids(&self) -> &[u32] {
        &self.ids
    }

    /// Tokens of the largest set.
    #[must_use]
    pub fn largest(&self) -> usize {
        self.iter().map(<[u32]>::len).max().unwrap_or(0)
    }

    /// How many ids there are with each set as large as the largest.
    #[must_use]
    pub fn filled_up(&self) -> usize {
        self.count() * self.largest()
    }

    /// The first token that a prompt has in its set here and in its set there, and the prompt.
    #[must_use]
    pub fn shared_with(&self, other: &Self) -> Option<(usize, u32)> {
        // A set that is one for all prompts is made a tree once, not for each prompt.
        let (fewer, more) = if other.count() < self.count() { (other, self) } else { (self, other) };
        let mut known = BTreeSet::new();
        more.iter().enumerate().find_map(|(prompt, tokens)| {
            if prompt < fewer.count() {
                known = fewer.set(prompt).iter().copied().collect();
            }
            tokens.iter().find(|token| known.contains(token)).map(|&token| (prompt, token))
        })
    }
}

fn repeated(tokens: &[u32]) -> Option<u32> {
    let mut seen = BTreeSet::new();
    tokens.iter().copied().find(|&token| !seen.insert(token))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sets(sets: &[&[u32]]) -> TokenSets {
        let sizes = sets.iter().map(|set| u32::try_from(set.len()).expect("small"));
        TokenSets::new(sets.concat(), sizes).expect("sets")
    }

    #[test]
    fn one_set_is_that_of_every_prompt() {
        let (each, shared) = (sets(&[&[3], &[1, 2]]), sets(&[&[7, 5]]));
        assert_eq!((each.of(0), each.of(1), each.count(), each.largest()), ([3].as_slice(), [1, 2].as_slice(), 2, 2));
        assert_eq!((shared.of(0), shared.of(9), shared.count()), ([7, 5].as_slice(), [7, 5].as_slice(), 1));
    }

    #[test]
    fn what_is_no_set_is_refused() {
        let refused =
            |ids: &[u32], sizes: &[u32]| TokenSets::new(ids.to_vec(), sizes.iter().copied()).expect_err("is refused");
        assert_eq!(refused(&[], &[]), TokenSetsError::Missing);
        assert_eq!(refused(&[1], &[1, 0]), TokenSetsError::Empty { set: 1 });
        assert_eq!(refused(&[1, 2, 3, 2], &[1, 3]), TokenSetsError::Twice { set: 1, token: 2 });
        assert_eq!(refused(&[1, 2], &[1]), TokenSetsError::Shape { found: 2, wanted: 1 });
        let beyond = u64::from(u32::MAX) * 2;
        assert_eq!(refused(&[1], &[u32::MAX, u32::MAX]), TokenSetsError::Shape { found: 1, wanted: beyond });
        // One large set makes all large.
        let (count, largest) = (1 << 10, (1 << 15) + 1);
        let ids: Vec<u32> = (0..largest).chain(vec![0; count - 1]).collect();
        let sizes: Vec<u32> = [largest].into_iter().chain(vec![1; count - 1]).collect();
        assert_eq!(refused(&ids, &sizes), TokenSetsError::TooMany { found: MAX_TOKEN_IDS as u64 + 1024 });
        assert!(TokenSets::new(ids[1..].to_vec(), [largest - 1].into_iter().chain(vec![1; count - 1])).is_ok());
    }

    #[test]
    fn a_token_of_both_sets_is_found_with_its_prompt() {
        let (each, others) = (sets(&[&[1, 2], &[3]]), sets(&[&[3], &[4, 3]]));
        assert_eq!((each.shared_with(&others), others.shared_with(&each)), (Some((1, 3)), Some((1, 3))));
        let shared = sets(&[&[9, 3]]);
        assert_eq!((each.shared_with(&shared), shared.shared_with(&each)), (Some((1, 3)), Some((1, 3))));
        assert_eq!(each.shared_with(&sets(&[&[3], &[1]])), None);
        assert_eq!((shared.shared_with(&shared), shared.shared_with(&sets(&[&[4]]))), (Some((0, 9)), None));
    }
}
