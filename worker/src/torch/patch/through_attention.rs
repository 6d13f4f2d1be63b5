//! A batch through a block's attention.
//!
//! Rows are gathered, by index, into the tensors that attention takes: those that runs have of their own, and where they have
//! none those of the run that is patched, or of the other one. So the number of calls grows with the number of frames only.

use patchsweep_core::grid::Component;
use tch::Tensor;

use super::arrange::{Shape, Source, arranged};
use super::attention::{SuffixAttention, suffix_attention};
use super::base::LayerBase;
use super::batch::Batch;
use super::stepper::Stepper;
use crate::torch::positions::At;

impl Stepper<'_> {
    /// A block up to its MLP, and what the MLP of a parallel block reads. Behind attention runs may differ at all positions,
    /// and runs over the same positions are one segment, whatever block their cells joined in.
    pub(crate) fn attention(&self, layer: u32, Batch { layout, resid }: &Batch) -> (Batch, Option<Tensor>) {
        let exec = self.patch.exec;
        let normed = exec.normed(layer, resid);
        let [keys, values] = exec.keys_values(layer, &normed);
        let keys = exec.finished_keys(layer, &keys, At::Rows(&layout.row_positions()));
        let fewer = layout.at(|segment| self.outputs(layer, segment.suffix.first.into()));
        let queries = exec.queries(layer, &layout.picked(&fewer, &normed));
        let queries = exec.finished_queries(layer, &queries, At::Rows(&fewer.row_positions()));
        let queries = queries * exec.attention_scale(layer);
        let resid = layout.picked(&fewer, resid);

        let base = LayerBase::new(self.patch, layer);
        let rows = arranged(layout, &fewer, |first| self.outputs(layer, first), self.patch.last);
        let keys = gathered(&rows.keys, || base.keys(), || base.other_keys(), keys);
        let values = gathered(&rows.keys, || base.table(Component::V), || base.other_values(), values);
        let no_other = || unreachable!("queries and residual streams follow on no other run");
        let queries = gathered(&rows.queries, || base.queries(), no_other, queries);
        let resid_pre = gathered(&rows.resid, || base.table(Component::ResidPre), no_other, resid);
        let by_frame = |rows_of: &dyn Fn(&Shape) -> i64, x: Tensor| {
            let lengths: Vec<i64> =
                rows.frames.iter().map(|frame| frame.cells * layout.prompts * rows_of(frame)).collect();
            x.split_with_sizes(&lengths, 0).into_iter()
        };
        let span = |frame: &Shape| self.patch.last + 1 - frame.first;
        let queries = by_frame(&|frame| frame.outputs.len(), queries);
        let keys_values = by_frame(&span, keys).zip(by_frame(&span, values));
        let frames = rows.frames.iter().zip(queries).zip(keys_values).map(|((frame, queries), (keys, values))| {
            let apart = |x: Tensor, positions| x.unflatten(0, [frame.cells, layout.prompts, positions]);
            let attention = SuffixAttention {
                layer,
                queries: &apart(queries, frame.outputs.len()),
                positions: &frame.outputs,
                needed: frame.needed,
                keys: &apart(keys, span(frame)),
                values: &apart(values, span(frame)),
                prefix: base.prefix(frame.first),
            };
            suffix_attention(exec, &attention).flatten(0, 2)
        });
        let z = Tensor::cat(&frames.collect::<Vec<_>>(), 0);
        let z = z.index_select(0, &Tensor::from_slice(&rows.picked).to_device(z.device()));
        let mlp_reads = exec.mlp_reads_input(layer, &resid_pre, || exec.normed(layer, &resid_pre));
        let resid = resid_pre + exec.attn_out(layer, &z);
        (Batch { layout: rows.layout, resid }, mlp_reads)
    }
}

/// Rows of up to three tables, of which only those are made that are read.
fn gathered(
    sources: &[Source],
    unpatched: impl FnOnce() -> Tensor,
    other: impl FnOnce() -> Tensor,
    own: Tensor,
) -> Tensor {
    let device = own.device();
    let unpatched = sources.iter().any(|source| matches!(source, Source::Unpatched(_))).then(unpatched);
    let other = sources.iter().any(|source| matches!(source, Source::Other(_))).then(other);
    let rows = |table: &Option<Tensor>| table.as_ref().map_or(0, |table| table.size()[0]);
    let (before_other, before_own) = (rows(&unpatched), rows(&unpatched) + rows(&other));
    let row = |source: &Source| match *source {
        Source::Unpatched(row) => row,
        Source::Other(row) => before_other + row,
        Source::Own(row) => before_own + row,
    };
    let index: Vec<i64> = sources.iter().map(row).collect();
    let tables: Vec<Tensor> = [unpatched, other, Some(own)].into_iter().flatten().collect();
    let table = match <[Tensor; 1]>::try_from(tables) {
        Ok([own]) => own,
        Err(tables) => Tensor::cat(&tables, 0),
    };
    table.index_select(0, &Tensor::from_slice(&index).to_device(device))
}
