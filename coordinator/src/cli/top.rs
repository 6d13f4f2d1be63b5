//! `patchsweep top`, and the same list at the end of `run`

use std::collections::BTreeMap;
use std::io::{self, Write};

use patchsweep_core::results::{Coordinate, GridScores, SweepResults};
use patchsweep_results::statistics::Statistics;
use patchsweep_results::{Analysed, Failures, NotFinite, TopCell, cell_label, top_cells};
use schemars::JsonSchema;
use serde::Serialize;

use super::output::{Output, Printer, finite};
use super::results::{fetch, not_finite, pending_cells};
use super::selector::{self, Selector};
use super::{CliError, CoordinatorArgs};

#[derive(Debug, clap::Args)]
pub(super) struct TopArgs {
    /// Id of the sweep, its beginning, or `last`.
    sweep: Selector,
    /// How many cells per grid and iteration.
    #[arg(short, default_value_t = 5, value_name = "N")]
    k: usize,
    /// What there is so far of a sweep that runs, failed or was cancelled.
    #[arg(long)]
    partial: bool,
    #[command(flatten)]
    coordinator: CoordinatorArgs,
}

pub(super) async fn top(args: TopArgs, printer: Printer) -> Result<(), CliError> {
    let mut client = args.coordinator.connect().await?;
    let sweep = selector::one(&mut client, &args.sweep).await?;
    let results = fetch(&mut client, &sweep, args.partial).await?;
    let analysed = Analysed::of(&results)?;
    printer.print(&Top::of(&analysed, args.k, |_| true))?;
    not_finite(&sweep.0, &results)
}

/// The strongest cells of each grid in each iteration.
pub(super) struct Top<'a> {
    results: &'a SweepResults,
    lists: Vec<List<'a>>,
}

struct List<'a> {
    scores: &'a GridScores,
    iteration: usize,
    cells: Vec<TopCell>,
    /// How many cells failed or are not finite, and why, and how many are still to be computed, if any are.
    remarks: Vec<String>,
}

#[derive(Serialize, JsonSchema)]
pub(super) struct TopFields {
    /// One flat record for each cell, as data frames want them.
    top: Vec<CellFields>,
}

#[derive(Serialize, JsonSchema)]
#[schemars(extend("x-others" = "The cell's index along each axis of its grid: `layer`, `head`, `pos`, .."))]
struct CellFields {
    /// The grid's name.
    grid: String,
    /// What is patched.
    component: String,
    /// The metric's name.
    metric: String,
    /// The iteration, from 0.
    iteration: usize,
    /// The iteration's label.
    iteration_label: String,
    /// The cell in words.
    label: String,
    /// Its mean effect.
    effect: Option<f32>,
    /// Standard error of the mean; null for a single prompt.
    stderr: Option<f32>,
    /// Standard deviation between replicates; null where there are none.
    between: Option<f32>,
    /// Lower end of the 95 % interval; null where there is none.
    low: Option<f32>,
    /// Upper end.
    high: Option<f32>,
    /// Of the test against no effect; null where there was none.
    p_value: Option<f32>,
    /// Whether the effect is not 0, after the correction for all tests of the grid.
    significant: bool,
    /// How the score came about: [numbers](results.md).
    status: u32,
    #[serde(flatten)]
    indices: BTreeMap<String, Coordinate>,
}

impl<'a> Top<'a> {
    /// The `k` strongest cells per iteration of those grids that `show` picks.
    pub(super) fn of(analysed: &Analysed<'a>, k: usize, show: impl Fn(&GridScores) -> bool) -> Self {
        let results = analysed.results();
        let (failures, overflows) = (Failures::of(results), NotFinite::of(results));
        let iterations = results.iteration_labels.len();
        let lists = |(scores, statistics): (&'a GridScores, &Statistics)| {
            let list = |iteration| {
                let own = scores.status.get(iteration * scores.cells()..).unwrap_or_default();
                let pending = pending_cells(own.get(..scores.cells()).unwrap_or_default());
                let cells = top_cells(scores, statistics, iteration, k);
                let lacks =
                    [failures.of_iteration(scores, iteration), overflows.of_iteration(scores, iteration), pending];
                let remarks = lacks.into_iter().flatten().collect();
                List { scores, iteration, cells, remarks }
            };
            (0..iterations).map(list).collect::<Vec<_>>()
        };
        let shown = analysed.grids().filter(|(scores, _)| show(scores));
        Self { results, lists: shown.flat_map(lists).collect() }
    }

    fn label(&self, list: &List<'_>, cell: &TopCell) -> String {
        cell_label(list.scores, &cell.indices, &self.results.token_labels)
    }

