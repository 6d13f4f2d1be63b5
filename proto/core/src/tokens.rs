//! Token ids of a batch of prompts of one length.

/// Token ids \[prompts, positions\].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TokenMatrix {
    prompts: u32,
    positions: u32,
    ids: Vec<u32>,
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
    /// Prompts of several lengths would need padding, which is never done silently.
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
        Ok(Self { prompts, positions, ids })
    }

    /// Number of prompts, at least one.
    #[must_use]
    pub fn prompts(&self) -> u32 {
        self.prompts
    }

    /// Tokens of each prompt, at least one.
    #[must_use]
    pub fn positions(&self) -> u32 {
        self.positions
    }

    /// All ids, row-major.
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
        let width = self.positions as usize;
        &self.ids[prompt as usize * width..][..width]
    }

    /// The prompts of a range.
    ///
    /// # Panics
    /// When the range is empty or not inside.
    #[must_use]
    pub fn slice(&self, prompts: std::ops::Range<u32>) -> Self {
        assert!(!prompts.is_empty(), "a slice has at least one prompt");
        let width = self.positions as usize;
        let ids = self.ids[prompts.start as usize * width..prompts.end as usize * width].to_vec();
        Self { prompts: prompts.end - prompts.start, positions: self.positions, ids }
    }

    /// The first positions of every prompt.
    ///
    /// # Panics
    /// When there are none, or not so many.
    #[must_use]
    pub fn truncated(&self, positions: u32) -> Self {
        assert!((1..=self.positions).contains(&positions), "a prompt has at least one position, and these");
        let width = self.positions as usize;
        let ids = self.ids.chunks(width).flat_map(|row| &row[..positions as usize]).copied().collect();
        Self { prompts: self.prompts, positions, ids }
    }
}
