//! What a tile's time goes into.

use std::time::Instant;

use tracing::span::EnteredSpan;

use crate::telemetry::PHASE_SECONDS;

/// A part of the work on a tile. Phases do not contain each other, so their seconds add up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Phase {
    /// Reading weights.
    Load,
    /// The run on clean prompts.
    Clean,
    /// The run on corrupted prompts, or the means of several.
    Corrupted,
    /// Patched runs.
    Patched,
    /// Means and deviations of the scores.
    Merge,
}

impl Phase {
    /// All, in the order in which a tile goes through them.
    pub const NAMES: [&str; 5] = ["load", "clean", "corrupted", "patched", "merge"];

    /// Its name in logs and metrics.
    #[must_use]
    pub fn name(self) -> &'static str {
        Self::NAMES[self as usize]
    }

    /// Begins it; it ends when the guard is dropped.
    #[must_use]
    pub fn enter(self) -> Running {
        // A span's name is part of the program.
        let span = match self {
            Self::Load => tracing::info_span!("load"),
            Self::Clean => tracing::info_span!("clean"),
            Self::Corrupted => tracing::info_span!("corrupted"),
            Self::Patched => tracing::info_span!("patched"),
            Self::Merge => tracing::info_span!("merge"),
        };
        Running { phase: self, began: Instant::now(), _span: span.entered() }
    }
}

/// A phase that has begun. Says how long it took when it ends.
#[derive(Debug)]
pub struct Running {
    phase: Phase,
    began: Instant,
    _span: EnteredSpan,
}

impl Drop for Running {
    fn drop(&mut self) {
        let took = self.began.elapsed();
        PHASE_SECONDS.observe(&[self.phase.name()], took);
        let seconds = took.as_secs_f64();
        tracing::debug!(phase = self.phase.name(), seconds, "phase ended");
    }
}
