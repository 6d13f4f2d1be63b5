//! A grid of any number of axes, laid out on rows and columns.

use patchsweep_core::results::GridScores;

use super::Drawable;
use super::directions::{GridAxis, Place, directions, offsets};
use crate::labels::tick;
use crate::text::short;

/// Most characters of a tick; what is longer is whole under the pointer.
const TICK_CHARS: usize = 16;

/// Rows and columns as [`directions`] says.
#[derive(Clone, Debug, PartialEq)]
pub struct Plane {
    /// The vertical axis.
    pub rows: Side,
    /// The horizontal axis.
    pub columns: Side,
}

/// One direction of a plane.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Side {
    /// Axis names, for people; empty where there is no axis.
    pub title: String,
    /// What each row or column is, in words.
    pub names: Vec<String>,
    /// What is written at the axis.
    pub ticks: Vec<Tick>,
    /// What each row or column adds to a cell's row-major place.
    offsets: Vec<usize>,
}

/// A label at an axis.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tick {
    /// The row or column that it is written at.
    pub at: usize,
    /// What is written.
    pub text: String,
}

impl Plane {
    /// Lays out a grid.
    #[must_use]
    pub fn new(scores: &GridScores, tokens: &[String]) -> Self {
        let [rows, columns] = directions(scores).map(|axes| Side::new(&axes, tokens));
        Self { rows, columns }
    }

    /// With labels that can be drawn.
    pub(super) fn spelled(mut self, letters: Drawable) -> Self {
        for side in [&mut self.rows, &mut self.columns] {
            let ticks = side.ticks.iter_mut().map(|tick| &mut tick.text);
            ticks.chain(&mut side.names).for_each(|text| *text = letters.spell(text));
        }
        self
    }

    /// Row-major place of a cell.
    #[must_use]
    pub fn cell(&self, row: usize, column: usize) -> usize {
        self.rows.offsets[row] + self.columns.offsets[column]
    }
}

impl Side {
    fn new(axes: &[GridAxis], tokens: &[String]) -> Self {
        Self {
            title: title(axes, tokens),
            names: names(axes, tokens),
            ticks: ticks(axes, tokens),
            offsets: offsets(axes),
        }
    }

    /// The ticks that have room when each of them needs some pixels.
    pub fn ticks_within(&self, pixels: usize, each: usize) -> impl Iterator<Item = &Tick> {
        let room = (pixels / each.max(1)).max(1);
        self.ticks.iter().step_by(self.ticks.len().div_ceil(room).max(1))
    }
}

/// What is written at a place along an axis.
fn written(axis: &GridAxis, place: &Place, tokens: &[String]) -> String {
    tick(axis.name, place.index, place.name, tokens)
}

/// The title names the index of an axis that has a single one, for no tick shows it.
fn title(axes: &[GridAxis], tokens: &[String]) -> String {
    let part = |axis: &GridAxis| match axis.places.as_slice() {
        [place] if axes.len() > 1 => format!("{} {}", axis.name, written(axis, place, tokens)),
        _ => axis.name.to_owned(),
    };
    axes.iter().map(part).collect::<Vec<_>>().join(" · ")
}

fn names(axes: &[GridAxis], tokens: &[String]) -> Vec<String> {
    axes.iter().fold(vec![String::new()], |names, axis| {
        let longer = |name: &String| {
            let separator = if name.is_empty() { "" } else { ", " };
            let start = format!("{name}{separator}{} ", axis.name);
            axis.places.iter().map(move |place| format!("{start}{}", written(axis, place, tokens)))
        };
        names.iter().flat_map(longer).collect()
    })
}

