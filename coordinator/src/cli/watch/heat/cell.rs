//! What is known of one cell.

use patchsweep_proto::results::{
    GridScores, STATUS_COMPUTED, STATUS_NOOP, STATUS_NOT_FINITE, STATUS_NOT_SAMPLED, STATUS_PENDING,
};

/// What is known of one cell.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(in super::super) enum Known {
    /// Its mean effect.
    Effect(f32),
    /// It cannot change a score.
    NoOp,
    /// It is not computed yet.
    Pending,
    /// Its tile failed on every attempt.
    Failed,
    /// Its mean is no finite number.
    NotFinite,
}

impl Known {
    /// Of a cell by its place in the tensors.
    pub(super) fn of(scores: &GridScores, place: usize) -> Self {
        match scores.status[place] {
            STATUS_COMPUTED if scores.effect[place].is_finite() => Self::Effect(scores.effect[place]),
            STATUS_NOOP => Self::NoOp,
            STATUS_PENDING | STATUS_NOT_SAMPLED => Self::Pending,
            STATUS_COMPUTED | STATUS_NOT_FINITE => Self::NotFinite,
            // STATUS_FAILED, and what a newer coordinator may say: there is no number.
            _ => Self::Failed,
        }
    }

    pub(super) fn told(self, stderr: f32) -> String {
        match self {
            Self::Effect(effect) if stderr.is_nan() => format!("{effect:+.3}"),
            Self::Effect(effect) => format!("{effect:+.3} ± {stderr:.3}"),
            Self::NoOp => "0, a no-op: the patch cannot change the score".to_owned(),
            Self::Pending => "not computed yet".to_owned(),
            Self::Failed => "failed on every attempt".to_owned(),
            Self::NotFinite => "not a finite number".to_owned(),
        }
    }
}
