//! A sweep's progress on stderr: a bar on a terminal, plain lines elsewhere.

use std::io::{IsTerminal, stderr};
use std::pin::pin;
use std::time::Duration;

use indicatif::{ProgressBar, ProgressStyle};
use patchsweep_core::status::{SweepState, SweepStatus};
use patchsweep_process::talk;
use tokio::time::{Instant, interval_at};

use super::{CliError, quantities};
use crate::client::{Update, Watch};

/// Between two plain lines for people, but for the first and the last.
pub(super) const LINE_EVERY: Duration = Duration::from_secs(30);

enum Display {
    Bar(ProgressBar),
    Lines(Lines),
}

/// Which statuses become plain lines.
#[derive(Debug, Default)]
struct Lines {
    last: Option<Box<SweepStatus>>,
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
///
/// `every`: between two plain lines, but for the first and the last.
pub(super) async fn follow(watch: Watch, sweep: &str, every: Duration) -> Result<SweepStatus, CliError> {
    until_end(watch, sweep, None, every).await
}

/// Shows a sweep until it has ended, and gives its last status. `first`: what the watch has reported already.
pub(super) async fn until_end(
    mut watch: Watch,
    sweep: &str,
    first: Option<Update>,
    every: Duration,
) -> Result<SweepStatus, CliError> {
    let mut display = Display::new();
    let mut last = None;
    let mut waiting = None;
    let mut reported = first;
    let mut ticks = interval_at(Instant::now() + every, every);
    loop {
        let update = if let Some(update) = reported.take() {
            update
        } else {
            let mut next = pin!(watch.next());
            let next = loop {
                tokio::select! {
                    next = &mut next => break next?,
                    _ = ticks.tick() => display.tick(),
                }
            };
            let Some(update) = next else { break };
            update
        };
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
            return Self::Lines(Lines::default());
        }
        let bar = ProgressBar::new(100);
        if let Ok(style) = ProgressStyle::with_template("{bar:32} {percent:>3}%  {msg}") {
            bar.set_style(style);
        }
        Self::Bar(bar)
    }

    fn show(&mut self, status: &SweepStatus) {
        match self {
            Self::Bar(bar) => {
                bar.set_position(percent(status));
                bar.set_message(line(status));
            }
            Self::Lines(lines) => lines.show(status).into_iter().for_each(|line| talk!("{line}")),
        }
    }

    fn tick(&mut self) {
        if let Self::Lines(lines) = self {
            lines.again().into_iter().for_each(|line| talk!("{line}"));
        }
    }

    /// A line that stays.
    fn say(&self, text: &str) {
        match self {
            Self::Bar(bar) => bar.suspend(|| talk!("{text}")),
            Self::Lines(_) => talk!("{text}"),
        }
    }

    fn finish(&self) {
        if let Self::Bar(bar) = self {
            bar.finish();
        }
    }
}

impl Lines {
    /// The first and the last are shown at once.
    fn show(&mut self, status: &SweepStatus) -> Option<String> {
        let is_first = self.last.replace(Box::new(status.clone())).is_none();
        (is_first || status.state.is_final()).then(|| with_state(status))
    }

    /// How things stand, when it is time for a line.
    fn again(&self) -> Option<String> {
        self.last.as_deref().filter(|status| !status.state.is_final()).map(with_state)
    }
}

fn with_state(status: &SweepStatus) -> String {
    format!("{} {:>3}%  {}", status.state.name(), percent(status), line(status))
}

fn line(status: &SweepStatus) -> String {
    let SweepStatus { tiles_done, tiles_total, tiles_failed, workers, .. } = status;
    let failed = if *tiles_failed > 0 { format!(", {tiles_failed} failed") } else { String::new() };
    let rate = status.multiply_adds_per_second.map(quantities::rate).map(|rate| format!(", {rate}"));
    let left = status.remaining().map(|left| format!(", {} left", quantities::time(left)));
    let time = quantities::time(status.elapsed);
    let [rate, left] = [rate, left].map(Option::unwrap_or_default);
    format!("{tiles_done}/{tiles_total} tiles{failed}, {workers} workers{rate}, {time} elapsed{left}")
}

#[cfg(test)]
mod tests {
    use patchsweep_serve::fixtures::{running, status};

    use super::*;

    #[test]
    fn failed_tiles_are_reported_once_there_are_some() {
        let rest = "1 workers, 5.00e0 multiply-adds/s, 5s elapsed, 15s left";
        assert_eq!(line(&running()), format!("1/4 tiles, {rest}"));
        assert_eq!(line(&SweepStatus { tiles_failed: 2, ..running() }), format!("1/4 tiles, 2 failed, {rest}"));
    }

    #[test]
    fn percent_and_time_left_come_from_multiply_adds_and_are_left_out_while_nobody_knows() {
        let slow = SweepStatus { multiply_adds_done: 90, multiply_adds_per_second: None, ..running() };
        assert_eq!(with_state(&slow), "running  90%  1/4 tiles, 1 workers, 5s elapsed");
    }

    #[test]
    fn the_first_and_the_last_status_are_shown_at_once_and_others_when_it_is_time() {
        let mut lines = Lines::default();
        assert_eq!(lines.again(), None, "nothing is known");
        assert!(lines.show(&running()).is_some());
        let later = SweepStatus { tiles_done: 3, ..running() };
        assert_eq!(lines.show(&later), None);
        assert_eq!(lines.again(), Some(with_state(&later)));
        assert_eq!(lines.again(), Some(with_state(&later)), "also when nothing has changed");
        let done = status(SweepState::Done);
        assert_eq!(lines.show(&done), Some(with_state(&done)));
        assert_eq!(lines.again(), None);
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