/// Of the first axis that has more than one index, in the middle of what lies at each.
fn ticks(axes: &[GridAxis], tokens: &[String]) -> Vec<Tick> {
    let first = axes.iter().position(|axis| axis.places.len() > 1).unwrap_or(0);
    let Some((outer, inner)) = axes.get(first..).and_then(<[_]>::split_first) else {
        return Vec::new();
    };
    let group: usize = inner.iter().map(|axis| axis.places.len()).product();
    let label = |(number, place): (usize, &Place)| Tick {
        at: number * group + group / 2,
        text: short(&written(outer, place, tokens), TICK_CHARS),
    };
    outer.places.iter().enumerate().map(label).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixtures::{example, grid};

    fn plane(axes: &[&str], extents: &[usize]) -> Plane {
        Plane::new(&grid("g", axes, extents), &example().token_labels)
    }

    #[test]
    fn senders_go_down_and_receivers_right() {
        let scores = grid("pairs", &["layer", "head", "to_layer", "to_head"], &[2, 3, 2, 3]);
        let plane = Plane::new(&scores, &[]);
        assert_eq!((plane.rows.title.as_str(), plane.columns.title.as_str()), ("layer · head", "to_layer · to_head"));
        assert_eq!(
            (plane.rows.names[4].as_str(), plane.columns.names[5].as_str()),
            ("layer 1, head 1", "to_layer 1, to_head 2")
        );
        assert_eq!(plane.cell(4, 5), 4 * 6 + 5);
    }

    #[test]
    fn positions_of_features_go_down() {
        let plane = plane(&["pos", "feature"], &[2, 5]);
        assert_eq!((plane.rows.title.as_str(), plane.columns.title.as_str()), ("pos", "feature"));
        assert_eq!(plane.rows.ticks[1].text, "1: 'The'");
        assert_eq!(plane.cell(1, 4), 9);
    }

    #[test]
    fn positions_are_columns_with_their_tokens() {
        let plane = plane(&["layer", "pos"], &[4, 8]);
        assert_eq!(plane.rows.names, ["layer 0", "layer 1", "layer 2", "layer 3"]);
        assert_eq!(plane.columns.title, "pos");
        assert_eq!(plane.columns.names[2], "pos 2: ' Chief'");
        assert_eq!(plane.columns.ticks[0].text, "0: '<|endoftext…");
        assert_eq!(plane.columns.ticks[3].at, 3);
    }

    #[test]
    fn two_axes_share_the_columns() {
        let plane = plane(&["layer", "pos", "head"], &[2, 3, 4]);
        assert_eq!(plane.columns.names.len(), 12);
        assert_eq!(plane.columns.names[6], "pos 1: 'The', head 2");
        let at: Vec<_> = plane.columns.ticks.iter().map(|tick| tick.at).collect();
        assert_eq!(at, [2, 6, 10]);
        assert_eq!(plane.columns.title, "pos · head");
    }

    #[test]
    fn each_layer_and_head_has_its_picture_of_attention() {
        let scores = grid("pattern", &["layer", "head", "dest_pos", "src_pos"], &[2, 3, 4, 4]);
        let plane = Plane::new(&scores, &example().token_labels);
        assert_eq!((plane.rows.title.as_str(), plane.columns.title.as_str()), ("layer · dest_pos", "head · src_pos"));
        assert_eq!((plane.rows.names.len(), plane.columns.names.len()), (8, 12));
        assert_eq!(plane.rows.names[6], "layer 1, dest_pos 2: ' Chief'");
        assert_eq!(plane.columns.names[7], "head 1, src_pos 3: ' Executive'");
        assert_eq!(scores.places(plane.cell(6, 7)), [1, 1, 2, 3]);
    }

    #[test]
    fn a_restricted_grid_shows_the_layers_and_positions_that_it_has() {
        let mut scores = grid("pattern", &["layer", "head", "dest_pos", "src_pos"], &[1, 1, 2, 3]);
        scores.indices = vec![vec![9], vec![11], vec![3, 5], vec![0, 1, 2]];
        let plane = Plane::new(&scores, &example().token_labels);
        assert_eq!(plane.rows.title, "layer 9 · dest_pos");
        assert_eq!(plane.rows.names[1], "layer 9, dest_pos 5: ' ('");
        let at: Vec<_> = plane.rows.ticks.iter().map(|tick| (tick.at, tick.text.as_str())).collect();
        assert_eq!(at, [(0, "3: ' Executive'"), (1, "5: ' ('")]);
        assert_eq!(plane.columns.ticks.len(), 3);
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
