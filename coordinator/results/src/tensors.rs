//! The one list of tensors that every file format writes.

use std::borrow::Cow;
use std::collections::BTreeSet;

use patchsweep_core::results::{Baseline, GridScores, SweepResults};

use super::analysed::Analysed;
use crate::statistics::Statistics;

/// Behind the names of tensors with a number for each prompt.
const PROMPTS: &str = ".prompts";

/// A named tensor, row-major.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Tensor<'a> {
    /// Unique in the list.
    pub(super) name: String,
    /// The grid that it belongs to; `None` for baselines.
    pub(super) grid: Option<&'a str>,
    /// \[iterations\], \[iterations, axes..\], and of what is kept of each prompt \[iterations, axes.., prompts\].
    pub(super) shape: Vec<usize>,
    /// As many values as the shape says.
    pub(super) values: Values<'a>,
}

/// The element types that numpy, safetensors and xarray all read.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Values<'a> {
    /// Effects, metrics, standard errors, intervals.
    F32(Cow<'a, [f32]>),
    /// Statuses, significance.
    U32(Cow<'a, [u32]>),
    /// Counts; signed, because few array libraries calculate with unsigned 64-bit integers.
    I64(Cow<'a, [i64]>),
}

/// Why results are not a set of tensors.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TensorError {
    /// Two tensors would overwrite each other.
    #[error("two tensors are named `{name}`; give the grid another name")]
    Duplicate {
        /// Their name.
        name: String,
    },
    /// A grid's metric is not in the list of metrics.
    #[error("grid `{grid}` has scores of metric {metric}, but there are {metrics} metrics")]
    Metric {
        /// The grid.
        grid: String,
        /// Its metric's index.
        metric: usize,
        /// Length of the list.
        metrics: usize,
    },
    /// Axes without indices, or indices without axes.
    #[error("grid `{grid}` has {axes} axes but indices along {indices}")]
    Axes {
        /// The grid.
        grid: String,
        /// How many are named.
        axes: usize,
        /// How many have indices.
        indices: usize,
    },
    /// Values and shape disagree.
    #[error("tensor `{name}` has {values} values, but its shape is {shape:?}")]
    Length {
        /// The tensor.
        name: String,
        /// How many values there are.
        values: usize,
        /// What they should fill.
        shape: Vec<usize>,
    },
}

/// All tensors of a finished sweep, and what follows from them.
pub(super) fn with_statistics<'a>(analysed: &'a Analysed<'_>) -> Result<Vec<Tensor<'a>>, TensorError> {
    let results = analysed.results();
    let mut list = tensors(results)?;
    for (scores, Statistics { low, high, p_value, significant }) in analysed.grids() {
        let tensor = |suffix, values| grid_tensor(results, scores, suffix, values);
        list.extend([
            tensor(".low", Values::F32(low.into())),
            tensor(".high", Values::F32(high.into())),
            tensor(".p_value", Values::F32(p_value.into())),
            tensor(".significant", Values::U32(significant.into())),
        ]);
    }
    refuse(&list)?;
    Ok(list)
}

/// All tensors of a finished sweep: baselines first, then grids in the order of the spec.
///
/// What this accepts is consistent: every other part of the results may index by the labels.
pub(super) fn tensors(results: &SweepResults) -> Result<Vec<Tensor<'_>>, TensorError> {
    let mut list = Vec::new();
    for (kind, rows) in [("clean", &results.clean), ("corrupted", &results.corrupted)] {
        list.extend(baselines(results, kind, rows)?);
    }
    for scores in &results.grids {
        list.extend(grid(results, scores)?);
    }
    refuse(&list)?;
    let (baselines, iterations) = (results.baselines.len(), results.iteration_labels.len());
    if baselines != iterations {
        return Err(TensorError::Length {
            name: "clean.status".to_owned(),
            values: baselines,
            shape: vec![iterations],
        });
    }
    let (lines, prompts) = (results.lines.len(), results.kept_prompts());
    if lines > 0 && prompts > 0 && lines != prompts {
        return Err(TensorError::Length { name: "line".to_owned(), values: lines, shape: vec![prompts] });
    }
    Ok(list)
}

