//! A sweep's progress on stderr: a bar on a terminal, plain lines elsewhere.

use std::io::{IsTerminal, stderr};
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressStyle};
use patchsweep_proto::status::{SweepState, SweepStatus};

use super::CliError;
use super::talk::talk;
use crate::client::{Update, Watch};

/// Plain lines come at most this often.
const LINE_EVERY: Duration = Duration::from_secs(5);

enum Display {
    Bar(ProgressBar),
    Lines { last: Option<Instant> },
}

/// Whether an ended sweep is whole; whatever else it is, is an error.
///
/// `can_resume`: whether there is still a coordinator that knows the sweep.
pub(super) fn outcome(status: &SweepStatus, can_resume: bool) -> Result<(), CliError> {
    let sweep = status.sweep.0.clone();
    match status.state.clone() {
        SweepState::Done => Ok(()),
        SweepState::Partial { reason } => Err(CliError::SweepPartial { sweep, reason, can_resume }),
        SweepState::Failed { reason } => Err(CliError::SweepFailed { sweep, reason, can_resume }),
        SweepState::Cancelled => Err(CliError::SweepCancelled { sweep, can_resume }),
        SweepState::Running => Err(CliError::WatchEnded { sweep }),
    }
}

/// Shows a sweep until it has ended; gives its last status.
pub(super) async fn follow(mut watch: Watch, sweep: &str) -> Result<SweepStatus, CliError> {
    let mut display = Display::new();
    let mut last = None;
    let mut waiting = None;
    while let Some(update) = watch.next().await? {
        match update {
            Update::Status(status) => {
                display.show(&status);
                if status.waiting != waiting {
                    waiting.clone_from(&status.waiting);
                    if let Some(reason) = &waiting {
                        display.say(&format!("waiting: {reason}"));
                    }
                }
                last = Some(status);
            }
            Update::Lost { reason } => {
                display.say(&format!("lost the coordinator ({reason}); trying to reach it again, Ctrl-C to give up"));
            }
        }
    }
    display.finish();
    last.ok_or_else(|| CliError::WatchEnded { sweep: sweep.to_owned() })
}

/// How far a sweep is, by multiply-adds.
pub(super) fn percent(status: &SweepStatus) -> u64 {
    let (done, total) = (u128::from(status.multiply_adds_done), u128::from(status.multiply_adds_total));
    let by_cost = (100 * done).checked_div(total);
    let by_tiles = || (100 * u128::from(status.tiles_done)).checked_div(status.tiles_total.into()).unwrap_or(100);
    u64::try_from(by_cost.unwrap_or_else(by_tiles)).unwrap_or(100)
}

impl Display {
    fn new() -> Self {
        if !stderr().is_terminal() {
            return Self::Lines { last: None };
        }
        let bar = ProgressBar::new(100);
        if let Ok(style) = ProgressStyle::with_template("{bar:32} {percent:>3}%  {msg}  {elapsed}, {eta} left") {
            bar.set_style(style);
        }
        Self::Bar(bar)
    }

    fn show(&mut self, status: &SweepStatus) {
        let text = line(status);
        match self {
            Self::Bar(bar) => {
                bar.set_position(percent(status));
                bar.set_message(text);
            }
            Self::Lines { last } => {
                if last.is_none_or(|last| last.elapsed() >= LINE_EVERY) || status.state.is_final() {
                    talk!("{} {:>3}%  {text}", status.state.name(), percent(status));
                    *last = Some(Instant::now());
                }
            }
        }
    }

    /// A line that stays.
    fn say(&self, text: &str) {
        match self {
            Self::Bar(bar) => bar.suspend(|| talk!("{text}")),
            Self::Lines { .. } => talk!("{text}"),
        }
    }

    fn finish(&self) {
        if let Self::Bar(bar) = self {
            bar.finish();
        }
    }
}

fn line(status: &SweepStatus) -> String {
    let SweepStatus { tiles_done, tiles_total, tiles_failed, workers, .. } = status;
    let failed = if *tiles_failed > 0 { format!(", {tiles_failed} failed") } else { String::new() };
    format!("{tiles_done}/{tiles_total} tiles{failed}, {workers} workers")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::client::example::{running, status};

    #[test]
    fn failed_tiles_are_told_once_there_are_some() {
        assert_eq!(line(&running()), "1/4 tiles, 1 workers");
        assert_eq!(line(&SweepStatus { tiles_failed: 2, ..running() }), "1/4 tiles, 2 failed, 1 workers");
    }

    #[test]
    fn only_a_whole_sweep_is_a_success() {
        outcome(&status(SweepState::Done), true).expect("whole");
        let of = |state| outcome(&status(state), true).expect_err("not whole");
        let partial = of(SweepState::Partial { reason: "no memory".into() });
        assert!(partial.to_string().contains("`patchsweep resume s`"), "{partial}");
        assert_eq!([of(SweepState::Cancelled), of(SweepState::Running)].map(|error| error.exit_code()), [1, 1]);
        let failed = outcome(&status(SweepState::Failed { reason: "no model".into() }), false).expect_err("failed");
        assert_eq!(failed.to_string(), "sweep `s` failed: no model");
    }
}
