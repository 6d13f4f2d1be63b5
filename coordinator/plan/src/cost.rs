//! Multiply-adds of whole and of patched runs, as the worker executes them.
//!
//! Counted in 128 bits, which is enough for any sizes of a model and any sweep, and told in 64: what is more than those
//! hold is as much as they hold.

use patchsweep_core::context::{Iteration, SweepContext};
use patchsweep_core::grid::{Axis, Cell, Component};
use patchsweep_core::metric::MetricKind;
use patchsweep_core::model::ModelShape;

/// Counts the multiply-adds of matrix products; everything else is small beside them.
#[derive(Clone, Copy, Debug)]
pub struct CostModel {
    /// Width of the residual stream.
    width: u128,
    /// Width of a head.
    head: u128,
    /// One token through an MLP.
    mlp: u128,
    layers: u32,
    /// The logits that the metrics read, of one row.
    logits: u128,
    /// Of those, what comparing with the clean run takes once more.
    clean_logits: u128,
    /// All logits of one row.
    vocabulary: u128,
}

/// A patch of one prompt.
#[derive(Clone, Copy, Debug)]
pub struct PatchPoint<'a> {
    /// What is patched.
    pub cell: &'a Cell<'a>,
    /// First position that has to be computed.
    pub start: u32,
    /// The scored positions, ascending.
    pub reads: &'a [u32],
}

impl CostModel {
    /// For a sweep's model and metrics.
    #[must_use]
    pub fn of(context: &SweepContext) -> Self {
        let ModelShape { layers, heads, d_model, d_mlp, d_vocab, .. } = context.shape;
        let (width, hidden) = (u128::from(d_model), u128::from(d_mlp));
        let vocabulary = u128::from(d_vocab) * width;
        let kinds = || context.metrics.iter().map(|metric| &metric.kind);
        let candidates: u128 = kinds().map(|kind| kind.candidates().len() as u128 * width).sum();
        let whole = if kinds().any(MetricKind::reads_vocabulary) { vocabulary } else { 0 };
        let clean_logits = if kinds().any(|kind| *kind == MetricKind::Kl) { vocabulary } else { 0 };
        let head = width / u128::from(heads.max(1));
        Self { width, head, mlp: 2 * width * hidden, layers, logits: candidates + whole, clean_logits, vocabulary }
    }

    /// One prompt as `TransformerLens` runs it: all positions, and all logits of each.
    #[must_use]
    pub fn full_pass(&self, positions: u32) -> u64 {
        told(self.whole_run(0, positions) + u128::from(positions) * self.vocabulary)
    }

    /// One prompt through all blocks from position `first` to before position `end`, without logits.
    #[must_use]
    pub fn run(&self, first: u32, end: u32) -> u64 {
        told(self.whole_run(first, end))
    }

    fn whole_run(&self, first: u32, end: u32) -> u128 {
        let tokens = u128::from(end.saturating_sub(first));
        u128::from(self.layers) * (self.projections(tokens, tokens) + self.rest(tokens, end.into()))
    }

    /// The unpatched run's metrics, which every tile computes for each of its prompts.
    #[must_use]
    pub fn unpatched_scores(&self, iteration: &Iteration) -> u64 {
        told(iteration.reads.len() as u128 * (self.logits + 2 * self.clean_logits))
    }

    /// One prompt from a patch to the scored logits: the positions from the patch to the last read position, and behind
    /// the last block only the read positions.
    #[must_use]
    pub fn patched_run(&self, point: PatchPoint<'_>) -> u64 {
        let PatchPoint { cell, start, reads } = point;
        let Some(&last) = reads.last() else { return 0 };
        let suffix = u128::from(last.saturating_sub(start)) + 1;
        let keys = u128::from(last) + 1;
        let scored = reads.iter().filter(|&&read| read >= start).count() as u128;
        let is_last = |layer: u32| layer + 1 == self.layers;
        let outputs = |layer: u32| if is_last(layer) { scored } else { suffix };
        let layer = cell.layer();
        let matters =
            |pos: &&u32| (start..=last).contains(*pos) && (!is_last(layer) || reads.binary_search(pos).is_ok());
        let patched = cell.positions().iter().filter(|&&pos| (start..=last).contains(&pos)).count() as u128;
        let own_rows = cell.positions().iter().filter(matters).count() as u128;
        let heads = cell.indices(Axis::Head).len() as u128;
        let head_rows = |rows: u128| rows * (heads * self.head * self.width + self.mlp);
        let entry = match cell.component() {
            Component::ResidPre => self.projections(patched, patched) + self.rest(outputs(layer), keys),
            Component::K | Component::V => head_rows(outputs(layer)),
            Component::Q | Component::Z | Component::Pattern => head_rows(own_rows),
            Component::AttnOut | Component::ResidMid => own_rows * self.mlp,
            Component::MlpOut | Component::ResidPost => 0,
        };
        let block = |outputs: u128| self.projections(outputs, suffix) + self.rest(outputs, keys);
        let behind: u128 = (layer + 1..self.layers).map(|layer| block(outputs(layer))).sum();
        told(entry + behind + scored * self.logits)
    }

