//! How far each grid is, by multiply-adds.

use patchsweep_core::status::GridProgress;
use ratatui::style::{Color, Modifier, Style};
use ratatui::text::{Line, Span};

use super::{length, short};
use crate::cli::watch::heat::Palette;
use crate::cli::watch::model::Model;

/// Most columns of a grid's name.
const NAME: usize = 20;

/// Columns of a bar.
const BAR_LEAST: usize = 10;
const BAR_MOST: usize = 40;

pub(super) fn wanted(model: &Model) -> usize {
    model.status.as_ref().map_or(0, |status| status.value.grids.len())
}

/// As many grids as there is room for, among them the one that is looked at.
pub(super) fn lines(model: &Model, palette: Palette, (width, height): (usize, usize)) -> Vec<Line<'static>> {
    let Some(status) = &model.status else { return Vec::new() };
    let grids = &status.value.grids;
    let chosen = model.scores.as_ref().and_then(|scores| scores.names().get(model.choice.grid));
    let place = grids.iter().position(|grid| Some(&grid.name) == chosen).unwrap_or(0);
    let first = (place + 1).saturating_sub(height);
    let names = grids.iter().map(|grid| length(&grid.name)).max().unwrap_or(0).min(NAME);
    let longest = grids.iter().map(|grid| length(&described(grid))).max().unwrap_or(0);
    let has_room = width >= names + 1 + BAR_LEAST + longest;
    let bar = |grid: &GridProgress| {
        let is_chosen = Some(&grid.name) == chosen;
        let name_style = if is_chosen { Style::new().add_modifier(Modifier::BOLD) } else { Style::new() };
        let described = if has_room { format!("{:longest$}", described(grid)) } else { percent(grid) };
        let room = width.saturating_sub(names + 1 + length(&described)).min(BAR_MOST);
        let full = share(grid, room);
        Line::from(vec![
            Span::styled(format!("{:names$} ", short(&grid.name, names)), name_style),
            Span::styled("█".repeat(full), palette.coloured(Color::Blue)),
            Span::styled("·".repeat(room - full), palette.dim()),
            Span::raw(described),
        ])
    };
    grids.iter().skip(first).take(height).map(bar).collect()
}

fn percent(grid: &GridProgress) -> String {
    format!(" {:>3}%", share(grid, 100))
}

fn described(grid: &GridProgress) -> String {
    let computed = grid.cells_total - grid.cells_noop.min(grid.cells_total);
    let noops = if grid.cells_noop > 0 { format!(", {} no-ops", grid.cells_noop) } else { String::new() };
    format!("{}  {}/{computed} cells{noops}", percent(grid), grid.cells_done.min(computed))
}

/// How much of a whole is done; less than the whole until all is.
fn share(grid: &GridProgress, whole: usize) -> usize {
    let (done, total) = match grid.multiply_adds_total {
        0 => (grid.tiles_done.into(), grid.tiles_total.into()),
        total => (grid.multiply_adds_done, total),
    };
    let part = (whole as u128 * u128::from(done)).checked_div(total.into());
    part.and_then(|part| usize::try_from(part).ok()).map_or(whole, |part| part.min(whole))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bar_is_as_long_as_the_multiply_adds_not_as_the_tiles() {
        let costly = GridProgress {
            tiles_total: 2,
            tiles_done: 1,
            multiply_adds_total: 1000,
            multiply_adds_done: 999,
            ..GridProgress::default()
        };
        assert_eq!((share(&costly, 100), share(&costly, 40)), (99, 39));
        let of_noops = GridProgress::default();
        assert_eq!(share(&of_noops, 100), 100, "nothing is left to do");
    }
}
