//! Where the facets of a figure are, in pixels of a page that is wide enough.

use super::plane::{Plane, Tick};

/// What the page gives to a figure.
const PAGE_WIDTH: usize = 1120;
/// Left of the first facet: the axis' name and the ticks at rows, which are at least two digits of a layer.
const LEFT: usize = 64;
/// How wide a character of a tick is.
const TICK_CHAR: usize = 7;
/// Right of the last facet: the colour bar.
pub(super) const RIGHT: usize = 104;
/// Above the first row: its titles, and the tool bar above them.
pub(super) const TOP: usize = 54;
/// Above each other row: its titles.
const TITLE: usize = 30;
/// The name of an axis.
const AXIS_NAME: usize = 22;
/// How wide a character of a title is.
const TITLE_CHAR: usize = 7;
/// Between facets of a row.
const GAP: usize = 26;
/// The facets of a row at most, however narrow.
const MOST_PER_ROW: usize = 4;
/// A column is seldom useful narrower than this, and a facet looks odd when its columns are wider than the other.
const COLUMN: (usize, usize) = (17, 54);
/// The narrowest facet that has room for its title.
const FACET: usize = 110;
/// What a tick needs along the axis.
const TICK: usize = 17;
/// The tallest facet.
const TALLEST: usize = 1400;

/// Sizes of a figure.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Layout {
    facets: usize,
    per_row: usize,
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
}

/// A facet's place in fractions of the plotting area, from its lower left corner, as plotly wants it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Domain {
    /// Left and right edge.
    pub(super) x: [f64; 2],
    /// Lower and upper edge.
    pub(super) y: [f64; 2],
    /// Whether it begins a row.
    pub(super) first: bool,
}

impl Layout {
    /// Finds room for one facet per iteration.
    pub(super) fn new(plane: &Plane, facets: usize) -> Self {
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
        let facet_width = (columns * COLUMN.1).max(FACET).min(widest);
        let facet_height = (rows * (380 / rows).clamp(14, 38)).min(TALLEST);
        let longest = longest(&plane.columns.ticks);
        // Long ticks are turned by 45 degrees; a turned character is 5 pixels high.
        let turned = longest > 3;
        let ticks = if turned { 10 + longest * 5 } else { 18 };
        Self { facets, per_row, facet_width, facet_height, left, below: ticks + AXIS_NAME, turned }
    }

    /// What a tick needs along an axis.
    pub(super) fn tick_pixels() -> usize {
        TICK
    }

    /// How many characters of a title fit above a facet.
    pub(super) fn title_chars(&self) -> usize {
        (self.facet_width + GAP) / TITLE_CHAR - 1
    }

    fn rows(&self) -> usize {
        self.facets.div_ceil(self.per_row)
    }

    fn inner_width(&self) -> usize {
        self.per_row * (self.facet_width + GAP) - GAP
    }

    fn row_height(&self) -> usize {
        self.facet_height + self.below + TITLE
    }

    fn inner_height(&self) -> usize {
        self.rows() * self.row_height() - self.below - TITLE
    }

    /// Width of the figure where the page has it.
    pub(super) fn width(&self) -> usize {
        self.inner_width() + self.left + RIGHT
    }

    /// Height of the figure.
    pub(super) fn height(&self) -> usize {
        self.inner_height() + TOP + self.below
    }

    /// Where each facet is.
    pub(super) fn domains(&self) -> impl Iterator<Item = Domain> {
        let share = |pixels: usize, of: usize| fraction(pixels) / fraction(of);
        (0..self.facets).map(move |facet| {
            let left = facet % self.per_row * (self.facet_width + GAP);
            let top = facet / self.per_row * self.row_height();
            let (width, height) = (self.inner_width(), self.inner_height());
            Domain {
                x: [share(left, width), share(left + self.facet_width, width)],
                y: [share(height - top - self.facet_height, height), share(height - top, height)],
                first: facet % self.per_row == 0,
            }
        })
    }
}

/// Characters of the longest tick.
fn longest(ticks: &[Tick]) -> usize {
    ticks.iter().map(|tick| tick.chars).max().unwrap_or(0)
}

/// Pixels are few enough for any number type.
fn fraction(pixels: usize) -> f64 {
    f64::from(u32::try_from(pixels).unwrap_or(u32::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::results::example::{example, grid};

    fn layout(axes: &[&str], extents: &[usize], facets: usize) -> Layout {
        Layout::new(&Plane::new(&grid("g", axes, extents), &example().token_labels), facets)
    }

    #[test]
    fn three_iterations_stand_side_by_side() {
        for (axes, extents) in [(["layer", "pos"], [12, 8]), (["layer", "head"], [12, 12])] {
            let layout = layout(&axes, &extents, 3);
            let domains: Vec<_> = layout.domains().collect();
            assert_eq!(layout.rows(), 1);
            assert!(domains.windows(2).all(|pair| pair[0].x[1] < pair[1].x[0]));
            assert_eq!(domains.iter().map(|domain| domain.first).collect::<Vec<_>>(), [true, false, false]);
        }
    }

    #[test]
    fn wide_facets_stand_one_below_the_other() {
        let layout = layout(&["layer", "pos", "head"], &[12, 8, 12], 3);
        let domains: Vec<_> = layout.domains().collect();
        assert!(domains.iter().all(|domain| domain.first));
        assert!(domains.windows(2).all(|pair| pair[0].y[0] > pair[1].y[1]));
        assert!(layout.width() <= PAGE_WIDTH);
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
}