fn baselines<'a>(results: &SweepResults, kind: &str, runs: &'a [Baseline]) -> Result<Vec<Tensor<'a>>, TensorError> {
    let metrics = results.metrics.len();
    if runs.len() != metrics {
        return Err(TensorError::Length { name: kind.to_owned(), values: runs.len(), shape: vec![metrics] });
    }
    let name = |metric: usize| match metric {
        0 => kind.to_owned(),
        metric => format!("{kind}@{}", results.metrics[metric]),
    };
    let iterations = results.iteration_labels.len();
    let of_run = |(metric, run): (usize, &'a Baseline)| {
        let tensor = |suffix, values| {
            let name = format!("{}{suffix}", name(metric));
            Tensor { name, grid: None, shape: vec![iterations], values }
        };
        let status = |(iteration, &mean): (usize, &f32)| results.baseline_status(iteration, mean).number();
        let mut list = vec![
            tensor("", Values::F32((&run.mean).into())),
            tensor(".stderr", Values::F32((&run.stderr).into())),
            tensor(".status", Values::U32(run.mean.iter().enumerate().map(status).collect())),
        ];
        if !run.per_prompt.is_empty() {
            let mut kept = tensor(PROMPTS, Values::F32((&run.per_prompt).into()));
            kept.shape.push(run.per_prompt.len() / iterations.max(1));
            list.push(kept);
        }
        list
    };
    Ok(runs.iter().enumerate().flat_map(of_run).collect())
}

fn grid<'a>(results: &SweepResults, scores: &'a GridScores) -> Result<Vec<Tensor<'a>>, TensorError> {
    let metrics = results.metrics.len();
    if scores.metric >= metrics {
        return Err(TensorError::Metric { grid: scores.grid.clone(), metric: scores.metric, metrics });
    }
    let (axes, indices) = (scores.axes.len(), scores.indices.len());
    if axes != indices {
        return Err(TensorError::Axes { grid: scores.grid.clone(), axes, indices });
    }
    let tensor = |suffix, values| grid_tensor(results, scores, suffix, values);
    let counts =
        scores.count.iter().map(|&count| i64::try_from(count).expect("prompts are counted in 32 bits")).collect();
    let mut list =
        vec![tensor("", Values::F32((&scores.effect).into())), tensor(".value", Values::F32((&scores.value).into()))];
    if !scores.normalized.is_empty() {
        list.push(tensor(".normalized", Values::F32((&scores.normalized).into())));
    }
    list.extend([
        tensor(".stderr", Values::F32((&scores.stderr).into())),
        tensor(".count", Values::I64(counts)),
        tensor(".status", Values::U32(scores.status.iter().map(|status| status.number()).collect())),
    ]);
    if !scores.estimate.is_empty() {
        list.push(tensor(".estimate", Values::F32((&scores.estimate).into())));
    }
    if !scores.between.is_empty() {
        list.push(tensor(".between", Values::F32((&scores.between).into())));
    }
    if !scores.per_prompt.is_empty() {
        let mut kept = tensor(PROMPTS, Values::F32((&scores.per_prompt).into()));
        kept.shape.push(scores.per_prompt.len() / scores.effect.len().max(1));
        list.push(kept);
    }
    Ok(list)
}

/// One number for each cell.
fn grid_tensor<'a>(results: &SweepResults, scores: &'a GridScores, suffix: &str, values: Values<'a>) -> Tensor<'a> {
    let mut shape = vec![results.iteration_labels.len()];
    shape.extend(scores.extents());
    Tensor { name: format!("{}{suffix}", results.tensor_name(scores)), grid: Some(&scores.grid), shape, values }
}

