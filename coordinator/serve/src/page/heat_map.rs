//! One grid under one metric as the page draws it, in pieces of a bounded size.

use patchsweep_core::results::{GridScores, SweepResults};
use patchsweep_results::colour::RED_WHITE_BLUE;
use patchsweep_results::figure::{Plane, Side};
use serde::{Deserialize, Serialize};

use super::source::SoFar;
use super::views::{cut, version};

/// Cells of an answer at most: about 2 MB of JSON.
const MOST_CELLS: usize = 1 << 16;

/// Iterations of an answer at most.
const MOST_FACETS: usize = 64;

/// What the page asks for.
#[derive(Debug, Deserialize)]
pub(super) struct Wanted {
    grid: String,
    /// Its name; without it the main one.
    metric: Option<String>,
    /// The first iteration that is wanted.
    #[serde(default)]
    from: usize,
}

/// Why there is no such heat map.
#[derive(Debug, thiserror::Error)]
pub(super) enum HeatMapError {
    #[error("this sweep has no such grid and metric")]
    NoGrid,
    #[error("this sweep has {iterations} iterations")]
    NoIteration { iterations: usize },
    #[error(
        "this grid has {cells} cells in each iteration, too many for this page; \
         `patchsweep results {sweep} --partial --out DIR` fetches them"
    )]
    TooLarge { cells: usize, sweep: String },
}

/// Some iterations of a grid.
#[derive(Debug, Serialize)]
pub(super) struct HeatMap {
    version: String,
    grid: String,
    metric: String,
    /// All metrics of the sweep, the main one first.
    metrics: Vec<String>,
    /// How many there are.
    iterations: usize,
    rows: SideView,
    columns: SideView,
    /// The largest effect by magnitude over all iterations, so that all facets compare.
    range: f32,
    /// From `-range` to `range`, in equal steps.
    colours: Vec<String>,
    facets: Vec<Facet>,
    /// Where the next piece begins.
    next: Option<usize>,
}

/// Rows or columns.
#[derive(Debug, Serialize)]
struct SideView {
    title: String,
    names: Vec<String>,
    ticks: Vec<TickView>,
}

#[derive(Debug, Serialize)]
struct TickView {
    at: usize,
    text: String,
}

/// One iteration: cells row by row. What is not a number becomes null.
#[derive(Debug, Serialize)]
struct Facet {
    iteration: usize,
    label: String,
    effect: Vec<f32>,
    stderr: Vec<f32>,
    status: Vec<u32>,
}

impl HeatMap {
    pub(super) fn new(so_far: &SoFar, wanted: &Wanted) -> Result<Self, HeatMapError> {
        let results = &*so_far.results;
        let (scores, metric) = find(results, wanted).ok_or(HeatMapError::NoGrid)?;
        let cells = scores.cells();
        if cells > MOST_CELLS {
            return Err(HeatMapError::TooLarge { cells, sweep: so_far.status.sweep.to_string() });
        }
        let iterations = results.iteration_labels.len();
        if wanted.from >= iterations {
            return Err(HeatMapError::NoIteration { iterations });
        }
        let piece = (MOST_CELLS / cells.max(1)).clamp(1, MOST_FACETS);
        let end = iterations.min(wanted.from + piece);
        let plane = Plane::new(scores, &results.token_labels);
        let label = |iteration: usize| &results.iteration_labels[iteration];
        Ok(Self {
            version: version(&so_far.status),
            grid: cut(&scores.grid),
            metric: cut(metric),
            metrics: results.metrics.iter().map(|metric| cut(metric)).collect(),
            iterations,
            range: range(scores),
            colours: RED_WHITE_BLUE.iter().map(|[r, g, b]| format!("#{r:02x}{g:02x}{b:02x}")).collect(),
            facets: (wanted.from..end).map(|at| Facet::new(scores, &plane, at, label(at))).collect(),
            rows: SideView::new(&plane.rows),
            columns: SideView::new(&plane.columns),
            next: (end < iterations).then_some(end),
        })
    }
}

/// The page knows names as it got them: cut.
fn find<'a>(results: &'a SweepResults, wanted: &Wanted) -> Option<(&'a GridScores, &'a String)> {
    let metric = match &wanted.metric {
        Some(name) => results.metrics.iter().position(|metric| cut(metric) == *name)?,
        None => 0,
    };
    let scores = results.grids.iter().find(|scores| scores.metric == metric && cut(&scores.grid) == wanted.grid)?;
    Some((scores, results.metrics.get(metric)?))
}

fn range(scores: &GridScores) -> f32 {
    let largest = scores.effect.iter().map(|effect| effect.abs()).filter(|effect| effect.is_finite());
    let largest = largest.fold(0.0, f32::max);
    if largest > 0.0 { largest } else { 1.0 }
}

impl SideView {
    fn new(side: &Side) -> Self {
        Self {
            title: side.title.clone(),
            names: side.names.iter().map(|name| cut(name)).collect(),
            ticks: side.ticks.iter().map(|tick| TickView { at: tick.at, text: tick.text.clone() }).collect(),
        }
    }
}

impl Facet {
    fn new(scores: &GridScores, plane: &Plane, iteration: usize, label: &str) -> Self {
        let start = iteration * scores.cells();
        let columns = 0..plane.columns.names.len();
        let rows = 0..plane.rows.names.len();
        let places: Vec<usize> =
            rows.flat_map(|row| columns.clone().map(move |column| start + plane.cell(row, column))).collect();
        Self {
            iteration,
            label: cut(label),
            effect: places.iter().map(|&place| scores.effect[place]).collect(),
            stderr: places.iter().map(|&place| scores.stderr[place]).collect(),
            status: places.iter().map(|&place| scores.status[place].number()).collect(),
        }
    }
}
