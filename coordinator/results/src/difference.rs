//! What differs between two sweeps, cell by cell.

mod baseline;
mod grid;
mod unlike;

use std::io;

use patchsweep_core::results::{Baseline, GridScores, SweepResults};

use super::analysed::Analysed;
use super::tensors::{TensorError, tensors, with_statistics};
use super::{ResultsError, csv};

/// One sweep minus another, where they have the same cells.
#[derive(Clone, Debug, PartialEq)]
pub struct Difference {
    /// A sweep of differences: what both have, of the first minus of the second.
    pub results: SweepResults,
    /// Names of the first sweep and the second.
    pub names: [String; 2],
    /// How the standard error of each grid's differences was made.
    pub pairings: Vec<Pairing>,
    /// What has no counterpart or is not the same in both, one line each.
    pub remarks: Vec<String>,
}

/// How the standard error of a difference is made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pairing {
    /// From the differences prompt by prompt.
    Paired,
    /// From both standard errors, as if the prompts had nothing to do with each other.
    Independent,
}

/// An iteration, metric or grid's place in both sweeps.
#[derive(Clone, Copy, Debug)]
struct Pair {
    first: usize,
    second: usize,
}

impl Difference {
    /// Matches iterations and metrics by name and grids by name, axes and coordinates.
    pub fn between(first: &SweepResults, second: &SweepResults) -> Result<Self, TensorError> {
        // What is a set of tensors can be indexed by its labels.
        for sweep in [first, second] {
            tensors(sweep)?;
        }
        Ok(Self::of_consistent(first, second))
    }

    fn of_consistent(first: &SweepResults, second: &SweepResults) -> Self {
        let mut remarks = Vec::new();
        let manifests = [first, second].map(|sweep| serde_json::from_str(&sweep.manifest).unwrap_or_default());
        remarks.extend(unlike::inputs(&manifests));
        if first.token_labels != second.token_labels {
            remarks.push("the first prompts differ; positions carry the tokens of the first sweep".to_owned());
        }
        let labels = [&first.iteration_labels, &second.iteration_labels];
        let iterations = pairs("iteration", labels.map(Vec::as_slice), &mut remarks);
        let metrics = pairs("metric", [&first.metrics, &second.metrics].map(Vec::as_slice), &mut remarks);
        let names =
            [first, second].map(|sweep| sweep.grids.iter().map(|grid| long_name(sweep, grid)).collect::<Vec<_>>());
        let grids = pairs("grid", [&names[0], &names[1]].map(Vec::as_slice), &mut remarks);

        for pair in &iterations {
            remarks.extend(unlike::iteration(&first.iteration_labels[pair.first], &manifests));
        }
        for pair in &metrics {
            remarks.extend(unlike::metric(&first.metrics[pair.first], &manifests));
        }
        let has_same_prompts = unlike::has_same_prompts(&manifests);
        let mut differences = Vec::new();
        for pair in grids {
            let (a, b) = (&first.grids[pair.first], &second.grids[pair.second]);
            let Some(metric) = metrics.iter().position(|metric| metric.first == a.metric) else { continue };
            let name = &names[0][pair.first];
            if a.has_cells_of(b) {
                remarks.extend(unlike::writes(name, [a, b], &manifests));
                differences.push(GridScores { metric, ..grid::difference(a, b, &iterations, has_same_prompts) });
            } else {
                remarks.push(format!("grid `{name}` has other axes or coordinates in the second sweep"));
            }
        }
        let runs = |a: &[Baseline], b: &[Baseline]| -> Vec<Baseline> {
            let run = |metric: &Pair| (&a[metric.first], &b[metric.second]);
            metrics.iter().map(run).map(|(a, b)| baseline::difference(a, b, &iterations, has_same_prompts)).collect()
        };
        let pairing =
            |scores: &GridScores| if scores.per_prompt.is_empty() { Pairing::Independent } else { Pairing::Paired };
        let kept = |pairs: &[Pair], names: &[String]| pairs.iter().map(|pair| names[pair.first].clone()).collect();
        Self {
            names: [first, second].map(|sweep| sweep.name.clone()),
            pairings: differences.iter().map(pairing).collect(),
            results: SweepResults {
                name: format!("{} − {}", first.name, second.name),
                iteration_labels: kept(&iterations, &first.iteration_labels),
                token_labels: first.token_labels.clone(),
                lines: first.lines.clone(),
                metrics: kept(&metrics, &first.metrics),
                clean: runs(&first.clean, &second.clean),
                corrupted: runs(&first.corrupted, &second.corrupted),
                baselines: iterations
                    .iter()
                    .map(|pair| grid::status(first.baselines[pair.first], second.baselines[pair.second]))
                    .collect(),
                grids: differences,
                manifest: "{}".to_owned(),
                replicates: 1,
            },
            remarks,
        }
    }
}

/// A difference with the statistics of each grid.
#[derive(Clone, Debug)]
pub struct Compared<'a> {
    difference: &'a Difference,
    analysed: Analysed<'a>,
}

impl<'a> Compared<'a> {
    /// Of a difference.
    pub fn of(difference: &'a Difference) -> Result<Self, TensorError> {
        Ok(Self { difference, analysed: Analysed::of(&difference.results)? })
    }

    /// What was analysed.
    #[must_use]
    pub fn difference(&self) -> &'a Difference {
        self.difference
    }

    /// The differences, as what looks like a sweep.
    #[must_use]
    pub fn analysed(&self) -> &Analysed<'a> {
        &self.analysed
    }

    /// Writes a table with one line for each cell, iteration and metric that both have: the columns of `scores.csv`, and how the
    /// standard error was made.
    pub fn write_csv(&self, writer: impl io::Write) -> Result<(), ResultsError> {
        let words: Vec<&str> = self.difference.pairings.iter().map(|pairing| pairing.word()).collect();
        let tensors = with_statistics(&self.analysed)?;
        csv::write_with(self.analysed.results(), &tensors, Some(("pairing", &words)), writer)
            .map_err(|error| ResultsError::Differences(error.into()))
    }
}

impl Pairing {
    fn word(self) -> &'static str {
        match self {
            Self::Paired => "paired",
            Self::Independent => "independent",
        }
    }
}

/// Unlike a tensor's name, this does not depend on which metric comes first.
fn long_name(sweep: &SweepResults, grid: &GridScores) -> String {
    format!("{}@{}", grid.grid, sweep.metrics[grid.metric])
}

/// What both have, in the first one's order; what one of them lacks is remarked, and what has no name of its own.
fn pairs(kind: &str, [first, second]: [&[String]; 2], remarks: &mut Vec<String>) -> Vec<Pair> {
    let mut pairs = Vec::new();
    let count = |names: &[String], name: &String| names.iter().filter(|other| *other == name).count();
    for (place, name) in first.iter().enumerate() {
        if count(first, name).max(count(second, name)) > 1 {
            if !first[..place].contains(name) {
                remarks.push(format!("{kind} `{name}` is left out: there are several of that name"));
            }
            continue;
        }
        match second.iter().position(|other| other == name) {
            Some(second) => pairs.push(Pair { first: place, second }),
            None => remarks.push(format!("{kind} `{name}` is only in the first sweep")),
        }
    }
    let is_missing = |name: &&String| !first.contains(name);
    remarks.extend(second.iter().filter(is_missing).map(|name| format!("{kind} `{name}` is only in the second sweep")));
    pairs
}

#[cfg(test)]
mod tests;
