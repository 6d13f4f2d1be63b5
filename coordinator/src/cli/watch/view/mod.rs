//! The view as a person sees it: a pure function of the model, the palette and the size.

mod areas;
mod bars;
mod foot;
mod head;
mod map;
mod warnings;
mod workers;

#[cfg(test)]
mod tests;

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::text::Line;
use ratatui::widgets::Widget;

use super::heat::Palette;
use super::model::Model;
use areas::{Areas, Wants};
use patchsweep_results::short;

/// Draws all of it.
pub(super) fn draw(model: &Model, palette: Palette, area: Rect, buffer: &mut Buffer) {
    let notices = head::notices(model, palette);
    let wants = Wants {
        notices: notices.len(),
        bars: bars::wanted(model),
        map: map::wanted(model, palette, area.width.into()),
        workers: workers::wanted(model),
        warnings: warnings::wanted(model),
    };
    let areas = Areas::of(area, &wants);
    let size = |area: Rect| (usize::from(area.width), usize::from(area.height));
    put(vec![head::title(model, area.width.into())], areas.head, buffer);
    put(notices, areas.notices, buffer);
    put(bars::lines(model, palette, size(areas.bars)), areas.bars, buffer);
    put(map::lines(model, palette, size(areas.map)), areas.map, buffer);
    put(workers::lines(model, palette, size(areas.workers)), areas.workers, buffer);
    put(warnings::lines(model, palette, size(areas.warnings)), areas.warnings, buffer);
    put(vec![foot::line(area.width.into())], areas.foot, buffer);
}

fn put(lines: Vec<Line>, area: Rect, buffer: &mut Buffer) {
    for (row, line) in area.rows().zip(lines) {
        line.render(row, buffer);
    }
}

/// The parts that fit a width side by side, the first ones first; a part that does not fit is left out.
fn side_by_side(parts: impl IntoIterator<Item = String>, width: usize) -> String {
    let mut text = String::new();
    for part in parts {
        let gap = if text.is_empty() { 0 } else { 2 };
        if text.is_empty() || length(&text) + gap + length(&part) <= width {
            text = format!("{text}{:gap$}{part}", "");
        }
    }
    text
}

/// Columns that a text takes.
fn length(text: &str) -> usize {
    Line::raw(text).width()
}
