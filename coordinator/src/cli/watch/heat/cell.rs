//! What is known of one cell.

use patchsweep_core::results::{CellStatus, GridScores};

/// What is known of one cell.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(in super::super) enum Known {
    /// Its mean effect.
    Effect(f32),
    /// No effect to show, for this reason.
    Without(CellStatus),
}

impl Known {
    /// Of a cell by its place in the tensors.
    pub(super) fn of(scores: &GridScores, place: usize) -> Self {
        match scores.status[place] {
            CellStatus::Computed if scores.effect[place].is_finite() => Self::Effect(scores.effect[place]),
            CellStatus::Computed => Self::Without(CellStatus::NotFinite),
            status => Self::Without(status),
        }
    }

    pub(super) fn described(self, stderr: f32) -> String {
        match self {
            Self::Effect(effect) if stderr.is_nan() => format!("{effect:+.3}"),
            Self::Effect(effect) => format!("{effect:+.3} ± {stderr:.3}"),
            Self::Without(status) => status.meaning().to_owned(),
        }
    }
}
