//! Where the parts of a figure are, in pixels.

use super::plane::{Plane, Tick};

/// What a page gives to a figure; one with very many columns takes more.
const PAGE_WIDTH: usize = 1120;
/// Left of the first facet: the axis' name and the ticks at rows, which are at least two digits of a layer.
const LEFT: usize = 64;
/// How wide a character of a tick is.
const TICK_CHAR: usize = 7;
/// Right of the last facet: the colour bar.
const RIGHT: usize = 104;
/// A line of the figure's title.
const HEADING: usize = 26;
/// Above each row: its titles.
const TITLE: usize = 32;
/// The name of an axis.
const AXIS_NAME: usize = 22;
/// How wide a character of a title is.
const TITLE_CHAR: usize = 8;
/// Between facets of a row.
const GAP: usize = 26;
/// The facets of a row at most, however narrow.
const MOST_PER_ROW: usize = 4;
/// A column is seldom useful narrower than this, and a facet looks odd when its columns are wider than the other.
const COLUMN: (usize, usize) = (17, 54);
/// The narrowest column that can be distinguished from its neighbours.
const LEAST_COLUMN: usize = 3;
/// The narrowest facet that has room for its title.
const FACET: usize = 110;
/// What a tick needs along the axis.
const TICK: usize = 17;
/// The tallest facet, unless that makes its rows invisible.
const TALLEST: usize = 1400;
/// A line of the key to the marks.
const KEY_LINE: usize = 22;
/// Besides the text of an entry of the key: its sample, and the space behind it.
const KEY_SAMPLE: usize = 44;

/// Sizes of a figure.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Layout {
    facets: usize,
    per_row: usize,
    /// Width and height of a cell.
    pub(super) cell: (usize, usize),
    /// A facet's width.
    pub(super) facet_width: usize,
    /// A facet's height.
    pub(super) facet_height: usize,
    /// Left of the first facet: the axis' name and the ticks at rows.
    pub(super) left: usize,
    /// Below each facet: ticks and the axis' name.
    pub(super) below: usize,
    /// Whether ticks at the columns are turned.
    pub(super) turned: bool,
    has_heading: bool,
    key_lines: usize,
}

/// A facet's upper left corner.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Corner {
    pub(super) x: usize,
    pub(super) y: usize,
    /// Whether it begins a row.
    pub(super) is_first: bool,
}

impl Layout {
    /// Finds room for some facets, and for a key with entries of some characters each.
    pub(super) fn new(plane: &Plane, facets: usize, has_heading: bool, key: &[usize]) -> Self {
        let columns = plane.columns.names.len().max(1);
        let rows = plane.rows.names.len().max(1);
        let facets = facets.max(1);
        let left = LEFT.max(34 + longest(&plane.rows.ticks) * TICK_CHAR);
        let inner = PAGE_WIDTH - left - RIGHT;
        let wanted = (columns * COLUMN.0).max(FACET) + GAP;
        let fitting = ((inner + GAP) / wanted).clamp(1, MOST_PER_ROW.min(facets));
        // Five facets are better as three and two than as four and one.
        let per_row = facets.div_ceil(facets.div_ceil(fitting));
        let widest = (inner + GAP) / per_row - GAP;
        let width = (widest / columns).clamp(LEAST_COLUMN, COLUMN.1).max(FACET.div_ceil(columns));
        let height = (380 / rows).clamp(14, 38).min(TALLEST / rows).max(LEAST_COLUMN);
        let longest = longest(&plane.columns.ticks);
        // Long ticks are turned by 45 degrees; a turned character is 5 pixels high.
        let turned = longest > 3;
        let ticks = if turned { 12 + longest * 5 } else { 18 };
        let mut layout = Self {
            facets,
            per_row,
            cell: (width, height),
            facet_width: width * columns,
            facet_height: height * rows,
            left,
            below: ticks + AXIS_NAME,
            turned,
            has_heading,
            key_lines: 0,
        };
        layout.key_lines = layout.key_places(key).last().map_or(0, |&(_, line)| line + 1);
        layout
    }

    /// What a tick needs along an axis.
    pub(super) fn tick_pixels() -> usize {
        TICK
    }

    /// How many characters of a title fit above a facet.
    pub(super) fn title_chars(&self) -> usize {
        (self.facet_width + GAP) / TITLE_CHAR - 1
    }

    /// Where titles of a facet are within its width, and their SVG anchor: in the middle, if that can be seen.
    pub(super) fn title(&self) -> (usize, &'static str) {
        if self.width() > PAGE_WIDTH { (0, "start") } else { (self.facet_width / 2, "middle") }
    }

    /// Width of the figure.
    pub(super) fn width(&self) -> usize {
        self.left + self.per_row * (self.facet_width + GAP) - GAP + RIGHT
    }

