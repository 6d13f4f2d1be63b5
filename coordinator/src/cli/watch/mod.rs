//! `patchsweep watch`: a live view on a terminal, a line now and then elsewhere.

mod feed;
mod heat;
mod keys;
mod model;
mod screen;
mod shell;
mod view;

#[cfg(test)]
mod example;

use std::io::{self, Write};

use patchsweep_core::status::{SweepState, SweepStatus};
use patchsweep_process::talk;

use super::output::{Output, Printer};
use super::sweeps::{SweepArgs, SweepsFields};
use super::{CliError, progress, quantities, selector};
use crate::client::{Client, Update, Watch};
use feed::Feed;
use heat::{Depth, Palette};
use screen::Screen;
use shell::End;

pub(super) async fn watch(args: SweepArgs, printer: Printer) -> Result<(), CliError> {
    let mut client = args.coordinator.connect().await?;
    let sweep = selector::one(&mut client, &args.sweep).await?;
    let mut watch = client.watch_patiently(&sweep).await?;
    // Of a sweep that has ended there is nothing to view.
    let last = match watch.next().await? {
        Some(Update::Status(first)) if !first.state.is_final() && Screen::is_there() => {
            match view(client, watch, first).await? {
                End::Left => {
                    talk!("sweep `{sweep}` goes on; `patchsweep watch {sweep}` shows it again");
                    return Ok(());
                }
                End::Watch => return Err(CliError::WatchEnded { sweep: sweep.0 }),
                End::Sweep(status) => {
                    if status.state != SweepState::Done {
                        talk!("{}", summary(&status));
                    }
                    *status
                }
            }
        }
        first => progress::until_end(watch, &sweep.0, first, progress::LINE_EVERY).await?,
    };
    let outcome = progress::outcome(&last, true);
    if outcome.is_ok() {
        printer.print(&Watched(last))?;
    } else {
        printer.add(&Watched(last));
    }
    outcome
}

async fn view(client: Client, watch: Watch, first: SweepStatus) -> Result<End, CliError> {
    let variable = |name| std::env::var(name).ok();
    let (no_color, colorterm, term) = (variable("NO_COLOR"), variable("COLORTERM"), variable("TERM"));
    let palette = Palette(Depth::of(no_color.as_deref(), colorterm.as_deref(), term.as_deref()));
    let feed = Feed::start(client, watch, &first);
    shell::show(Screen::open()?, palette, first, feed).await
}

/// A sweep that was watched to its end.
struct Watched(SweepStatus);

impl Output for Watched {
    type Fields = SweepsFields;

    fn table(&self, out: &mut dyn Write) -> io::Result<()> {
        writeln!(out, "{}", summary(&self.0))
    }

    fn fields(&self) -> SweepsFields {
        SweepsFields::of([&self.0])
    }

    fn quiet(&self, out: &mut dyn Write) -> io::Result<()> {
        writeln!(out, "{}", self.0.sweep)
    }
}

/// The line that stays.
fn summary(status: &SweepStatus) -> String {
    let SweepStatus { sweep, state, cells_total, cells_noop, tiles_done, tiles_total, elapsed, .. } = status;
    let mean = u128::from(status.multiply_adds_done) * 1000 / elapsed.as_millis().max(1);
    let rate = quantities::rate(u64::try_from(mean).unwrap_or(u64::MAX));
    let (state, computed, time) = (state.name(), cells_total - cells_noop, quantities::time(*elapsed));
    let part = if tiles_done < tiles_total { format!("{tiles_done}/{tiles_total} tiles of ") } else { String::new() };
    format!("{sweep} {state}: {part}{computed} cells and {cells_noop} no-ops in {time}, {rate}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sweep_that_has_ended_leaves_a_line() {
        let done = SweepStatus { state: SweepState::Done, tiles_done: 72, ..example::status() };
        let rest = "137 cells and 151 no-ops in 1m 20s, 2.50e9 multiply-adds/s";
        assert_eq!(summary(&done), format!("acronyms-1a2b3c4d done: {rest}"));
        let cancelled = SweepStatus { state: SweepState::Cancelled, ..example::status() };
        assert_eq!(summary(&cancelled), format!("acronyms-1a2b3c4d cancelled: 30/72 tiles of {rest}"));
    }
}
