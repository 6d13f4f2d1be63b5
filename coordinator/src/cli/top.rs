//! `patchsweep top`, and the same list at the end of `run`

use std::io::{self, Write};

use patchsweep_proto::results::{GridScores, SweepResults};
use serde_json::{Map, Value, json};

use super::output::{Output, Printer};
use super::results::{fetch, pending_cells};
use super::selector::{self, Selector};
use super::{CliError, CoordinatorArgs};
use crate::results::{Failures, TopCell, cell_label, top_cells};
use crate::statistics::Statistics;

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
    printer.print(&Top::of(&results, args.k, |_| true))
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
    /// How many cells failed and why, and how many are still to be computed, if any are.
    remarks: Vec<String>,
}

impl<'a> Top<'a> {
    /// The `k` strongest cells per iteration of those grids that `show` picks.
    pub(super) fn of(results: &'a SweepResults, k: usize, show: impl Fn(&GridScores) -> bool) -> Self {
        let failures = Failures::of(results);
        let iterations = results.iteration_labels.len();
        let lists = |scores: &'a GridScores| {
            let statistics = Statistics::of(scores);
            let list = |iteration| {
                let own = scores.status.get(iteration * scores.cells()..).unwrap_or_default();
                let pending = pending_cells(own.get(..scores.cells()).unwrap_or_default());
                let cells = top_cells(scores, &statistics, iteration, k);
                let remarks = failures.of_iteration(scores, iteration).into_iter().chain(pending).collect();
                List { scores, iteration, cells, remarks }
            };
            (0..iterations).map(list).collect::<Vec<_>>()
        };
        let shown = results.grids.iter().filter(|scores| show(scores));
        Self { results, lists: shown.flat_map(lists).collect() }
    }

    fn label(&self, list: &List<'_>, cell: &TopCell) -> String {
        cell_label(list.scores, &cell.indices, &self.results.token_labels)
    }

    /// One flat record, as data frames want it.
    fn record(&self, list: &List<'_>, cell: &TopCell) -> Value {
        let scores = list.scores;
        let told = json!({
            "grid": scores.grid,
            "component": scores.component,
            "metric": self.results.metrics[scores.metric],
            "iteration": list.iteration,
            "iteration_label": self.results.iteration_labels[list.iteration],
            "label": self.label(list, cell),
            "effect": cell.effect,
            "stderr": cell.stderr,
            "between": Some(cell.between).filter(|between| !between.is_nan()),
            "low": cell.low,
            "high": cell.high,
            "p_value": cell.p_value,
            "significant": cell.is_significant,
            "status": cell.status,
        });
        let indices = scores.axes.iter().zip(&cell.indices).map(|(axis, &index)| (axis.clone(), index.into()));
        super::output::fields(told).into_iter().chain(indices).collect::<Map<_, _>>().into()
    }
}

impl Output for Top<'_> {
    fn table(&self, out: &mut dyn Write) -> io::Result<()> {
        for list in &self.lists {
            let iteration = &self.results.iteration_labels[list.iteration];
            writeln!(out, "{} · {iteration}: strongest effects", self.results.tensor_name(list.scores))?;
            for cell in &list.cells {
                writeln!(out, "  {:<24} {}", self.label(list, cell), cell.told())?;
            }
            list.remarks.iter().try_for_each(|remark| writeln!(out, "  {remark}"))?;
        }
        Ok(())
    }

    fn json(&self) -> Map<String, Value> {
        let record = |list| move |cell| self.record(list, cell);
        let records: Value = self.lists.iter().flat_map(|list| list.cells.iter().map(record(list))).collect();
        Map::from_iter([("top".to_owned(), records)])
    }

    fn quiet(&self, out: &mut dyn Write) -> io::Result<()> {
        let mut cells = self.lists.iter().flat_map(|list| list.cells.iter().map(move |cell| (list, cell)));
        cells.try_for_each(|(list, cell)| writeln!(out, "{}", self.label(list, cell)))
    }
}

#[cfg(test)]
mod tests {
    use patchsweep_proto::results::{STATUS_FAILED, STATUS_PENDING};

    use super::*;
    use crate::results::example::example;

    fn text(results: &SweepResults, k: usize) -> String {
        let mut out = Vec::new();
        let top = Top::of(results, k, |grid| grid.grid == "z" && grid.metric == 0);
        top.table(&mut out).expect("memory does not fail");
        String::from_utf8(out).expect("text")
    }

    #[test]
    fn cells_that_failed_are_counted_below_the_strongest() {
        let mut results = example();
        let whole = text(&results, 5);
        assert!(!whole.contains("failed"), "{whole}");
        let z = results.grids.iter_mut().find(|grid| grid.grid == "z").expect("z");
        z.status[0] = STATUS_FAILED;
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
        let top = Top::of(&results, 2, |_| true).json();
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
            z.status[cell] = STATUS_PENDING;
            (z.effect[cell], z.value[cell], z.stderr[cell], z.count[cell]) = (f32::NAN, f32::NAN, f32::NAN, 0);
        }
        let text = text(&results, 16);
        assert!(!text.contains("NaN"), "{text}");
        let lines: Vec<&str> = text.lines().collect();
        assert_eq!(lines.len(), 3 + 14 + 1 + 2 * 16);
        assert_eq!(lines[15], "  2 of 16 cells are still to be computed (status 4)");
    }
}