    /// Queries of some tokens, keys and values of some.
    fn projections(&self, queries: u128, keys: u128) -> u128 {
        (queries + 2 * keys) * self.width * self.width
    }

    /// Attention of some tokens over some keys, its output projection, and the MLP.
    fn rest(&self, outputs: u128, keys: u128) -> u128 {
        outputs * (2 * keys * self.width + self.width * self.width + self.mlp)
    }
}

/// As much of it as 64 bits hold.
fn told(multiply_adds: u128) -> u64 {
    u64::try_from(multiply_adds).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use patchsweep_core::grid::Grid;

    use super::*;

    const SHAPE: ModelShape = ModelShape { layers: 3, heads: 2, d_model: 10, d_mlp: 40, d_vocab: 100, n_ctx: 8 };
    const COST: CostModel =
        CostModel { width: 10, head: 5, mlp: 800, layers: 3, logits: 30, clean_logits: 0, vocabulary: 1000 };

    /// A cell over one position and, where there are heads, one head.
    fn patched(component: Component, layer: u32, start: u32) -> u64 {
        let axes: Vec<Axis> = component.axes().iter().copied().filter(|&axis| axis != Axis::SrcPos).collect();
        let grid = Grid::new("g".into(), component, axes, &SHAPE, 8).expect("a grid");
        let grid = grid.restricted(component.position_axis(), vec![start]).expect("a position");
        let grid = grid.restricted(Axis::Layer, vec![layer]).expect("a layer");
        COST.patched_run(PatchPoint { cell: &grid.cell(0), start, reads: &[5] })
    }

    #[test]
    fn costs_beyond_all_numbers_are_as_large_as_numbers_get() {
        let most = 1 << 24;
        let cost = CostModel { width: most, head: most, mlp: 2 * most * most, layers: 1 << 12, ..COST };
        assert_eq!((cost.run(0, 1 << 24), cost.full_pass(1 << 24)), (u64::MAX, u64::MAX));
    }

    #[test]
    fn a_run_costs_less_the_later_it_differs() {
        // Per block and token: projections 300, output 100, MLP 800, and 2 * 10 per key.
        assert_eq!(COST.run(0, 8), 3 * 8 * (1200 + 8 * 20));
        assert_eq!(COST.run(6, 8), 3 * 2 * (1200 + 8 * 20));
        assert_eq!(COST.full_pass(8), COST.run(0, 8) + 8 * 1000);
        let whole_block = 2 * (1200 + 6 * 20);
        let last_block = (100 + 2 * 200) + 6 * 20 + 100 + 800;
        // At the patch's own layer only the patched position has new queries, keys and values.
        assert_eq!(patched(Component::ResidPre, 0, 4), (whole_block - 300) + whole_block + last_block + 30);
        // Of a head, only its part of the output projection, and only where it changes anything.
        assert_eq!(patched(Component::Q, 1, 4), (50 + 800) + last_block + 30);
        assert_eq!(patched(Component::Z, 1, 4), (50 + 800) + last_block + 30);
        assert_eq!(patched(Component::Pattern, 1, 4), (50 + 800) + last_block + 30);
        assert_eq!(patched(Component::V, 1, 4), 2 * (50 + 800) + last_block + 30);
        assert_eq!(patched(Component::ResidPost, 1, 4), last_block + 30);
        assert_eq!(patched(Component::ResidPost, 2, 5), 30);
        assert_eq!(patched(Component::AttnOut, 2, 5), 800 + 30);
    }
}
