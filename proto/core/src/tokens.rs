//! Token ids of prompts, most often of one length.

/// Token ids \[prompts, positions\]; rows may have different lengths, and are never filled up.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TokenMatrix {
    prompts: u32,
    /// Of the longest row.
    positions: u32,
    ids: Vec<u32>,
    /// Where each row ends in `ids`; none where all rows have one length.
    ends: Vec<u32>,
}

/// Most ids of one matrix: 128 MiB of them.
pub const MAX_TOKEN_IDS: usize = 1 << 25;

/// Most prompts of a sweep.
pub const MAX_PROMPTS: usize = 1 << 20;

/// Why token ids do not form a matrix.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TokenMatrixError {
    /// There is nothing to run.
    #[error("no prompts")]
    Empty,
    /// A prompt without a token.
    #[error("prompt {prompt} has no tokens")]
    NoTokens {
        /// Its index.
        prompt: usize,
    },
    /// Prompts of several lengths where one is wanted.
    #[error("prompt {prompt} has {found} tokens, prompt 0 has {wanted}")]
    Ragged {
        /// Index of the first prompt of another length.
        prompt: usize,
        /// Its length.
        found: usize,
        /// The first prompt's length.
        wanted: usize,
    },
    /// More ids than a sweep may have.
    #[error("{found} token ids, more than the {MAX_TOKEN_IDS} that one list of prompts may have")]
    TooMany {
        /// Ids given.
        found: usize,
    },
    /// The flat list does not fill the matrix.
    #[error("{found} token ids do not fill [{prompts}, {positions}]")]
    Shape {
        /// Rows.
        prompts: u32,
        /// Columns.
        positions: u32,
        /// Entries given.
        found: usize,
    },
}

impl TokenMatrix {
    /// From one list per prompt.
    pub fn from_rows(rows: &[Vec<u32>]) -> Result<Self, TokenMatrixError> {
        let wanted = rows.first().map_or(0, Vec::len);
        for (prompt, row) in rows.iter().enumerate() {
            if row.len() != wanted {
                return Err(TokenMatrixError::Ragged { prompt, found: row.len(), wanted });
            }
        }
        let found = rows.len().saturating_mul(wanted);
        let (Ok(prompts), Ok(positions)) = (u32::try_from(rows.len()), u32::try_from(wanted)) else {
            return Err(TokenMatrixError::TooMany { found });
        };
        Self::from_flat(prompts, positions, rows.concat())
    }

    /// From a row-major list.
    pub fn from_flat(prompts: u32, positions: u32, ids: Vec<u32>) -> Result<Self, TokenMatrixError> {
        if prompts == 0 || positions == 0 {
            return Err(TokenMatrixError::Empty);
        }
        if u64::from(prompts) * u64::from(positions) != ids.len() as u64 {
            return Err(TokenMatrixError::Shape { prompts, positions, found: ids.len() });
        }
        if ids.len() > MAX_TOKEN_IDS {
            return Err(TokenMatrixError::TooMany { found: ids.len() });
        }
        Ok(Self { prompts, positions, ids, ends: Vec::new() })
    }

    /// From the lengths of all rows, and their ids, row behind row.
    pub fn from_lengths(lengths: &[u32], ids: Vec<u32>) -> Result<Self, TokenMatrixError> {
        let longest = lengths.iter().copied().max().unwrap_or(0);
        let Ok(prompts) = u32::try_from(lengths.len()) else {
            return Err(TokenMatrixError::TooMany { found: ids.len() });
        };
        if lengths.iter().all(|&length| length == longest) {
            return Self::from_flat(prompts, longest, ids);
        }
        if let Some(prompt) = lengths.iter().position(|&length| length == 0) {
            return Err(TokenMatrixError::NoTokens { prompt });
        }
        if ids.len() > MAX_TOKEN_IDS {
            return Err(TokenMatrixError::TooMany { found: ids.len() });
        }
        let mut end = 0u32;
        let ends: Vec<u32> = lengths
            .iter()
            .map(|&length| {
                // Rows that go on behind the ids are refused below, whatever stands for their ends.
                end = end.saturating_add(length);
                end
            })
            .collect();
        if end as usize != ids.len() {
            return Err(TokenMatrixError::Shape { prompts, positions: longest, found: ids.len() });
        }
        Ok(Self { prompts, positions: longest, ids, ends })
    }

    /// From one list per prompt, of any lengths.
    pub fn from_any_rows(rows: &[Vec<u32>]) -> Result<Self, TokenMatrixError> {
        let found = rows.iter().map(Vec::len).sum();
        if found > MAX_TOKEN_IDS {
            return Err(TokenMatrixError::TooMany { found });
        }
        let lengths: Vec<u32> = rows.iter().map(|row| crate::length(row.len())).collect();
        Self::from_lengths(&lengths, rows.concat())
    }

