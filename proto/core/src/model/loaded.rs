//! A model in a worker's memory.

use std::fmt;

use super::{Dtype, ModelRef};

/// Most models that a worker keeps in memory.
pub const MOST_LOADED: usize = 16;

/// What decides which weights a worker loads.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct LoadedModel {
    /// The model, by name.
    pub model: ModelRef,
    /// Arithmetic that its weights were loaded for.
    pub dtype: Dtype,
}

impl fmt::Display for LoadedModel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} in {}", self.model, self.dtype.name())
    }
}
