//! `SweepResults`.

use super::WireError;
use crate::results::{GridScores, SweepResults};
use crate::v1;

const RESULTS: &str = "SweepResults";

impl From<SweepResults> for v1::SweepResults {
    fn from(results: SweepResults) -> Self {
        Self {
            name: results.name,
            iteration_labels: results.iteration_labels,
            token_labels: results.token_labels,
            metrics: results.metrics,
            clean: results.clean.concat(),
            corrupted: results.corrupted.concat(),
            grids: results.grids.into_iter().map(Into::into).collect(),
            manifest: results.manifest,
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
        for (field, list) in [("clean", &wire.clean), ("corrupted", &wire.corrupted)] {
            if list.len() != wire.metrics.len() * iterations {
                return Err(WireError::invalid(RESULTS, field, "not [metrics, iterations]"));
            }
        }
        let by_metric = |list: &[f32]| list.chunks(iterations).map(<[f32]>::to_vec).collect();
        let grids: Vec<GridScores> = wire.grids.into_iter().map(Into::into).collect();
        for grid in &grids {
            check_grid(grid, wire.metrics.len(), iterations)?;
        }
        Ok(Self {
            clean: by_metric(&wire.clean),
            corrupted: by_metric(&wire.corrupted),
            name: wire.name,
            iteration_labels: wire.iteration_labels,
            token_labels: wire.token_labels,
            metrics: wire.metrics,
            grids,
            manifest: wire.manifest,
        })
    }
}

fn check_grid(grid: &GridScores, metrics: usize, iterations: usize) -> Result<(), WireError> {
    let cells = grid.extents().into_iter().try_fold(iterations, usize::checked_mul);
    let lengths = [grid.effect.len(), grid.value.len(), grid.stderr.len(), grid.count.len(), grid.status.len()];
    if grid.metric >= metrics || grid.axes.len() != grid.indices.len() {
        return Err(WireError::invalid("GridScores", "axes", "do not fit the metrics and indices"));
    }
    let normalized = !grid.normalized.is_empty() && Some(grid.normalized.len()) != cells;
    if normalized || lengths.iter().any(|&length| Some(length) != cells) {
        return Err(WireError::invalid("GridScores", "effect", "tensors are not [iterations, axes..]"));
    }
    Ok(())
}

impl From<GridScores> for v1::GridScores {
    fn from(grid: GridScores) -> Self {
        Self {
            metric: u32::try_from(grid.metric).unwrap_or(u32::MAX),
            grid: grid.grid,
            component: grid.component,
            axes: grid.axes,
            indices: grid.indices.into_iter().map(|indices| v1::AxisIndices { indices }).collect(),
            effect: grid.effect,
            value: grid.value,
            normalized: grid.normalized,
            stderr: grid.stderr,
            count: grid.count,
            status: grid.status,
        }
    }
}

impl From<v1::GridScores> for GridScores {
    fn from(wire: v1::GridScores) -> Self {
        Self {
            metric: wire.metric as usize,
            grid: wire.grid,
            component: wire.component,
            axes: wire.axes,
            indices: wire.indices.into_iter().map(|axis| axis.indices).collect(),
            effect: wire.effect,
            value: wire.value,
            normalized: wire.normalized,
            stderr: wire.stderr,
            count: wire.count,
            status: wire.status,
        }
    }
}
