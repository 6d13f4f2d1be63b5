//! The first lines: which sweep, how far, how long still, and what is wrong.

use std::iter;
use std::time::Duration;

use ratatui::style::{Color, Modifier, Style};
use ratatui::text::{Line, Span};

use super::side_by_side;
use crate::cli::watch::heat::Palette;
use crate::cli::watch::model::Model;
use crate::cli::{progress, quantities};

/// The sweep in one line.
pub(super) fn title(model: &Model, width: usize) -> Line<'static> {
    let Some(status) = &model.status else {
        return Line::raw("waiting for the coordinator");
    };
    let sweep = &status.value;
    // Only running sweeps are viewed for long.
    let state = if sweep.state.is_final() { format!("{} ", sweep.state.name()) } else { String::new() };
    let state = format!("{state}{}%", progress::percent(sweep));
    let rate = sweep.multiply_adds_per_second.map(quantities::rate);
    let elapsed = sweep.elapsed + if model.lost.is_none() { model.since(status) } else { Duration::ZERO };
    let parts = iter::once(state)
        .chain(iter::once(format!("{} left", left(model))))
        .chain(iter::once(format!("{} elapsed", quantities::time(elapsed))))
        .chain(rate)
        .chain((sweep.tiles_failed > 0).then(|| format!("{} tiles failed", sweep.tiles_failed)))
        .chain(iter::once(format!("{} workers", sweep.workers)));
    let name = sweep.sweep.0.clone();
    let rest = side_by_side(parts, width.saturating_sub(super::length(&name) + 2));
    Line::from(vec![Span::styled(name, Modifier::BOLD), Span::raw("  "), Span::raw(rest)])
}

fn left(model: &Model) -> String {
    model.left().map_or_else(|| "?".to_owned(), quantities::time)
}

/// What the person must know before all else.
pub(super) fn notices(model: &Model, palette: Palette) -> Vec<Line<'static>> {
    let alarm = palette.coloured(Color::Red).add_modifier(Modifier::BOLD);
    let lost = model.lost.as_ref().map(|lost| {
        let since = quantities::time(model.since(lost));
        (format!("lost the coordinator {since} ago ({}); trying to reach it again", lost.value), alarm)
    });
    let status = model.status.as_ref().map(|status| &status.value);
    let waiting = status.and_then(|status| Some((format!("waiting: {}", status.waiting.as_ref()?), Style::new())));
    lost.into_iter().chain(waiting).map(|(text, style)| Line::styled(text, style)).collect()
}
