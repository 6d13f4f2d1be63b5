//! Patched runs: from the patched layer on, and from the patched position to the last read position.
//!
//! Attention is causal, so a patch changes nothing before its position: there keys and values are those of the run that
//! is patched. In the last block only the read positions matter. All cells of a batch go through a block together, and
//! cells join at the layer of their patch.

use patchsweep_core::grid::{Cell, Component};
use tch::Tensor;

use crate::torch::patch::attention::{SuffixAttention, suffix_attention};
use crate::torch::patch::batch::{Batch, Segment};
use crate::torch::patch::enter::Entering;
use crate::torch::patch::values::Patch;
use crate::torch::positions::Positions;

/// A cell, and where its runs start to differ from the unpatched ones.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Start<'a> {
    /// Index in the tile's cells.
    pub(crate) index: usize,
    pub(crate) cell: Cell<'a>,
    /// First position that has to be computed.
    pub(crate) pos: i64,
    /// Whether the position before it is as in the other run.
    pub(crate) follows_other: bool,
}

/// Patched runs over some prompts.
pub(crate) struct SuffixRun<'a> {
    pub(crate) patch: &'a Patch<'a>,
    /// The read positions.
    pub(crate) reads: &'a Positions,
}

impl SuffixRun<'_> {
    /// The last residual stream of cells sorted by layer, at the read positions that they can change.
    pub(crate) fn run(&self, starts: &[Start<'_>]) -> Batch {
        let layers = self.patch.exec.model.architecture.layers;
        let mut batch = Batch::empty(self.patch.prompts());
        let mut waiting = starts;
        for layer in starts.first().map_or(layers, |start| start.cell.layer())..layers {
            let (joining, later) = waiting.split_at(waiting.partition_point(|start| start.cell.layer() <= layer));
            waiting = later;
            batch = self.block(layer, batch, joining);
        }
        batch
    }

    /// One block, for runs that are under way and for cells that join in it. The MLP takes both together.
    fn block(&self, layer: u32, batch: Batch, joining: &[Start<'_>]) -> Batch {
        let running = self.attention_block(layer, batch);
        let Entering { entries, before_mlp, behind_mlp } = self.enter(layer, joining);
        let count = running.segments.len();
        let both = running.join(before_mlp);
        if let Some(resid_mid) = &both.resid {
            self.patch.exec.add_mlp_out(layer, resid_mid, both.mlp_reads.as_ref());
        }
        let (running, entered) = both.split(count);
        let all = running.join(self.completed(layer, &entries, &entered)).join(behind_mlp);
        // Behind the last block nothing attends any more.
        if layer + 1 == self.patch.exec.model.architecture.layers { all } else { all.merged() }
    }

    /// The positions that matter behind a block for runs that differ from a position on.
    pub(crate) fn outputs(&self, layer: u32, first: i64) -> Positions {
        if layer + 1 == self.patch.exec.model.architecture.layers {
            Positions::new(self.reads.iter().filter(|&read| read >= first))
        } else {
            Positions::between(first, self.patch.last)
        }
    }

    /// A block up to its MLP, with what that reads.
    fn attention_block(&self, layer: u32, batch: Batch) -> Batch {
        let Some(resid) = &batch.resid else { return batch };
        let exec = self.patch.exec;
        let normed = exec.normed(layer, resid);
        let [keys, values] = exec.keys_values(layer, &normed);
        let (normed, mut after) = self.outputs_of(layer, &batch, &normed);
        let queries = exec.queries(layer, &normed);
        let parts = batch.apart(&keys).into_iter().zip(batch.apart(&values)).zip(after.apart(&queries));
        let z = parts.map(|(((before, k), (_, v)), (segment, q))| {
            self.attention(layer, before, [&q, &k, &v], &segment.positions).flatten(0, 2)
        });
        let attn_out = exec.attn_out(layer, &Tensor::cat(&z.collect::<Vec<_>>(), 0));
        after.mlp_reads = after.resid.as_ref().and_then(|resid| exec.mlp_reads_input(layer, resid, &normed));
        after.resid = after.resid.map(|resid| resid + attn_out);
        after
    }

    /// A layer's inputs \[rows, `d_model`\] and the batch at the positions that matter behind it.
    fn outputs_of(&self, layer: u32, batch: &Batch, normed: &Tensor) -> (Tensor, Batch) {
        let pick = |rows: &Tensor| -> Tensor {
            let parts = batch.apart(rows).into_iter().map(|(segment, part)| {
                self.outputs(layer, segment.first()).of(&part, 2, segment.first()).flatten(0, 2)
            });
            Tensor::cat(&parts.collect::<Vec<_>>(), 0)
        };
        let narrowed =
            |segment: &Segment| Segment { positions: self.outputs(layer, segment.first()), ..segment.clone() };
        let segments: Vec<Segment> = batch.segments.iter().map(narrowed).collect();
        let is_whole = segments.iter().zip(&batch.segments).all(|(after, before)| after.positions == before.positions);
        let pick = |rows: &Tensor| if is_whole { rows.shallow_clone() } else { pick(rows) };
        let after = Batch { segments, resid: batch.resid.as_ref().map(pick), ..Batch::empty(batch.prompts) };
        (pick(normed), after)
    }

    /// `z` \[cells, prompts, queries, head, `d_head`\] of runs that differ from the unpatched one from a position on.
    ///
    /// Queries of `outputs`, keys and values of the segment's positions, as they are projected.
    pub(crate) fn attention(
        &self,
        layer: u32,
        segment: &Segment,
        [queries, keys, values]: [&Tensor; 3],
        outputs: &Positions,
    ) -> Tensor {
        let (first, exec) = (segment.first(), self.patch.exec);
        let prefix = |base: Tensor, component| {
            if !segment.follows_other {
                return base.narrow(1, 0, first);
            }
            let before = self.patch.other.get(layer, component).narrow(1, first - 1, 1);
            let before = match component {
                Component::K => exec.finished_keys(layer, &before, &Positions::between(first - 1, first - 1)),
                _ => before,
            };
            Tensor::cat(&[base.narrow(1, 0, first - 1), before], 1)
        };
        let attention = SuffixAttention {
            layer,
            queries: &(exec.finished_queries(layer, queries, outputs) * exec.attention_scale(layer)),
            positions: outputs,
            keys: &exec.finished_keys(layer, keys, &segment.positions),
            values,
            prefix_keys: &prefix(self.patch.base_keys(layer), Component::K),
            prefix_values: &prefix(self.patch.base(layer, Component::V), Component::V),
        };
        suffix_attention(exec, &attention)
    }
}
