//! What a cell is painted with: two characters, and colours where the terminal has them.

use ratatui::style::{Color, Modifier, Style};

use patchsweep_core::results::CellStatus;
use patchsweep_results::colour::diverging;

use super::Known;

/// How many colours a terminal has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in super::super) enum Depth {
    /// Each that there is.
    Full,
    /// The 256 of xterm.
    Indexed,
    /// None, or too few for a scale.
    None,
}

impl Depth {
    /// By what the environment says of the terminal; a `NO_COLOR` that is not empty wants none.
    pub(in super::super) fn of(no_color: Option<&str>, colorterm: Option<&str>, term: Option<&str>) -> Self {
        if no_color.is_some_and(|wish| !wish.is_empty()) {
            return Self::None;
        }
        match (colorterm, term) {
            (Some("truecolor" | "24bit"), _) => Self::Full,
            (_, Some(term)) if term.contains("256") || term.contains("direct") => Self::Indexed,
            _ => Self::None,
        }
    }
}

/// Paints for one terminal.
#[derive(Clone, Copy, Debug)]
pub(in super::super) struct Palette(pub(in super::super) Depth);

impl Palette {
    /// Columns that a cell takes where there is room, and at least.
    pub(in super::super) fn cell_widths(self) -> (usize, usize) {
        // A sign and a digit are needed where there is no colour.
        if self.0 == Depth::None { (3, 2) } else { (2, 1) }
    }

    /// Two characters, of which a narrow cell shows the last, and how they look. `range` is the effect of the strongest
    /// colour.
    pub(in super::super) fn cell(self, known: Known, range: f32) -> (String, Style) {
        match known {
            Known::Effect(effect) if self.0 == Depth::None => (digits(effect / range), Style::new()),
            Known::Effect(effect) => ("  ".to_owned(), self.scale(effect / range)),
            Known::Without(status) => self.without(status),
        }
    }

    fn without(self, status: CellStatus) -> (String, Style) {
        let (text, style) = match status {
            CellStatus::Computed => ("  ", Style::new()),
            CellStatus::NoOp => (" ·", self.scale(0.0)),
            CellStatus::Pending => ("░░", self.dim()),
            CellStatus::NotDrawn => (" -", self.dim()),
            CellStatus::Failed => (" x", self.coloured(Color::Red).add_modifier(Modifier::BOLD)),
            CellStatus::NotFinite => (" ?", self.coloured(Color::Red).add_modifier(Modifier::BOLD)),
        };
        (text.to_owned(), style)
    }

    /// A colour of the scale, with a readable one on it.
    pub(in super::super) fn scale(self, fraction: f32) -> Style {
        let ink = if fraction.abs() > 0.6 { [255; 3] } else { [90; 3] };
        match self.0 {
            Depth::Full => Style::new().bg(rgb(diverging(fraction))).fg(rgb(ink)),
            Depth::Indexed => {
                Style::new().bg(Color::Indexed(nearest(diverging(fraction)))).fg(Color::Indexed(nearest(ink)))
            }
            Depth::None => Style::new(),
        }
    }

    /// One of the terminal's own colours.
    pub(in super::super) fn coloured(self, colour: Color) -> Style {
        if self.0 == Depth::None { Style::new() } else { Style::new().fg(colour) }
    }

    /// For what matters less.
    pub(in super::super) fn dim(self) -> Style {
        if self.0 == Depth::None { Style::new() } else { Style::new().fg(Color::DarkGray) }
    }
}

/// Tenths of the range, with the sign; a zero with a sign is a small effect, one without is none.
fn digits(fraction: f32) -> String {
    if fraction == 0.0 {
        return " 0".to_owned();
    }
    let sign = if fraction < 0.0 { '-' } else { '+' };
    format!("{sign}{:.0}", (fraction.abs() * 10.0).clamp(0.0, 9.0).floor())
}

fn rgb([red, green, blue]: [u8; 3]) -> Color {
    Color::Rgb(red, green, blue)
}