fn refuse(list: &[Tensor<'_>]) -> Result<(), TensorError> {
    let mut names = BTreeSet::new();
    for tensor in list {
        let Tensor { name, shape, values, .. } = tensor;
        let expected = shape.iter().try_fold(1_usize, |product, &extent| product.checked_mul(extent));
        if expected != Some(values.len()) {
            return Err(TensorError::Length { name: name.clone(), values: values.len(), shape: shape.clone() });
        }
        if !names.insert(name) {
            return Err(TensorError::Duplicate { name: name.clone() });
        }
    }
    Ok(())
}

impl Values<'_> {
    /// How many there are.
    pub(super) fn len(&self) -> usize {
        match self {
            Self::F32(values) => values.len(),
            Self::U32(values) => values.len(),
            Self::I64(values) => values.len(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixtures::example;

    #[test]
    fn the_main_metric_has_plain_names_and_the_others_their_metric() {
        let results = example();
        let list = tensors(&results).expect("consistent");
        let names: Vec<_> = list.iter().map(|tensor| tensor.name.as_str()).collect();
        let baselines = ["", ".stderr", ".status", "@prob", "@prob.stderr", "@prob.status"];
        assert_eq!(
            names[..12],
            ["clean", "corrupted"].map(|run| baselines.map(|part| format!("{run}{part}"))).concat()
        );
        assert_eq!(
            names[12..17],
            ["resid_pre", "resid_pre.value", "resid_pre.stderr", "resid_pre.count", "resid_pre.status"]
        );
        assert!(names.contains(&"z@prob.stderr"), "{names:?}");
        assert_eq!(list[12].shape, [3, 4, 8]);
    }

    #[test]
    fn a_normalized_metric_has_a_tensor_of_its_own() {
        let mut results = example();
        results.grids[0].normalized = results.grids[0].effect.clone();
        let list = tensors(&results).expect("consistent");
        let names: Vec<_> = list.iter().map(|tensor| tensor.name.as_str()).collect();
        assert_eq!(names[12..16], ["resid_pre", "resid_pre.value", "resid_pre.normalized", "resid_pre.stderr"]);
        results.grids[0].normalized.pop();
        assert!(matches!(tensors(&results), Err(TensorError::Length { name, .. }) if name == "resid_pre.normalized"));
    }

    #[test]
    fn what_is_kept_of_prompts_and_replicates_has_tensors_of_its_own() {
        let mut results = example();
        let names = |results: &SweepResults| -> Vec<String> {
            tensors(results).expect("consistent").into_iter().map(|tensor| tensor.name).collect()
        };
        assert!(!names(&results).iter().any(|name| name.ends_with(".between") || name.ends_with(".prompts")));
        results.grids[1].between = results.grids[1].effect.clone();
        results.grids[1].per_prompt = results.grids[1].effect.repeat(5);
        results.corrupted[1].per_prompt = results.corrupted[1].mean.repeat(5);
        let list = tensors(&results).expect("consistent");
        let shape = |name: &str| list.iter().find(|tensor| tensor.name == name).map(|tensor| tensor.shape.clone());
        assert_eq!((shape("z.between"), shape("z.prompts")), (Some(vec![3, 4, 4]), Some(vec![3, 4, 4, 5])));
        assert_eq!((shape("clean.prompts"), shape("corrupted@prob.prompts")), (None, Some(vec![3, 5])));
        results.corrupted[1].per_prompt.pop();
        let short = |results: &SweepResults| matches!(tensors(results), Err(TensorError::Length { name, .. }) if name.ends_with(PROMPTS));
        assert!(short(&results));
        results.corrupted[1].per_prompt.push(0.0);
        results.grids[1].per_prompt.pop();
        assert!(short(&results));
    }

    #[test]
    fn every_grid_has_its_statistics_under_every_metric() {
        let results = example();
        let analysed = Analysed::of(&results).expect("consistent");
        let list = with_statistics(&analysed).expect("consistent");
        for name in ["resid_pre", "z", "resid_pre@prob", "z@prob"] {
            for suffix in [".low", ".high", ".p_value", ".significant"] {
                let tensor = list.iter().find(|tensor| tensor.name == format!("{name}{suffix}")).expect("a tensor");
                let grid = list.iter().find(|tensor| tensor.name == name).expect("a grid");
                assert_eq!(tensor.shape, grid.shape);
            }
        }
        let significant = list.iter().find(|tensor| tensor.name == "z.significant").expect("a tensor");
        let Values::U32(values) = &significant.values else { panic!("unsigned numbers") };
        assert_eq!(**values, *Statistics::of(&results.grids[1]).significant);
    }

    #[test]
    fn a_tensor_of_another_length_than_its_shape_is_refused() {
        let mut results = example();
        results.grids[0].stderr.pop();
        let error = tensors(&results).expect_err("too short");
        assert_eq!(error.to_string(), "tensor `resid_pre.stderr` has 95 values, but its shape is [3, 4, 8]");
    }

    #[test]
    fn lines_of_other_prompts_than_those_that_are_kept_are_refused() {
        let mut results = example();
        results.lines = vec![3, 1];
        tensors(&results).expect("nothing of prompts is kept");
        results.clean[0].per_prompt = results.clean[0].mean.repeat(3);
        assert!(matches!(tensors(&results), Err(TensorError::Length { name, values: 2, .. }) if name == "line"));
    }

    #[test]
    fn a_missing_baseline_is_refused() {
        let mut results = example();
        results.corrupted.pop();
        assert!(matches!(tensors(&results), Err(TensorError::Length { name, .. }) if name == "corrupted"));
    }

    #[test]
    fn a_grid_named_like_another_tensor_is_refused() {
        let mut results = example();
        results.grids[0].grid = "clean".to_owned();
        assert_eq!(tensors(&results), Err(TensorError::Duplicate { name: "clean".to_owned() }));
    }

    #[test]
    fn a_metric_or_axis_that_does_not_exist_is_refused() {
        let mut results = example();
        results.grids[0].metric = 2;
        assert!(matches!(tensors(&results), Err(TensorError::Metric { metric: 2, metrics: 2, .. })));
        results.grids[0].metric = 0;
        results.grids[0].axes.pop();
        assert!(matches!(tensors(&results), Err(TensorError::Axes { axes: 1, indices: 2, .. })));
    }
}