    /// The length of each row, where they differ; none where they do not.
    #[must_use]
    pub fn lengths(&self) -> Vec<u32> {
        let starts = std::iter::once(0).chain(self.ends.iter().copied());
        starts.zip(&self.ends).map(|(start, &end)| end - start).collect()
    }

    /// Whether rows have different lengths.
    #[must_use]
    pub fn is_ragged(&self) -> bool {
        !self.ends.is_empty()
    }

    /// Whether another one has rows of the same lengths.
    #[must_use]
    pub fn has_shape_of(&self, other: &Self) -> bool {
        (self.prompts, self.positions, &self.ends) == (other.prompts, other.positions, &other.ends)
    }

    /// With other ids in the same places.
    ///
    /// # Panics
    /// When there are not as many.
    #[must_use]
    pub fn with_ids(&self, ids: Vec<u32>) -> Self {
        assert_eq!(ids.len(), self.ids.len(), "as many ids");
        Self { ids, ends: self.ends.clone(), ..*self }
    }

    /// Number of prompts, at least one.
    #[must_use]
    pub fn prompts(&self) -> u32 {
        self.prompts
    }

    /// Tokens of each prompt, of the longest where they differ; at least one.
    #[must_use]
    pub fn positions(&self) -> u32 {
        self.positions
    }

    /// All ids, row behind row.
    #[must_use]
    pub fn ids(&self) -> &[u32] {
        &self.ids
    }

    /// One prompt's ids.
    ///
    /// # Panics
    /// When there is no such prompt.
    #[must_use]
    pub fn row(&self, prompt: u32) -> &[u32] {
        let [start, end] = [prompt, prompt + 1].map(|prompt| self.start(prompt));
        &self.ids[start..end]
    }

    /// Where a row starts in `ids`.
    fn start(&self, prompt: u32) -> usize {
        match (self.ends.is_empty(), prompt.checked_sub(1)) {
            (true, _) => prompt as usize * self.positions as usize,
            (false, None) => 0,
            (false, Some(before)) => self.ends[before as usize] as usize,
        }
    }

    /// The prompts of a range.
    ///
    /// # Panics
    /// When the range is empty or not inside.
    #[must_use]
    pub fn slice(&self, prompts: std::ops::Range<u32>) -> Self {
        assert!(!prompts.is_empty(), "a slice has at least one prompt");
        let ids = self.ids[self.start(prompts.start)..self.start(prompts.end)].to_vec();
        let lengths: Vec<u32> = prompts.map(|prompt| crate::length(self.row(prompt).len())).collect();
        Self::from_lengths(&lengths, ids).expect("rows of a matrix are one")
    }

    /// The first positions of every prompt.
    ///
    /// # Panics
    /// When there are none, or not so many, or prompts of different lengths.
    #[must_use]
    pub fn truncated(&self, positions: u32) -> Self {
        assert!(!self.is_ragged(), "prompts of one length");
        assert!((1..=self.positions).contains(&positions), "a prompt has at least one position, and these");
        let width = self.positions as usize;
        let ids = self.ids.chunks(width).flat_map(|row| &row[..positions as usize]).copied().collect();
        Self { prompts: self.prompts, positions, ids, ends: Vec::new() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_keep_their_lengths() {
        let rows = [vec![1, 2, 3], vec![4], vec![5, 6, 7]];
        let ragged = TokenMatrix::from_any_rows(&rows).expect("rows");
        assert_eq!((ragged.prompts(), ragged.positions(), ragged.lengths()), (3, 3, vec![3, 1, 3]));
        assert!((0..).zip(&rows).all(|(prompt, row)| ragged.row(prompt) == row));
        assert!(ragged.is_ragged() && ragged.slice(0..2).lengths() == [3, 1]);
        assert_eq!(ragged.slice(1..2), TokenMatrix::from_flat(1, 1, vec![4]).expect("a matrix"));
        let even = TokenMatrix::from_any_rows(&rows[..1]).expect("rows");
        assert_eq!((even.is_ragged(), even.lengths()), (false, vec![]));
        assert!(TokenMatrix::from_lengths(&[1, 2], vec![1, 2]).is_err());
        assert!(TokenMatrix::from_lengths(&[2, u32::MAX, 1], vec![1, 2]).is_err());
        assert!(TokenMatrix::from_any_rows(&[vec![1], vec![]]).is_err());
    }
}