/// The nearest of xterm's colours that no theme changes: a cube of six levels, then 24 greys.
fn nearest(colour: [u8; 3]) -> u8 {
    const LEVELS: [u8; 6] = [0, 95, 135, 175, 215, 255];
    let of_cube = |index: u8| [index / 36, index / 6 % 6, index % 6].map(|level| LEVELS[usize::from(level)]);
    let cube = (0..216).map(|index| (16 + index, of_cube(index)));
    let greys = (0..24).map(|index| (232 + index, [8 + 10 * index; 3]));
    let distance = |(_, other): &(u8, [u8; 3])| -> u32 {
        colour.iter().zip(other).map(|(one, other)| u32::from(one.abs_diff(*other)).pow(2)).sum()
    };
    cube.chain(greys).min_by_key(distance).map_or(0, |(index, _)| index)
}

#[cfg(test)]
mod tests {
    use super::*;

    const FULL: Palette = Palette(Depth::Full);
    const INDEXED: Palette = Palette(Depth::Indexed);
    const PLAIN: Palette = Palette(Depth::None);

    #[test]
    fn colours_are_those_that_the_environment_says() {
        let depth = Depth::of;
        assert_eq!(depth(None, Some("truecolor"), Some("xterm-256color")), Depth::Full);
        assert_eq!(depth(None, None, Some("xterm-256color")), Depth::Indexed);
        assert_eq!(depth(Some(""), Some(""), Some("screen-256color")), Depth::Indexed);
        assert_eq!(depth(Some("1"), Some("truecolor"), Some("xterm-256color")), Depth::None);
        assert_eq!(depth(None, None, Some("vt100")), Depth::None);
        assert_eq!(depth(None, None, None), Depth::None);
    }

    #[test]
    fn zero_is_white_and_the_ends_are_red_and_blue() {
        let background = |palette: Palette, effect| palette.cell(Known::Effect(effect), 2.0).1.bg;
        assert_eq!(background(FULL, -2.0), Some(Color::Rgb(103, 0, 31)));
        assert_eq!(background(FULL, 0.0), Some(Color::Rgb(247, 247, 247)));
        assert_eq!(background(FULL, 2.0), Some(Color::Rgb(5, 48, 97)));
        assert_eq!(background(INDEXED, 0.0), Some(Color::Indexed(231)));
    }

    #[test]
    fn the_steps_of_the_scale_differ_in_256_colours_too() {
        let steps: Vec<_> = (-5_i8..=5).map(|step| INDEXED.scale(f32::from(step) / 5.0).bg).collect();
        let distinct: std::collections::HashSet<_> = steps.iter().collect();
        assert_eq!(distinct.len(), steps.len(), "{steps:?}");
    }

    #[test]
    fn whatever_is_known_of_a_cell_looks_different_on_every_terminal() {
        let without = CellStatus::ALL.into_iter().filter(|&status| status != CellStatus::Computed);
        let effects = [0.0, -1.0, 1.0].map(Known::Effect);
        let all: Vec<Known> = effects.into_iter().chain(without.map(Known::Without)).collect();
        for palette in [FULL, INDEXED] {
            for width in [1, 2] {
                let seen = |known| {
                    let (text, style) = palette.cell(known, 1.0);
                    (text.chars().skip(2 - width).collect::<String>(), style.bg)
                };
                let distinct: std::collections::HashSet<_> = all.iter().map(|&known| seen(known)).collect();
                assert_eq!(distinct.len(), all.len(), "{palette:?} {width}");
            }
        }
        let distinct: std::collections::HashSet<_> = all.iter().map(|&known| PLAIN.cell(known, 1.0).0).collect();
        assert_eq!(distinct.len(), all.len());
    }

    #[test]
    fn without_colours_an_effect_is_tenths_of_the_range() {
        let texts = [-2.0, -0.5, -0.001, 0.0, 0.001, 0.39, 1.0].map(|effect| PLAIN.cell(Known::Effect(effect), 1.0).0);
        assert_eq!(texts, ["-9", "-5", "-0", " 0", "+0", "+3", "+9"]);
        assert_eq!(PLAIN.cell(Known::Effect(1.0), 1.0).1, Style::new());
    }
}
