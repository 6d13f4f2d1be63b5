//! Multiply-adds of whole and of patched runs.

use patchsweep_proto::context::SweepContext;
use patchsweep_proto::grid::Component;
use patchsweep_proto::metric::MetricKind;
use patchsweep_proto::model::ModelShape;

/// Counts the multiply-adds of matrix products; everything else is small beside them.
#[derive(Clone, Copy, Debug)]
pub struct CostModel {
    /// Width of the residual stream.
    width: u64,
    /// One token through an MLP.
    mlp: u64,
    layers: u32,
    /// Tokens of a prompt.
    positions: u64,
    /// The logits that the metrics read, of one row.
    logits: u64,
}

/// Where a patch makes a run differ from the clean one.
#[derive(Clone, Copy, Debug)]
pub struct PatchPoint {
    /// What is patched.
    pub component: Component,
    /// In which block.
    pub layer: u32,
    /// First position that changes.
    pub start: u32,
    /// The scored position, not before `start`.
    pub read: u32,
}

impl CostModel {
    /// For a sweep's prompts and metrics.
    #[must_use]
    pub fn of(context: &SweepContext) -> Self {
        let ModelShape { layers, d_model, d_mlp, .. } = context.shape;
        let (width, hidden) = (u64::from(d_model), u64::from(d_mlp));
        let columns = context.metrics.iter().map(|metric| match &metric.kind {
            MetricKind::LogitDiffMax { candidates } => candidates.len() as u64 + 1,
        });
        let logits = columns.sum::<u64>() * width;
        Self { width, mlp: 2 * width * hidden, layers, positions: context.clean.positions().into(), logits }
    }

    /// One prompt through the whole model, all positions.
    #[must_use]
    pub fn whole_run(&self) -> u64 {
        let tokens = self.positions;
        u64::from(self.layers) * (self.projections(tokens, tokens) + self.rest(tokens, tokens)) + self.logits
    }

    /// One prompt from a patch to the scored logits: the positions from the patch to the read position, and in the
    /// last block only the read position's.
    #[must_use]
    pub fn patched_run(&self, point: PatchPoint) -> u64 {
        let PatchPoint { component, layer, start, read } = point;
        let suffix = u64::from(read.saturating_sub(start)) + 1;
        let keys = u64::from(read) + 1;
        let outputs = |layer: u32| if layer + 1 == self.layers { 1 } else { suffix };
        let entered = outputs(layer);
        let entry = match component {
            Component::ResidPre => self.projections(entered, suffix) + self.rest(entered, keys),
            Component::Q | Component::K | Component::V => self.rest(entered, keys),
            Component::Z => entered * (self.width * self.width + self.mlp),
            Component::AttnOut | Component::ResidMid => entered * self.mlp,
            Component::MlpOut | Component::ResidPost => 0,
        };
        let later = (layer + 1..self.layers).map(outputs);
        entry
            + later.map(|outputs| self.projections(outputs, suffix) + self.rest(outputs, keys)).sum::<u64>()
            + self.logits
    }

    /// Queries of some tokens, keys and values of some.
    fn projections(&self, queries: u64, keys: u64) -> u64 {
        (queries + 2 * keys) * self.width * self.width
    }

    /// Attention of some tokens over some keys, its output projection, and the MLP.
    fn rest(&self, outputs: u64, keys: u64) -> u64 {
        outputs * (2 * keys * self.width + self.width * self.width + self.mlp)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const COST: CostModel = CostModel { width: 10, mlp: 800, layers: 3, positions: 8, logits: 30 };

    fn patched(component: Component, layer: u32, start: u32) -> u64 {
        COST.patched_run(PatchPoint { component, layer, start, read: 5 })
    }

    #[test]
    fn a_run_costs_less_the_later_it_differs() {
        // Per block and token: projections 300, output 100, MLP 800, and 2 * 10 per key.
        assert_eq!(COST.whole_run(), 3 * 8 * (1200 + 8 * 20) + 30);
        let whole_block = 2 * (1200 + 6 * 20);
        let last_block = (100 + 2 * 200) + 6 * 20 + 100 + 800;
        assert_eq!(patched(Component::ResidPre, 0, 4), 2 * whole_block + last_block + 30);
        assert_eq!(patched(Component::Q, 1, 4), (whole_block - 2 * 300) + last_block + 30);
        assert_eq!(patched(Component::Z, 1, 4), 2 * 900 + last_block + 30);
        assert_eq!(patched(Component::ResidPost, 1, 4), last_block + 30);
        assert_eq!(patched(Component::ResidPost, 2, 5), 30);
    }
}
