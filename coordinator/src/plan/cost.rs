//! Multiply-adds of a forward pass.

use patchsweep_proto::context::SweepContext;
use patchsweep_proto::metric::MetricKind;
use patchsweep_proto::model::ModelShape;

/// Counts the multiply-adds of matrix products; everything else is small beside them.
#[derive(Clone, Copy, Debug)]
pub struct CostModel {
    shape: ModelShape,
    positions: u64,
    columns: u64,
}

impl CostModel {
    /// For a sweep's prompts and metrics.
    #[must_use]
    pub fn of(context: &SweepContext) -> Self {
        let columns = context.metrics.iter().map(|metric| match &metric.kind {
            MetricKind::LogitDiffMax { candidates } => candidates.len() as u64 + 1,
        });
        Self::new(context.shape, context.clean.positions(), columns.sum())
    }

    /// For prompts of `positions` tokens and `columns` columns of the unembedding.
    #[must_use]
    pub fn new(shape: ModelShape, positions: u32, columns: u64) -> Self {
        Self { shape, positions: positions.into(), columns }
    }

    /// One prompt through one block: projections, attention scores and weighted values, MLP.
    #[must_use]
    pub fn block(&self) -> u64 {
        let (width, hidden) = (u64::from(self.shape.d_model), u64::from(self.shape.d_mlp));
        let projections = 4 * width * width;
        let attention = 2 * self.positions * width;
        let mlp = 2 * width * hidden;
        self.positions * (projections + attention + mlp)
    }

    /// One prompt from a block to the scored logits.
    #[must_use]
    pub fn from_layer(&self, layer: u32) -> u64 {
        let blocks = u64::from(self.shape.layers - layer.min(self.shape.layers));
        blocks * self.block() + self.columns * u64::from(self.shape.d_model)
    }
}
