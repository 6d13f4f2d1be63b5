//! A grid of any number of axes, laid out on rows and columns.

use patchsweep_proto::results::GridScores;

use super::text::{html, short};
use crate::results::labels::tick;

/// Most characters of a tick; what is longer is whole under the pointer.
const TICK_CHARS: usize = 16;

/// The first axis goes down, all others go right, the last of them fastest.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Plane {
    /// The vertical axis.
    pub(super) rows: Side,
    /// The horizontal axis.
    pub(super) columns: Side,
}

/// One direction of a plane.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Side {
    /// Axis names, for people; empty where there is no axis.
    pub(super) title: String,
    /// A unique name of each index, for plotly.
    pub(super) names: Vec<String>,
    /// What is written at the axis.
    pub(super) ticks: Vec<Tick>,
    /// How many indices a tick stands for.
    pub(super) group: usize,
}

/// A label at an axis.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Tick {
    /// The index that it is written at.
    pub(super) at: usize,
    /// For plotly.
    pub(super) text: String,
    /// How long it is on the page.
    pub(super) chars: usize,
}

impl Plane {
    /// Lays out a grid.
    pub(super) fn new(scores: &GridScores, tokens: &[String]) -> Self {
        let axes: Vec<_> = scores.axes.iter().map(String::as_str).zip(scores.extents.iter().copied()).collect();
        let (first, others) = axes.split_at(axes.len().min(1));
        Self { rows: Side::new(first, tokens), columns: Side::new(others, tokens) }
    }
}

impl Side {
    fn new(axes: &[(&str, usize)], tokens: &[String]) -> Self {
        let title = axes.iter().map(|(axis, _)| *axis).collect::<Vec<_>>().join(" · ");
        let group = axes.iter().skip(1).map(|(_, extent)| extent).product();
        Self { title: html(&title), names: names(axes, tokens), ticks: ticks(axes, tokens, group), group }
    }

    /// The ticks that have room when each of them needs some pixels.
    pub(super) fn ticks_within(&self, pixels: usize, each: usize) -> impl Iterator<Item = &Tick> {
        let room = (pixels / each.max(1)).max(1);
        self.ticks.iter().step_by(self.ticks.len().div_ceil(room).max(1))
    }
}

fn names(axes: &[(&str, usize)], tokens: &[String]) -> Vec<String> {
    axes.iter().fold(vec![String::new()], |names, &(axis, extent)| {
        let longer = |name: &String| {
            let separator = if name.is_empty() { "" } else { ", " };
            let start = format!("{name}{separator}");
            (0..extent).map(move |index| format!("{start}{}", html(&format!("{axis} {}", tick(axis, index, tokens)))))
        };
        names.iter().flat_map(longer).collect()
    })
}

fn ticks(axes: &[(&str, usize)], tokens: &[String], group: usize) -> Vec<Tick> {
    let Some(&(name, extent)) = axes.first() else {
        return Vec::new();
    };
    let label = |index: usize| {
        let short = short(&tick(name, index, tokens), TICK_CHARS);
        Tick { at: index * group + group / 2, chars: short.chars().count(), text: html(&short) }
    };
    if group == 0 { Vec::new() } else { (0..extent).map(label).collect() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::results::example::{example, grid};

    fn plane(axes: &[&str], extents: &[usize]) -> Plane {
        Plane::new(&grid("g", axes, extents), &example().token_labels)
    }

    #[test]
    fn positions_are_columns_with_their_tokens() {
        let plane = plane(&["layer", "pos"], &[4, 8]);
        assert_eq!(plane.rows.names, ["layer 0", "layer 1", "layer 2", "layer 3"]);
        assert_eq!(plane.columns.title, "pos");
        assert_eq!(plane.columns.names[2], "pos 2: &#39; Chief&#39;");
        assert_eq!(plane.columns.ticks[0].text, "0: &#39;&lt;|endoftext…");
        assert_eq!(plane.columns.ticks[3].at, 3);
    }

    #[test]
    fn two_axes_share_the_columns() {
        let plane = plane(&["layer", "pos", "head"], &[2, 3, 4]);
        assert_eq!(plane.columns.names.len(), 12);
        assert_eq!(plane.columns.names[6], "pos 1: &#39;The&#39;, head 2");
        let at: Vec<_> = plane.columns.ticks.iter().map(|tick| tick.at).collect();
        assert_eq!(at, [2, 6, 10]);
        assert_eq!(plane.columns.title, "pos · head");
    }

    #[test]
    fn a_grid_over_layers_alone_has_one_column_without_a_name() {
        let plane = plane(&["layer"], &[4]);
        assert_eq!(plane.columns.names, [""]);
        assert!(plane.columns.ticks.is_empty() && plane.columns.title.is_empty());
    }

    #[test]
    fn ticks_thin_out_where_there_is_no_room() {
        let plane = plane(&["layer", "head"], &[2, 64]);
        let at: Vec<_> = plane.columns.ticks_within(320, 20).map(|tick| tick.at).collect();
        assert_eq!(at.len(), 16);
        assert_eq!(at[..3], [0, 4, 8]);
        assert_eq!(plane.columns.ticks_within(5000, 20).count(), 64);
    }
}
