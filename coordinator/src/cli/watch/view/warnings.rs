//! The coordinator's last warnings.

use ratatui::style::Color;
use ratatui::text::Line;

use crate::cli::quantities;
use crate::cli::watch::heat::Palette;
use crate::cli::watch::model::{Model, Seen, Warning};

/// Most that are shown, however much room there is.
const MOST: usize = 8;

pub(super) fn wanted(model: &Model) -> usize {
    model.warnings.len().min(MOST)
}

/// The newest at the bottom.
pub(super) fn lines(model: &Model, palette: Palette, (_, height): (usize, usize)) -> Vec<Line<'static>> {
    let first = model.warnings.len().saturating_sub(height);
    let line = |warning: &Seen<Warning>| {
        let Warning { worker, text, .. } = &warning.value;
        let worker = if worker.is_empty() { String::new() } else { format!("{worker}: ") };
        let age = quantities::time(model.age(warning));
        Line::styled(format!("! {age} ago  {worker}{text}"), palette.coloured(Color::Yellow))
    };
    model.warnings.iter().skip(first).map(line).collect()
}