    /// Height of the figure.
    pub(super) fn height(&self) -> usize {
        self.key_top() + self.key_lines * KEY_LINE
    }

    /// Where each facet is.
    pub(super) fn places(&self) -> impl Iterator<Item = Corner> {
        (0..self.facets).map(|facet| Corner {
            x: self.left + facet % self.per_row * (self.facet_width + GAP),
            y: self.top() + facet / self.per_row * self.row_height(),
            is_first: facet % self.per_row == 0,
        })
    }

    /// Upper left corner of the colour bar, which is as high as a facet.
    pub(super) fn bar(&self) -> (usize, usize) {
        (self.width() - RIGHT + 18, self.top())
    }

    /// Left edges and lines of the key's entries, of some characters each.
    pub(super) fn key_places(&self, key: &[usize]) -> Vec<(usize, usize)> {
        let (mut x, mut line) = (self.left, 0);
        let place = |&chars: &usize| {
            let width = KEY_SAMPLE + chars * TICK_CHAR;
            if x > self.left && x + width > self.width() {
                (x, line) = (self.left, line + 1);
            }
            let place = (x, line);
            x += width;
            place
        };
        key.iter().map(place).collect()
    }

    /// Upper edge of a line of the key.
    pub(super) fn key_line(&self, line: usize) -> usize {
        self.key_top() + line * KEY_LINE
    }

    fn top(&self) -> usize {
        TITLE + if self.has_heading { HEADING } else { 0 }
    }

    fn rows(&self) -> usize {
        self.facets.div_ceil(self.per_row)
    }

    fn row_height(&self) -> usize {
        self.facet_height + self.below + TITLE
    }

    fn key_top(&self) -> usize {
        self.top() + self.rows() * self.row_height() - TITLE + 6
    }
}

/// Characters of the longest tick.
fn longest(ticks: &[Tick]) -> usize {
    ticks.iter().map(|tick| tick.text.chars().count()).max().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixtures::{example, grid};

    fn layout(axes: &[&str], extents: &[usize], facets: usize) -> Layout {
        Layout::new(&Plane::new(&grid("g", axes, extents), &example().token_labels), facets, false, &[])
    }

    #[test]
    fn three_iterations_stand_side_by_side() {
        for (axes, extents) in [(["layer", "pos"], [12, 8]), (["layer", "head"], [12, 12])] {
            let layout = layout(&axes, &extents, 3);
            let places: Vec<_> = layout.places().collect();
            assert_eq!(layout.rows(), 1);
            assert!(places.windows(2).all(|pair| pair[0].x + layout.facet_width < pair[1].x));
            assert_eq!(places.iter().map(|place| place.is_first).collect::<Vec<_>>(), [true, false, false]);
        }
    }

    #[test]
    fn wide_facets_stand_one_below_the_other() {
        let layout = layout(&["layer", "pos", "head"], &[12, 8, 12], 3);
        let places: Vec<_> = layout.places().collect();
        assert!(places.iter().all(|place| place.is_first));
        assert!(places.windows(2).all(|pair| pair[0].y + layout.facet_height + layout.below < pair[1].y));
        assert!(layout.width() <= PAGE_WIDTH);
    }

    #[test]
    fn cells_stay_visible_however_many_there_are() {
        let layout = layout(&["layer", "pos", "head"], &[48, 400, 16], 1);
        assert_eq!(layout.cell, (LEAST_COLUMN, 14));
        assert!(layout.width() > PAGE_WIDTH);
        assert_eq!(layout.title(), (0, "start"), "where it is seen without scrolling");
    }

    #[test]
    fn positions_at_rows_have_room_for_their_tokens() {
        let attention = layout(&["layer", "head", "dest_pos", "src_pos"], &[1, 1, 8, 8], 3);
        assert!(attention.left > layout(&["layer", "head"], &[12, 12], 3).left);
        assert!(attention.width() <= PAGE_WIDTH);
    }

    #[test]
    fn rows_of_facets_are_of_about_one_length() {
        assert_eq!(layout(&["layer", "head"], &[4, 4], 5).per_row, 3);
        assert_eq!(layout(&["layer"], &[4], 6).per_row, 3);
        assert_eq!(layout(&["layer"], &[4], 0).per_row, 1);
    }

    #[test]
    fn a_key_goes_on_in_the_next_line() {
        let plane = Plane::new(&grid("g", &["layer"], &[4]), &[]);
        let layout = Layout::new(&plane, 1, false, &[4, 4, 4]);
        assert_eq!(layout.key_places(&[4, 4, 4]).iter().map(|place| place.1).collect::<Vec<_>>(), [0, 0, 1]);
        assert_eq!(layout.height(), layout.key_line(2));
    }
}
