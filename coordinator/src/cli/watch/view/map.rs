//! The heat maps: iterations side by side, as many as there is room for, in one range of colours.

use std::ops::Range;

use patchsweep_core::results::CellStatus;
use ratatui::style::{Modifier, Style};
use ratatui::text::{Line, Span};

use super::{length, short, side_by_side};
use crate::cli::watch::heat::{Depth, HeatMap, Known, Palette, Side};
use crate::cli::watch::model::{Choice, Model};

/// Lines beside the map's rows: title, iterations, columns, and the cell that is looked at.
const FRAME: usize = 4;

/// Rows that are seen before there are labels of columns, and of iterations.
const ROWS_FIRST: usize = 2;

/// Columns between two iterations.
const GAP: usize = 2;

/// What of a map is seen.
struct Window {
    rows: Range<usize>,
    columns: Range<usize>,
    iterations: Range<usize>,
    /// Columns of the terminal: for row labels, a cell, an iteration without the gap.
    labels: usize,
    cell: usize,
    iteration: usize,
}

pub(super) fn wanted(model: &Model, palette: Palette, width: usize) -> usize {
    match chosen(model) {
        Some((map, _)) => map.size().0 + FRAME + usize::from(has_own_legend(model, &map, palette, width)),
        None => 2,
    }
}

pub(super) fn lines(model: &Model, palette: Palette, (width, height): (usize, usize)) -> Vec<Line<'static>> {
    let Some((map, iterations)) = chosen(model) else {
        let reason = model.no_scores.as_deref().unwrap_or("no scores yet");
        return vec![Line::raw(""), Line::raw(reason.to_owned())];
    };
    let own_legend = has_own_legend(model, &map, palette, width) && height > FRAME + ROWS_FIRST;
    let has_columns = height >= FRAME + ROWS_FIRST;
    let has_heading = height > FRAME + ROWS_FIRST;
    let frame = 2 + [own_legend, has_columns, has_heading].into_iter().map(usize::from).sum::<usize>();
    let room = (width, height.saturating_sub(frame));
    let window = Window::of(&map, iterations, model.choice, palette, room);
    let iteration = (!has_heading).then(|| iterations[model.choice.iteration].as_str());
    let mut lines = vec![title(model, &map, &window, iteration, palette, width)];
    if has_heading {
        lines.push(window.heading(iterations, model.choice));
    }
    if has_columns {
        lines.push(window.column_labels(&map.sheet().columns));
    }
    lines.extend(window.rows.clone().map(|row| window.row(&map, row, model.choice, palette)));
    let Choice { iteration, row, column, .. } = model.choice;
    let note = model.no_scores.as_deref().map(|reason| format!("  ({reason})")).unwrap_or_default();
    lines.push(Line::raw(format!("{}{note}", map.described(iteration, row, column))));
    if own_legend {
        lines.push(Line::from(legend(&map, palette)));
    }
    lines
}

/// The map that is looked at, and the labels of its iterations.
fn chosen(model: &Model) -> Option<(HeatMap<'_>, &[String])> {
    let scores = model.scores.as_ref()?;
    let map = scores.map(model.choice.grid, model.choice.metric)?;
    let (rows, columns) = map.size();
    let is_empty = rows == 0 || columns == 0 || scores.iterations().is_empty();
    (!is_empty).then_some((map, scores.iterations()))
}

/// Grid and metric.
fn name(model: &Model) -> String {
    let Some(scores) = &model.scores else { return String::new() };
    let of = |names: &[String], place: usize| names.get(place).cloned().unwrap_or_default();
    format!("{}  {}", of(scores.names(), model.choice.grid), of(scores.metrics(), model.choice.metric))
}

fn axes(map: &HeatMap) -> String {
    let sheet = map.sheet();
    let columns = if sheet.columns.title.is_empty() { String::new() } else { format!(", {} →", sheet.columns.title) };
    format!("{} ↓{columns}", sheet.rows.title)
}

fn title(
    model: &Model,
    map: &HeatMap,
    window: &Window,
    iteration: Option<&str>,
    palette: Palette,
    width: usize,
) -> Line<'static> {
    let (rows, columns) = map.size();
    let part = |part: &Range<usize>, all, what| {
        (part.len() < all).then(|| format!("{what} {}-{} of {all}", part.start + 1, part.end))
    };
    let parts = [part(&window.rows, rows, "rows"), part(&window.columns, columns, "columns")];
    let parts = iteration.map(str::to_owned).into_iter().chain(parts.into_iter().flatten()).chain([axes(map)]);
    let text = side_by_side([name(model)].into_iter().chain(parts), width);
    let mut spans = vec![Span::styled(text, Modifier::BOLD)];
    if !has_own_legend(model, map, palette, width) {
        let legend = legend(map, palette);
        let used = spans[0].width() + Line::from(legend.clone()).width();
        if used + GAP <= width {
            spans.push(Span::raw(" ".repeat(width - used)));
            spans.extend(legend);
        }
    }
    Line::from(spans)
}

/// Whether the legend has no room behind the title.
fn has_own_legend(model: &Model, map: &HeatMap, palette: Palette, width: usize) -> bool {
    let title = side_by_side([name(model), axes(map)], usize::MAX);
    length(&title) + Line::from(legend(map, palette)).width() + GAP > width
}