    fn record(&self, list: &List<'_>, cell: &TopCell) -> CellFields {
        let scores = list.scores;
        let coordinate = |(axis, &index): (usize, &u32)| scores.coordinate(axis, index);
        let indices = scores.axes.iter().cloned().zip(cell.indices.iter().enumerate().map(coordinate));
        CellFields {
            grid: scores.grid.clone(),
            component: scores.component.clone(),
            metric: self.results.metrics[scores.metric].clone(),
            iteration: list.iteration,
            iteration_label: self.results.iteration_labels[list.iteration].clone(),
            label: self.label(list, cell),
            effect: finite(cell.effect),
            stderr: finite(cell.stderr),
            between: finite(cell.between),
            low: finite(cell.low),
            high: finite(cell.high),
            p_value: finite(cell.p_value),
            significant: cell.is_significant,
            status: cell.status.number(),
            indices: indices.collect(),
        }
    }
}

impl Output for Top<'_> {
    type Fields = TopFields;

    fn table(&self, out: &mut dyn Write) -> io::Result<()> {
        for list in &self.lists {
            let iteration = &self.results.iteration_labels[list.iteration];
            let name = self.results.tensor_name(list.scores);
            if list.cells.is_empty() && !list.scores.estimate.is_empty() {
                writeln!(out, "{name} · {iteration}: estimated, no effect was computed; see {name}.estimate")?;
                continue;
            }
            writeln!(out, "{name} · {iteration}: strongest effects")?;
            for cell in &list.cells {
                writeln!(out, "  {:<24} {}", self.label(list, cell), cell.described())?;
            }
            list.remarks.iter().try_for_each(|remark| writeln!(out, "  {remark}"))?;
        }
        Ok(())
    }

    fn fields(&self) -> TopFields {
        let record = |list| move |cell| self.record(list, cell);
        TopFields { top: self.lists.iter().flat_map(|list| list.cells.iter().map(record(list))).collect() }
    }

    fn quiet(&self, out: &mut dyn Write) -> io::Result<()> {
        let mut cells = self.lists.iter().flat_map(|list| list.cells.iter().map(move |cell| (list, cell)));
        cells.try_for_each(|(list, cell)| writeln!(out, "{}", self.label(list, cell)))
    }
}

#[cfg(test)]
mod tests {
    use patchsweep_core::results::CellStatus;
    use patchsweep_results::fixtures::example;
    use serde_json::json;

    use serde_json::Value;

    use super::*;

    fn text(results: &SweepResults, k: usize) -> String {
        let mut out = Vec::new();
        let analysed = Analysed::of(results).expect("consistent");
        let top = Top::of(&analysed, k, |grid| grid.grid == "z" && grid.metric == 0);
        top.table(&mut out).expect("memory does not fail");
        String::from_utf8(out).expect("text")
    }

    #[test]
    fn cells_that_failed_are_counted_below_the_strongest() {
        let mut results = example();
        let whole = text(&results, 5);
        assert!(!whole.contains("failed"), "{whole}");
        let z = results.grids.iter_mut().find(|grid| grid.grid == "z").expect("z");
        z.status[0] = CellStatus::Failed;
        (z.effect[0], z.value[0], z.stderr[0], z.count[0]) = (f32::NAN, f32::NAN, f32::NAN, 0);
        let text = text(&results, 16);
        assert!(!text.contains("NaN"), "{text}");
        let lines: Vec<&str> = text.lines().collect();
        assert_eq!(lines.len(), 3 + 15 + 1 + 2 * 16);
        assert_eq!(lines[16], "  1 of 16 cells failed (status 3): manifest.json says why");
    }

    #[test]
    fn records_are_flat_and_carry_the_indices_by_their_axes() {
        let results = example();
        let analysed = Analysed::of(&results).expect("consistent");
        let top = json!(Top::of(&analysed, 2, |_| true).fields());
        let records = top["top"].as_array().expect("a list");
        assert_eq!(records.len(), 2 * results.iteration_labels.len() * results.grids.len());
        let flat = |value: &Value| !value.is_object() && !value.is_array();
        assert!(records.iter().all(|record| record.as_object().expect("a record").values().all(flat)));
        let head = records.iter().find(|record| record["grid"] == "z").expect("a head");
        assert_eq!(head["label"], format!("{}.{}", head["layer"], head["head"]));
        assert_eq!((&head["iteration"], &head["status"]), (&json!(0), &json!(0)));
        assert!(head["effect"].is_number() && head["stderr"].is_number(), "{head}");
    }

    #[test]
    fn cells_that_are_pending_are_left_out_and_counted() {
        let mut results = example();
        let z = results.grids.iter_mut().find(|grid| grid.grid == "z").expect("z");
        for cell in [0, 3] {
            z.status[cell] = CellStatus::Pending;
            (z.effect[cell], z.value[cell], z.stderr[cell], z.count[cell]) = (f32::NAN, f32::NAN, f32::NAN, 0);
        }
        let text = text(&results, 16);
        assert!(!text.contains("NaN"), "{text}");
        let lines: Vec<&str> = text.lines().collect();
        assert_eq!(lines.len(), 3 + 14 + 1 + 2 * 16);
        assert_eq!(lines[15], "  2 of 16 cells are still to be computed (status 4)");
    }
}
