//! Who computes what, with which device and memory, and how fast.

use std::time::Duration;

use patchsweep_core::workers::{InHand, WorkerState, WorkerStatus};
use ratatui::style::{Color, Modifier, Style};
use ratatui::text::Line;

use super::{length, short};
use crate::cli::watch::heat::Palette;
use crate::cli::watch::model::Model;
use crate::cli::{quantities, table};

/// A worker that was not heard for longer is shown as silent.
const SILENT: Duration = Duration::from_secs(10);

const COLUMNS: usize = 7;

/// Between two columns.
const GAP: usize = 2;

/// Headings from left to right.
const HEADINGS: [&str; COLUMNS] = ["worker", "device", "state", "memory", "rate", "cache", "tile in hand"];

/// The columns that are cut rather than left out, then the others in the order in which they get room.
const NEEDED: [usize; 3] = [0, 2, HAND];
const OTHERS: [usize; 4] = [4, 3, 5, 1];

/// The tile in hand takes what the others leave, and at least so much where the terminal is wide.
const HAND: usize = 6;
const HAND_LEAST: usize = 20;

/// Most columns of the terminal that one takes.
const MOST: [usize; COLUMNS] = [24, 10, 12, 16, 12, 6, 44];

pub(super) fn wanted(model: &Model) -> usize {
    model.workers.value.len() + 1
}

pub(super) fn lines(model: &Model, palette: Palette, (width, height): (usize, usize)) -> Vec<Line<'static>> {
    let workers = &model.workers.value;
    if workers.is_empty() {
        return vec![Line::styled("no workers", Modifier::BOLD)];
    }
    let seen = height.saturating_sub(1).max(1);
    let first = model.choice.worker.min(workers.len().saturating_sub(seen));
    let shown = &workers[first..workers.len().min(first + seen)];
    let mut headings = HEADINGS.map(str::to_owned);
    if shown.len() < workers.len() {
        headings[0] = format!("workers {}-{}/{}", first + 1, first + shown.len(), workers.len());
    }
    let rows: Vec<_> = shown.iter().map(|worker| cells(worker, model)).collect();
    let widths = widths(&[&[headings.clone()], rows.as_slice()].concat(), width);
    let mut lines = vec![Line::styled(joined(&headings, &widths), Modifier::BOLD)];
    lines.extend(
        shown.iter().zip(&rows).map(|(worker, row)| Line::styled(joined(row, &widths), style(worker, palette))),
    );
    lines
}

fn style(worker: &WorkerStatus, palette: Palette) -> Style {
    match worker.state {
        WorkerState::Active => Style::new(),
        WorkerState::Leaving => palette.dim(),
        WorkerState::Stuck | WorkerState::Quarantined { .. } => palette.coloured(Color::Red),
    }
}

fn cells(worker: &WorkerStatus, model: &Model) -> [String; COLUMNS] {
    let age = model.since(&model.workers);
    let silent = worker.silent + age;
    let state = if silent > SILENT && model.lost.is_none() {
        format!("silent {}", quantities::time(silent))
    } else {
        worker.state.name().to_owned()
    };
    let nothing = || "-".to_owned();
    let memory = worker.memory;
    let asked = worker.cache.hits + worker.cache.misses;
    let hand = worker.hand.as_ref().map(|hand| in_hand(hand, age, model));
    [
        worker.name.clone(),
        worker.device.clone(),
        state,
        if memory.budget == 0 { nothing() } else { quantities::memory(memory.used, memory.budget) },
        worker.multiply_adds_per_second.map_or_else(nothing, |rate| format!("{}/s", table::scientific(rate))),
        (100 * worker.cache.hits).checked_div(asked).map_or_else(nothing, |percent| format!("{percent}%")),
        hand.unwrap_or_else(nothing),
    ]
}

/// `t12 4s z, Iteration 0`: the time is what must not be cut off.
fn in_hand(hand: &InHand, age: Duration, model: &Model) -> String {
    let is_other = model.status.as_ref().is_some_and(|status| status.value.sweep != hand.lease.sweep);
    let sweep = if is_other { format!("{} ", hand.lease.sweep) } else { String::new() };
    let attempt = if hand.lease.attempt.0 > 1 { format!(", attempt {}", hand.lease.attempt.0) } else { String::new() };
    let retries = if hand.retries > 0 { format!(", {} without memory", hand.retries) } else { String::new() };
    let since = quantities::time(hand.since + age);
    format!("{} {since} {sweep}{}, {}{attempt}{retries}", hand.lease.tile, hand.grid, hand.iteration)
}

/// Of each column; 0 for those that have no room.
fn widths(rows: &[[String; COLUMNS]], width: usize) -> [usize; COLUMNS] {
    let wanted = |column: usize| rows.iter().map(|row| length(&row[column])).max().unwrap_or(0).min(MOST[column]);
    let mut widths = [0; COLUMNS];
    let mut left = width + GAP;
    for column in NEEDED {
        let wanted = if column == HAND { wanted(column).min(HAND_LEAST) } else { wanted(column) };
        widths[column] = wanted.min(left.saturating_sub(GAP));
        left = left.saturating_sub(widths[column] + GAP);
    }
    for column in OTHERS {
        let wanted = wanted(column) + GAP;
        if wanted <= left {
            widths[column] = wanted - GAP;
            left -= wanted;
        }
    }
    widths[HAND] = wanted(HAND).min(widths[HAND] + left);
    widths
}

fn joined(row: &[String; COLUMNS], widths: &[usize; COLUMNS]) -> String {
    let shown = row.iter().zip(widths).filter(|(_, width)| **width > 0);
    let cells = shown.map(|(cell, &width)| {
        let cell = short(cell, width);
        format!("{cell}{}", " ".repeat(width.saturating_sub(length(&cell))))
    });
    cells.collect::<Vec<_>>().join(&" ".repeat(GAP))
}
