//! `SweepResults`.

use super::WireError;
use crate::v1;
use patchsweep_core::length;
use patchsweep_core::results::{Baseline, CellStatus, GridScores, SweepResults};

const RESULTS: &str = "SweepResults";

impl From<SweepResults> for v1::SweepResults {
    fn from(results: SweepResults) -> Self {
        Self {
            name: results.name,
            iteration_labels: results.iteration_labels,
            token_labels: results.token_labels,
            lines: results.lines,
            metrics: results.metrics,
            clean: results.clean.into_iter().map(Into::into).collect(),
            corrupted: results.corrupted.into_iter().map(Into::into).collect(),
            baselines: numbers(&results.baselines),
            grids: results.grids.into_iter().map(Into::into).collect(),
            manifest: results.manifest,
            replicates: if results.replicates > 1 { results.replicates } else { 0 },
        }
    }
}

impl TryFrom<v1::SweepResults> for SweepResults {
    type Error = WireError;

    fn try_from(wire: v1::SweepResults) -> Result<Self, WireError> {
        let iterations = wire.iteration_labels.len();
        if iterations == 0 || wire.metrics.is_empty() {
            return Err(WireError::invalid(RESULTS, "metrics", "no metric or no iteration"));
        }
        for (field, runs) in [("clean", &wire.clean), ("corrupted", &wire.corrupted)] {
            if runs.len() != wire.metrics.len() {
                return Err(WireError::invalid(RESULTS, field, "not [metrics]"));
            }
            runs.iter().try_for_each(|run| refuse_run(run, iterations))?;
        }
        let baselines = statuses(&wire.baselines, RESULTS, "baselines")?;
        if baselines.len() != iterations {
            return Err(WireError::invalid(RESULTS, "baselines", "not [iterations]"));
        }
        let grids = wire.grids.into_iter().map(GridScores::try_from).collect::<Result<Vec<_>, _>>()?;
        for grid in &grids {
            refuse_grid(grid, wire.metrics.len(), iterations)?;
        }
        Ok(Self {
            clean: wire.clean.into_iter().map(Into::into).collect(),
            corrupted: wire.corrupted.into_iter().map(Into::into).collect(),
            baselines,
            name: wire.name,
            iteration_labels: wire.iteration_labels,
            token_labels: wire.token_labels,
            lines: wire.lines,
            metrics: wire.metrics,
            grids,
            manifest: wire.manifest,
            replicates: wire.replicates.max(1),
        })
    }
}

fn refuse_run(run: &v1::BaselineScores, iterations: usize) -> Result<(), WireError> {
    if [run.mean.len(), run.stderr.len()] != [iterations; 2] {
        return Err(WireError::invalid("BaselineScores", "mean", "tensors are not [iterations]"));
    }
    if !run.per_prompt.len().is_multiple_of(iterations) {
        return Err(WireError::invalid("BaselineScores", "per_prompt", "not [iterations, prompts]"));
    }
    Ok(())
}

fn refuse_grid(grid: &GridScores, metrics: usize, iterations: usize) -> Result<(), WireError> {
    let cells = grid.extents().into_iter().try_fold(iterations, usize::checked_mul);
    let lengths = [grid.effect.len(), grid.value.len(), grid.stderr.len(), grid.count.len(), grid.status.len()];
    if grid.metric >= metrics || grid.axes.len() != grid.indices.len() {
        return Err(WireError::invalid("GridScores", "axes", "do not fit the metrics and indices"));
    }
    let are_others = |(names, indices): (&Vec<String>, &Vec<u32>)| !names.is_empty() && names.len() != indices.len();
    if grid.names.iter().zip(&grid.indices).any(are_others) {
        return Err(WireError::invalid("GridScores", "indices", "not a name for each"));
    }
    let is_another = |list: &[f32]| !list.is_empty() && Some(list.len()) != cells;
    let optional = is_another(&grid.normalized) || is_another(&grid.between) || is_another(&grid.estimate);
    if optional || lengths.iter().any(|&length| Some(length) != cells) {
        return Err(WireError::invalid("GridScores", "effect", "tensors are not [iterations, axes..]"));
    }
    if !grid.per_prompt.is_empty() && !grid.per_prompt.len().is_multiple_of(grid.effect.len().max(1)) {
        return Err(WireError::invalid("GridScores", "per_prompt", "not [iterations, axes.., prompts]"));
    }
    if grid.count.iter().any(|&count| count > u32::MAX.into()) {
        return Err(WireError::invalid("GridScores", "count", "more prompts than a sweep has"));
    }
    Ok(())
}

