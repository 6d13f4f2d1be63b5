//! What differs between two sweeps, cell by cell.

use patchsweep_core::results::{CellStatus, GridScores, SweepResults};
use serde_json::Value;

use super::analysed::Analysed;
use super::tensors::{TensorError, tensors};

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
        remarks.extend(differing_inputs(&manifests));
        if first.token_labels != second.token_labels {
            remarks.push("the first prompts differ; positions carry the tokens of the first sweep".to_owned());
        }
        let labels = [&first.iteration_labels, &second.iteration_labels];
        let iterations = pairs("iteration", labels.map(Vec::as_slice), &mut remarks);
        let metrics = pairs("metric", [&first.metrics, &second.metrics].map(Vec::as_slice), &mut remarks);
        let names =
            [first, second].map(|sweep| sweep.grids.iter().map(|grid| long_name(sweep, grid)).collect::<Vec<_>>());
        let grids = pairs("grid", [&names[0], &names[1]].map(Vec::as_slice), &mut remarks);

        let has_same_prompts = has_same_prompts(&manifests);
        let mut differences = Vec::new();
        for pair in grids {
            let (a, b) = (&first.grids[pair.first], &second.grids[pair.second]);
            let Some(metric) = metrics.iter().position(|metric| metric.first == a.metric) else { continue };
            if (&a.axes, &a.indices) == (&b.axes, &b.indices) {
                differences.push(GridScores { metric, ..grid(a, b, &iterations, has_same_prompts) });
            } else {
                let name = &names[0][pair.first];
                remarks.push(format!("grid `{name}` has other axes or coordinates in the second sweep"));
            }
        }
        let rows = |a: &[Vec<f32>], b: &[Vec<f32>]| -> Vec<Vec<f32>> {
            let row = |metric: &Pair| {
                let value = |pair: &Pair| a[metric.first][pair.first] - b[metric.second][pair.second];
                iterations.iter().map(value).collect()
            };
            metrics.iter().map(row).collect()
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
                metrics: kept(&metrics, &first.metrics),
                clean: rows(&first.clean, &second.clean),
                corrupted: rows(&first.corrupted, &second.corrupted),
                baselines: iterations
                    .iter()
                    .map(|pair| status(first.baselines[pair.first], second.baselines[pair.second]))
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
}

/// Unlike a tensor's name, this does not depend on which metric comes first.
fn long_name(sweep: &SweepResults, grid: &GridScores) -> String {
    format!("{}@{}", grid.grid, sweep.metrics[grid.metric])
}

/// What both have, in the first one's order; what one of them lacks is remarked.
fn pairs(kind: &str, [first, second]: [&[String]; 2], remarks: &mut Vec<String>) -> Vec<Pair> {
    let mut pairs = Vec::new();
    for (place, name) in first.iter().enumerate() {
        match second.iter().position(|other| other == name) {
            Some(second) => pairs.push(Pair { first: place, second }),
            None => remarks.push(format!("{kind} `{name}` is only in the first sweep")),
        }
    }
    let is_missing = |name: &&String| !first.contains(name);
    remarks.extend(second.iter().filter(is_missing).map(|name| format!("{kind} `{name}` is only in the second sweep")));
    pairs
}

fn differing_inputs([first, second]: &[Value; 2]) -> Vec<String> {
    let inputs = [
        ("/direction", "the direction of patching"),
        ("/model/name", "the model"),
        ("/model/digest", "the model's weights"),
        ("/model/dtype", "the dtype"),
        ("/dataset/digest", "the dataset"),
        ("/dataset/prompts", "the number of prompts"),
        ("/dataset/seed", "the seed of the dataset"),
        ("/dataset/corruption_seed", "the seed of the corruption"),
    ];
    let differs = |(pointer, _): &(&str, &str)| first.pointer(pointer) != second.pointer(pointer);
    let shown = |value: Option<&Value>| {
        let text = value.map_or_else(|| "unknown".to_owned(), Value::to_string);
        super::text::short(text.trim_matches('"'), 24)
    };
    let remark = |(pointer, what): (&str, &str)| {
        format!("{what} differs: {} and {}", shown(first.pointer(pointer)), shown(second.pointer(pointer)))
    };
    inputs.into_iter().filter(differs).map(remark).collect()
}

