//! Heat maps of one grid under one metric, faceted by iteration: the same in the report and in files for papers.

mod bar;
mod directions;
mod glyphs;
mod layout;
mod pixels;
mod plane;
mod png;
mod svg;
mod view;
mod words;

use patchsweep_core::results::{GridScores, SweepResults};

use crate::statistics::Statistics;
use layout::Layout;
use view::{Cell, Mark};

pub use directions::{GridAxis, Place, directions, offsets};
pub use glyphs::Drawable;
pub use plane::{Plane, Side, Tick};
pub use png::{PngError, png};
pub use svg::{Cells, svg};
pub use view::View;

use super::text;

/// What the figures of one grid and metric are made of.
#[derive(Clone, Copy, Debug)]
pub struct Subject<'a> {
    /// Where the labels are from.
    pub results: &'a SweepResults,
    /// One of its grids, or as large as one of them.
    pub scores: &'a GridScores,
    /// Of these scores.
    pub statistics: &'a Statistics,
    /// What the scores are: `effect`, `difference`.
    pub quantity: &'a str,
}

/// Heat maps of one grid, one facet per iteration, all with one symmetric range of colours.
#[derive(Clone, Debug)]
pub struct Figure {
    heading: Option<String>,
    alternative: String,
    plane: Plane,
    layout: Layout,
    facets: Vec<Facet>,
    /// Above the colour bar, with its unit.
    quantity: [String; 2],
    range: f32,
    scale: fn(f32) -> [u8; 3],
    key: Vec<Mark>,
}

#[derive(Clone, Debug)]
struct Facet {
    title: String,
    /// Row by row, as on the plane.
    cells: Vec<Cell>,
}

impl Figure {
    /// Lays out and colours a view.
    ///
    /// `heading`: whether the figure stands alone and has to say what it shows. `letters`: which labels it can have.
    #[must_use]
    pub fn new(subject: Subject<'_>, view: View, heading: bool, letters: Drawable) -> Self {
        let Subject { results, scores, statistics, .. } = subject;
        let spelled = |labels: &[String]| -> Vec<String> { labels.iter().map(|label| letters.spell(label)).collect() };
        let plane = Plane::new(scores, &results.token_labels).spelled(letters);
        let range = view.range(scores);
        let places = plane_order(&plane);
        let facet = |(iteration, title): (usize, String)| {
            let start = iteration * scores.cells();
            let cells = places.iter().map(|place| view.cell(scores, statistics, start + place, range)).collect();
            Facet { title, cells }
        };
        let facets: Vec<Facet> = spelled(&results.iteration_labels).into_iter().enumerate().map(facet).collect();
        let has = |mark: &Mark| facets.iter().flat_map(|facet| &facet.cells).any(|cell| cell.mark == Some(*mark));
        let key: Vec<Mark> = Mark::all().filter(has).collect();
        let subject_words = letters.spell(&words::heading(subject, view));
        let heading = heading.then(|| subject_words.clone());
        let layout = Layout::new(&plane, facets.len(), heading.is_some(), &key_lengths(&key));
        let alternative = format!("Heat maps, one per iteration: {subject_words}");
        let quantity = words::quantity(subject, view);
        Self { heading, alternative, plane, layout, facets, quantity, range, scale: view.scale(), key }
    }

    /// Width and height in pixels.
    #[must_use]
    pub fn size(&self) -> (usize, usize) {
        (self.layout.width(), self.layout.height())
    }

    /// How many cells there are, in all facets.
    #[must_use]
    pub fn cells(&self) -> usize {
        self.facets.iter().map(|facet| facet.cells.len()).sum()
    }

    /// To find the cell under a pointer.
    #[must_use]
    pub fn geometry(&self) -> Geometry<'_> {
        Geometry {
            cell: self.layout.cell,
            facets: self.layout.places().map(|place| (place.x, place.y)).collect(),
            rows: &self.plane.rows.names,
            columns: &self.plane.columns.names,
        }
    }
}

/// Where the cells of a figure are, and what they are called.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Geometry<'a> {
    /// Width and height of a cell in pixels.
    pub cell: (usize, usize),
    /// Upper left corner of each facet in pixels.
    pub facets: Vec<(usize, usize)>,
    /// What each row is, in words.
    pub rows: &'a [String],
    /// What each column is, in words.
    pub columns: &'a [String],
}

/// The row-major places of an iteration's cells in the order in which they are drawn.
#[must_use]
pub fn drawing_order(scores: &GridScores) -> Vec<usize> {
    plane_order(&Plane::new(scores, &[]))
}

fn plane_order(plane: &Plane) -> Vec<usize> {
    let columns = plane.columns.names.len();
    let row = |row| (0..columns).map(move |column| (row, column));
    (0..plane.rows.names.len()).flat_map(row).map(|(row, column)| plane.cell(row, column)).collect()
}

fn key_lengths(key: &[Mark]) -> Vec<usize> {
    key.iter().map(|mark| mark.text().chars().count()).collect()
}

#[cfg(test)]
mod tests;
