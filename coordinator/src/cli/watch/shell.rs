//! The view's loop: keys, changes and time go into the model, and the model onto the screen.

use std::io;
use std::time::Duration;

use crossterm::event::{Event, EventStream};
use patchsweep_core::status::SweepStatus;
use tokio::signal::unix::{SignalKind, signal};
use tokio::time::{Instant, MissedTickBehavior, interval, sleep_until};
use tokio_stream::StreamExt;

use super::feed::Feed;
use super::heat::Palette;
use super::keys::{Wish, wish};
use super::model::{Change, Model};
use super::screen::Screen;
use super::view;
use crate::cli::CliError;
use crate::client::Update;

/// Between two drawings of what changes by itself; what a key changes is drawn at once.
const FRAME: Duration = Duration::from_millis(250);

/// Times on the screen go on.
const CLOCK: Duration = Duration::from_secs(1);

/// How a view ended.
pub(super) enum End {
    /// With the sweep.
    Sweep(Box<SweepStatus>),
    /// The coordinator ended the watch.
    Watch,
    /// By a key.
    Left,
}

/// Shows a sweep until it has ended or the person leaves.
pub(super) async fn show(
    mut screen: Screen,
    palette: Palette,
    first: SweepStatus,
    mut feed: Feed,
) -> Result<End, CliError> {
    let started = Instant::now();
    let mut model = Model::default();
    model.apply(Change::Update(Update::Status(first)));
    let mut keys = EventStream::new();
    let mut terminate = signal(SignalKind::terminate()).map_err(CliError::Signals)?;
    let mut interrupt = signal(SignalKind::interrupt()).map_err(CliError::Signals)?;
    let mut clock = interval(CLOCK);
    clock.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut drawn = started;
    let mut due = Some(started);
    loop {
        tokio::select! {
            key = keys.next() => match act(key, &mut model)? {
                Some(Act::Leave) => return Ok(End::Left),
                Some(Act::Clear) => {
                    screen.clear()?;
                    due = Some(Instant::now());
                }
                None => due = Some(Instant::now()),
            },
            change = feed.next() => {
                let Some(change) = change.transpose()? else { return Ok(End::Watch) };
                model.tick(started.elapsed());
                if let Change::Update(Update::Status(status)) = &change
                    && status.state.is_final()
                {
                    return Ok(End::Sweep(Box::new(status.clone())));
                }
                model.apply(change);
                due = due.or(Some(drawn + FRAME));
            }
            _ = clock.tick() => due = due.or(Some(drawn + FRAME)),
            () = sleep_until(due.unwrap_or(drawn)), if due.is_some() => {
                model.tick(started.elapsed());
                screen.draw(|area, buffer| view::draw(&model, palette, area, buffer))?;
                drawn = Instant::now();
                due = None;
            }
            _ = terminate.recv() => return Err(CliError::Interrupted),
            _ = interrupt.recv() => return Err(CliError::Interrupted),
        }
    }
}

/// What the loop has to do for a key.
enum Act {
    Leave,
    Clear,
}

/// A terminal that says nothing more is gone.
fn act(event: Option<io::Result<Event>>, model: &mut Model) -> Result<Option<Act>, CliError> {
    let event = event.ok_or(CliError::Interrupted)??;
    let Some(wish) = event.as_key_press_event().and_then(wish) else {
        return Ok(None);
    };
    match wish {
        Wish::Leave => return Ok(Some(Act::Leave)),
        Wish::Interrupt => return Err(CliError::Interrupted),
        Wish::Redraw => return Ok(Some(Act::Clear)),
        Wish::Look(key) => model.press(key),
    }
    Ok(None)
}