fn has_same_prompts([first, second]: &[Value; 2]) -> bool {
    let same = |field: &str| first["dataset"].get(field) == second["dataset"].get(field);
    first["dataset"]["digest"].is_string() && ["digest", "prompts", "seed"].into_iter().all(same)
}

fn grid(a: &GridScores, b: &GridScores, iterations: &[Pair], has_same_prompts: bool) -> GridScores {
    let cells = a.cells();
    let place =
        |pair: &Pair, cell: usize| Pair { first: pair.first * cells + cell, second: pair.second * cells + cell };
    let places: Vec<Pair> = iterations.iter().flat_map(|pair| (0..cells).map(move |cell| place(pair, cell))).collect();
    let minus = |of: fn(&GridScores) -> &[f32]| -> Vec<f32> {
        places.iter().map(|place| of(a)[place.first] - of(b)[place.second]).collect()
    };
    let per_prompt = if has_same_prompts { prompt_by_prompt(a, b, &places) } else { Vec::new() };
    let stderr = if per_prompt.is_empty() {
        places.iter().map(|place| a.stderr[place.first].hypot(b.stderr[place.second])).collect()
    } else {
        per_prompt.chunks(per_prompt.len() / places.len()).map(standard_error).collect()
    };
    let effect = minus(|scores| &scores.effect);
    let status = |(place, effect): (&Pair, &f32)| match status(a.status[place.first], b.status[place.second]) {
        CellStatus::Computed if !effect.is_finite() => CellStatus::NotFinite,
        status => status,
    };
    GridScores {
        status: places.iter().zip(&effect).map(status).collect(),
        effect,
        value: minus(|scores| &scores.value),
        normalized: Vec::new(),
        stderr,
        count: places.iter().map(|place| a.count[place.first].min(b.count[place.second])).collect(),
        per_prompt,
        between: Vec::new(),
        estimate: Vec::new(),
        ..a.clone()
    }
}

/// Differences \[cells, prompts\]; empty where one of both has no scores of single prompts.
fn prompt_by_prompt(a: &GridScores, b: &GridScores, places: &[Pair]) -> Vec<f32> {
    let prompts = |scores: &GridScores| scores.per_prompt.len().checked_div(scores.effect.len()).unwrap_or(0);
    let count = prompts(a);
    if count == 0 || count != prompts(b) {
        return Vec::new();
    }
    let row = |scores: &GridScores, place: usize| scores.per_prompt[place * count..][..count].to_vec();
    let difference = |place: &Pair| {
        let rows = row(a, place.first).into_iter().zip(row(b, place.second));
        rows.map(|(a, b)| a - b).collect::<Vec<_>>()
    };
    places.iter().flat_map(difference).collect()
}

/// s / sqrt(n) with the sample standard deviation s; NaN for a single prompt.
#[expect(clippy::cast_possible_truncation, clippy::cast_precision_loss, reason = "prompts are few; scores are float32")]
fn standard_error(differences: &[f32]) -> f32 {
    let n = differences.len() as f64;
    let mean = differences.iter().copied().map(f64::from).sum::<f64>() / n;
    let squares: f64 = differences.iter().map(|&difference| (f64::from(difference) - mean).powi(2)).sum();
    (squares / (n - 1.0) / n).sqrt() as f32
}