fn legend(map: &HeatMap, palette: Palette) -> Vec<Span<'static>> {
    let range = map.range();
    let mut spans = vec![Span::raw(format!("{:+.2} ", -range))];
    if palette.0 == Depth::None {
        spans.push(Span::raw("-9..+9"));
    } else {
        spans.extend((-5_i8..=5).map(|step| Span::styled(" ", palette.scale(f32::from(step) / 5.0))));
    }
    spans.push(Span::raw(format!(" {range:+.2}")));
    let usual = [CellStatus::NoOp, CellStatus::Pending, CellStatus::Failed];
    let unusual = [CellStatus::NotFinite, CellStatus::NotDrawn].into_iter().filter(|&status| map.has(status));
    for status in usual.into_iter().chain(unusual) {
        let (text, style) = palette.cell(Known::Without(status), range);
        spans.extend([Span::raw("  "), Span::styled(text, style), Span::raw(format!(" {}", status.key()))]);
    }
    spans
}

impl Window {
    fn of(map: &HeatMap, iterations: &[String], choice: Choice, palette: Palette, room: (usize, usize)) -> Self {
        let (rows, columns) = map.size();
        let labels = map.sheet().rows.labels.iter().map(|label| length(label)).max().unwrap_or(0) + 1;
        let width = room.0.saturating_sub(labels);
        let (wide, narrow) = palette.cell_widths();
        let cell = if columns * wide <= width { wide } else { narrow };
        let shown = columns.min(width / cell);
        let longest = iterations.iter().map(|label| length(label)).max().unwrap_or(0);
        let iteration = (shown * cell).max(longest.min(14)).min(width);
        let beside = if shown < columns { 1 } else { (width + GAP) / (iteration + GAP) };
        Self {
            rows: part(choice.row, room.1, rows),
            columns: part(choice.column, shown, columns),
            iterations: part(choice.iteration, beside.max(1), iterations.len()),
            labels,
            cell,
            iteration,
        }
    }

    /// Labels of the iterations, with the one that is looked at standing out.
    fn heading(&self, iterations: &[String], choice: Choice) -> Line<'static> {
        let mut spans = vec![Span::raw(" ".repeat(self.labels))];
        for place in self.iterations.clone() {
            let is_chosen = place == choice.iteration;
            let style = if is_chosen { Modifier::BOLD | Modifier::UNDERLINED } else { Modifier::empty() };
            let label = short(&iterations[place], self.iteration);
            let rest = self.iteration.saturating_sub(length(&label)) + GAP;
            spans.extend([Span::styled(label, style), Span::raw(" ".repeat(rest))]);
        }
        Line::from(spans)
    }

    /// Labels of the columns, as many as have room.
    fn column_labels(&self, side: &Side) -> Line<'static> {
        let labels = &side.labels[self.columns.clone()];
        let longest = labels.iter().map(|label| length(label)).max().unwrap_or(0);
        let step = (longest + 1).div_ceil(self.cell).max(1);
        let mut text = String::new();
        for (place, label) in labels.iter().enumerate().step_by(step) {
            // A short label stands under its cell's middle.
            let start = place * self.cell + self.cell.saturating_sub(length(label));
            if start + length(label) > self.iteration {
                break;
            }
            text.extend(std::iter::repeat_n(' ', start.saturating_sub(length(&text))));
            text.push_str(label);
        }
        let text = format!("{text:width$}", width = self.iteration + GAP);
        Line::raw(format!("{}{}", " ".repeat(self.labels), text.repeat(self.iterations.len())))
    }

    fn row(&self, map: &HeatMap, row: usize, choice: Choice, palette: Palette) -> Line<'static> {
        let label = &map.sheet().rows.labels[row];
        let mut spans = vec![Span::raw(format!("{label:>width$} ", width = self.labels - 1))];
        for iteration in self.iterations.clone() {
            for column in self.columns.clone() {
                let (text, style) = palette.cell(map.known(iteration, row, column), map.range());
                let is_looked_at = (iteration, row, column) == (choice.iteration, choice.row, choice.column);
                spans.push(if is_looked_at { self.looked_at(&text, style, palette) } else { self.cell(&text, style) });
            }
            let used = self.columns.len() * self.cell;
            spans.push(Span::raw(" ".repeat(self.iteration.saturating_sub(used) + GAP)));
        }
        Line::from(spans)
    }

    fn cell(&self, text: &str, style: Style) -> Span<'static> {
        let skipped = text.chars().count().saturating_sub(self.cell);
        let text: String = text.chars().skip(skipped).collect();
        Span::styled(format!("{text:>width$}", width = self.cell), style)
    }

    fn looked_at(&self, text: &str, style: Style, palette: Palette) -> Span<'static> {
        match (palette.0, self.cell) {
            (Depth::None, _) => self.cell(text, style.add_modifier(Modifier::REVERSED)),
            (_, 1) => Span::styled("◆", style),
            _ => Span::styled("[]", style.add_modifier(Modifier::BOLD)),
        }
    }
}

/// As much as is seen of a line of places, with that one in its middle where it can be.
fn part(looked_at: usize, seen: usize, all: usize) -> Range<usize> {
    let seen = seen.min(all);
    let start = looked_at.saturating_sub(seen / 2).min(all - seen);
    start..start + seen
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_looked_at_is_always_seen() {
        for looked_at in 0..9 {
            assert!(part(looked_at, 4, 9).contains(&looked_at));
        }
        assert_eq!((part(0, 4, 9), part(4, 4, 9), part(8, 4, 9)), (0..4, 2..6, 5..9));
        assert_eq!((part(3, 20, 9), part(3, 0, 9)), (0..9, 3..3));
    }
}
