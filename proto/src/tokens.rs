//! Token ids of a batch of prompts of one length.

/// Token ids \[prompts, positions\].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TokenMatrix {
    positions: u32,
    ids: Vec<u32>,
}

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
        let positions = u32::try_from(wanted).ok().filter(|&n| n > 0).ok_or(TokenMatrixError::Empty)?;
        for (prompt, row) in rows.iter().enumerate() {
            if row.len() != wanted {
                return Err(TokenMatrixError::Ragged { prompt, found: row.len(), wanted });
            }
        }
        Ok(Self { positions, ids: rows.concat() })
    }

    /// From a row-major list.
    pub fn from_flat(prompts: u32, positions: u32, ids: Vec<u32>) -> Result<Self, TokenMatrixError> {
        if prompts == 0 || positions == 0 {
            return Err(TokenMatrixError::Empty);
        }
        if u64::from(prompts) * u64::from(positions) != ids.len() as u64 {
            return Err(TokenMatrixError::Shape { prompts, positions, found: ids.len() });
        }
        Ok(Self { positions, ids })
    }

    /// Number of prompts, at least one.
    #[must_use]
    pub fn prompts(&self) -> u32 {
        u32::try_from(self.ids.len()).unwrap_or(u32::MAX) / self.positions
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
        Self { positions: self.positions, ids }
    }
}