impl From<Baseline> for v1::BaselineScores {
    fn from(run: Baseline) -> Self {
        let Baseline { mean, stderr, per_prompt } = run;
        Self { mean, stderr, per_prompt }
    }
}

impl From<v1::BaselineScores> for Baseline {
    fn from(wire: v1::BaselineScores) -> Self {
        let v1::BaselineScores { mean, stderr, per_prompt } = wire;
        Self { mean, stderr, per_prompt }
    }
}

impl From<GridScores> for v1::GridScores {
    fn from(grid: GridScores) -> Self {
        Self {
            metric: length(grid.metric),
            grid: grid.grid,
            component: grid.component,
            writes: grid.writes,
            axes: grid.axes,
            indices: axes(grid.indices, grid.names),
            effect: grid.effect,
            value: grid.value,
            normalized: grid.normalized,
            stderr: grid.stderr,
            count: grid.count,
            status: numbers(&grid.status),
            per_prompt: grid.per_prompt,
            between: grid.between,
            estimate: grid.estimate,
        }
    }
}

impl TryFrom<v1::GridScores> for GridScores {
    type Error = WireError;

    fn try_from(wire: v1::GridScores) -> Result<Self, WireError> {
        let (indices, mut names): (Vec<_>, Vec<_>) =
            wire.indices.into_iter().map(|axis| (axis.indices, axis.names)).unzip();
        if names.iter().all(Vec::is_empty) {
            names.clear();
        }
        Ok(Self {
            status: statuses(&wire.status, "GridScores", "status")?,
            metric: wire.metric as usize,
            grid: wire.grid,
            component: wire.component,
            writes: wire.writes,
            axes: wire.axes,
            indices,
            names,
            effect: wire.effect,
            value: wire.value,
            normalized: wire.normalized,
            stderr: wire.stderr,
            count: wire.count,
            per_prompt: wire.per_prompt,
            between: wire.between,
            estimate: wire.estimate,
        })
    }
}

/// `names`: of each axis, or none at all.
fn axes(indices: Vec<Vec<u32>>, names: Vec<Vec<String>>) -> Vec<v1::AxisIndices> {
    let names = names.into_iter().chain(std::iter::repeat(Vec::new()));
    indices.into_iter().zip(names).map(|(indices, names)| v1::AxisIndices { indices, names }).collect()
}

fn numbers(statuses: &[CellStatus]) -> Vec<u32> {
    statuses.iter().map(|status| status.number()).collect()
}

fn statuses(numbers: &[u32], message: &'static str, field: &'static str) -> Result<Vec<CellStatus>, WireError> {
    let status = |&number: &u32| {
        CellStatus::of_number(number).ok_or_else(|| WireError::invalid(message, field, "no status has this number"))
    };
    numbers.iter().map(status).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn baselines_of_other_lengths_are_refused() {
        let run = v1::BaselineScores { mean: vec![0.5; 2], stderr: vec![0.1; 2], per_prompt: vec![0.0; 6] };
        assert_eq!(refuse_run(&run, 2), Ok(()));
        for short in [
            v1::BaselineScores { mean: vec![0.5], ..run.clone() },
            v1::BaselineScores { stderr: vec![0.1], ..run.clone() },
            v1::BaselineScores { per_prompt: vec![0.0; 5], ..run },
        ] {
            let error = refuse_run(&short, 2).expect_err("too short").to_string();
            assert!(error.contains("BaselineScores"), "{error}");
        }
    }

    #[test]
    fn a_number_of_prompts_that_no_sweep_has_is_refused() {
        let scores = |count| GridScores {
            metric: 0,
            grid: "z".into(),
            component: "z".into(),
            writes: "in windows".into(),
            axes: vec!["layer".into()],
            indices: vec![vec![0]],
            names: Vec::new(),
            effect: vec![0.5],
            value: vec![0.5],
            normalized: Vec::new(),
            stderr: vec![0.1],
            count: vec![count],
            status: vec![CellStatus::Computed],
            per_prompt: Vec::new(),
            between: Vec::new(),
            estimate: Vec::new(),
        };
        assert_eq!(refuse_grid(&scores(u32::MAX.into()), 1, 1), Ok(()));
        let error = refuse_grid(&scores(1 << 32), 1, 1).expect_err("too many").to_string();
        assert!(error.contains("count"), "{error}");
    }
}