/// The difference is worth as much as the lesser of both.
fn status(a: CellStatus, b: CellStatus) -> CellStatus {
    let either = [CellStatus::Failed, CellStatus::Pending, CellStatus::NotDrawn, CellStatus::NotFinite]
        .into_iter()
        .find(|status| [a, b].contains(status));
    either.unwrap_or(if a == CellStatus::NoOp && b == CellStatus::NoOp {
        CellStatus::NoOp
    } else {
        CellStatus::Computed
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixtures::{example, example_with_failures};

    fn difference(first: &SweepResults, second: &SweepResults) -> Difference {
        Difference::between(first, second).expect("consistent")
    }

    #[test]
    fn a_sweep_minus_itself_is_zero_everywhere() {
        let mut sweep = example();
        sweep.grids[0].effect[17] = 0.0;
        sweep.grids[0].status[17] = CellStatus::Computed;
        let difference = difference(&sweep, &sweep);
        assert_eq!(difference.results.grids.len(), sweep.grids.len());
        assert!(difference.results.grids.iter().all(|grid| grid.effect.iter().all(|&effect| effect == 0.0)));
        assert!(difference.remarks.is_empty(), "{:?}", difference.remarks);
    }

    #[test]
    fn standard_errors_of_unrelated_prompts_add_up_as_squares() {
        let (mut a, mut b) = (example(), example());
        (a.grids[0].effect[5], a.grids[0].stderr[5]) = (3.0, 0.3);
        (b.grids[0].effect[5], b.grids[0].stderr[5]) = (1.0, 0.4);
        let difference = difference(&a, &b);
        let grid = &difference.results.grids[0];
        assert!((grid.effect[5] - 2.0).abs() < 1e-6 && (grid.stderr[5] - 0.5).abs() < 1e-6);
        assert_eq!(difference.pairings[0], Pairing::Independent);
    }

    #[test]
    fn the_same_prompts_are_compared_prompt_by_prompt() {
        let (mut a, mut b) = (example(), example());
        for sweep in [&mut a, &mut b] {
            sweep.manifest = r#"{"dataset":{"digest":"ab","prompts":2,"seed":0}}"#.to_owned();
        }
        let places = a.grids[1].effect.len();
        a.grids[1].per_prompt = [10.0, 1.0].repeat(places);
        b.grids[1].per_prompt = [9.0, -2.0].repeat(places);
        let paired = difference(&a, &b);
        assert_eq!((paired.pairings[0], paired.pairings[1]), (Pairing::Independent, Pairing::Paired));
        // The differences are 1 and 3: s = sqrt(2), over sqrt(2).
        assert!((paired.results.grids[1].stderr[0] - 1.0).abs() < 1e-6);

        b.manifest = r#"{"dataset":{"digest":"cd","prompts":2,"seed":0}}"#.to_owned();
        let other = difference(&a, &b);
        assert_eq!(other.pairings[1], Pairing::Independent);
        assert_eq!(other.remarks, ["the dataset differs: ab and cd"]);
    }

    #[test]
    fn what_has_no_counterpart_is_remarked() {
        let (mut a, mut b) = (example(), example());
        a.grids.pop();
        b.iteration_labels[0] = "first".to_owned();
        b.grids[0].indices[0][0] = 9;
        let difference = difference(&a, &b);
        assert_eq!(
            difference.remarks,
            [
                "iteration `Iteration 0` is only in the first sweep",
                "iteration `first` is only in the second sweep",
                "grid `z@prob` is only in the second sweep",
                "grid `resid_pre@logit_diff` has other axes or coordinates in the second sweep",
            ]
        );
        assert_eq!(difference.results.iteration_labels, ["Iteration 1", "Iteration 2"]);
        let z = &difference.results.grids[0];
        assert_eq!((z.grid.as_str(), z.effect.len()), ("z", 2 * 16));
        assert!(z.effect.iter().all(|&effect| effect == 0.0), "iterations are matched by label");
    }

    #[test]
    fn a_cell_that_one_of_both_lacks_has_no_difference() {
        let difference = difference(&example(), &example_with_failures());
        let grid = &difference.results.grids[0];
        assert_eq!(grid.status[3], CellStatus::Failed);
        assert!(grid.effect[3].is_nan());
        assert_eq!(status(CellStatus::NoOp, CellStatus::Computed), CellStatus::Computed);
        assert_eq!(status(CellStatus::NoOp, CellStatus::NoOp), CellStatus::NoOp);
        assert_eq!(difference.results.baselines, [CellStatus::Computed, CellStatus::Failed, CellStatus::Computed]);
    }

    #[test]
    fn a_difference_that_is_no_number_says_so() {
        let (mut a, b) = (example(), example());
        assert_eq!(difference(&a, &b).results.grids[0].status[17], CellStatus::NotFinite, "as in both");
        (a.grids[1].effect[3], a.grids[1].status[3]) = (f32::INFINITY, CellStatus::Computed);
        assert_eq!(difference(&a, &b).results.grids[1].status[3], CellStatus::NotFinite);
    }
}
