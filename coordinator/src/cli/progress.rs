//! A sweep's progress on stderr: a bar on a terminal, plain lines elsewhere.

use std::io::{IsTerminal, stderr};
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressStyle};
use patchsweep_proto::status::{SweepState, SweepStatus};

use super::CliError;
use crate::client::Watch;

/// Plain lines come at most this often.
const LINE_EVERY: Duration = Duration::from_secs(5);

enum Display {
    Bar(ProgressBar),
    Lines { last: Option<Instant> },
}

/// Shows a sweep until it has ended well; any other end is an error.
pub(super) async fn follow(mut watch: Watch, sweep: &str) -> Result<(), CliError> {
    let mut display = Display::new();
    let mut last = None;
    while let Some(status) = watch.next().await? {
        display.show(&status);
        last = Some(status.state);
    }
    display.finish();
    let sweep = sweep.to_owned();
    match last {
        Some(SweepState::Done) => Ok(()),
        Some(SweepState::Partial { reason } | SweepState::Failed { reason }) => {
            Err(CliError::SweepFailed { sweep, reason })
        }
        Some(SweepState::Cancelled) => Err(CliError::SweepCancelled { sweep }),
        Some(SweepState::Running) | None => Err(CliError::WatchEnded { sweep }),
    }
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
        let SweepStatus { tiles_done, tiles_total, workers, .. } = status;
        let text = format!("{tiles_done}/{tiles_total} tiles, {workers} workers");
        match self {
            Self::Bar(bar) => {
                bar.set_position(percent(status));
                bar.set_message(text);
            }
            Self::Lines { last } => {
                if last.is_none_or(|last| last.elapsed() >= LINE_EVERY) || status.state.is_final() {
                    eprintln!("{} {:>3}%  {text}", status.state.name(), percent(status));
                    *last = Some(Instant::now());
                }
            }
        }
    }

    fn finish(&self) {
        if let Self::Bar(bar) = self {
            bar.finish();
        }
    }
}
