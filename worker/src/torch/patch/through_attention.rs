//! A batch through a block's attention.
//!
//! Rows are gathered, by index, into the tensors that attention takes: those that runs have of their own, and where they have
//! none those of the run that is patched, or of the other one. So the number of calls grows with the number of frames only.

use patchsweep_core::grid::Component;
use tch::{Device, Tensor};

use super::arrange::{Shape, Source, arranged};
use super::attention::{SuffixAttention, suffix_attention};
use super::base::LayerBase;
use super::batch::{Batch, Layout};
use super::changes::Changes;
use super::pattern_changes::PatternChanges;
use super::stepper::Stepper;
use crate::torch::numbers::length;
use crate::torch::positions::At;
use crate::torch::rows::joined;

impl Stepper<'_> {
    /// A block up to its MLP, and what the MLP of a parallel block reads. Behind attention runs may differ at all positions,
    /// and runs over the same positions are one segment, whatever block their cells joined in.
    pub(crate) fn attention(
        &self,
        layer: u32,
        Batch { layout, resid }: &Batch,
        changes: &Changes<'_>,
    ) -> (Batch, Option<Tensor>) {
        let (patches, exec) = (&self.patches, self.patches.exec());
        let write = |component, layout: &Layout, x: &mut Tensor| {
            let written = changes.at(layer, component, layout, &patches.rows);
            patches.overwrite(layer, component, &written, x);
            if let Some(received) = changes.of_paths() {
                received.put(patches.alone(), layer, component, layout, x);
            }
        };
        let normed = exec.normed(layer, resid);
        let [mut keys, mut values] = exec.keys_values(layer, &normed);
        write(Component::K, layout, &mut keys);
        write(Component::V, layout, &mut values);
        let keys = exec.finished_keys(layer, &keys, At::Rows(&|| layout.row_positions()));
        let fewer = layout.at(|segment| self.outputs(segment.part, layer, segment.suffix.first.into()));
        let mut queries = exec.queries(layer, &layout.picked(&fewer, &normed));
        write(Component::Q, &fewer, &mut queries);
        let queries = exec.finished_queries(layer, &queries, At::Rows(&|| fewer.row_positions()));
        let queries = queries * exec.attention_scale(layer);
        let own_resid = layout.picked(&fewer, resid);

        let bases: Vec<LayerBase<'_>> = patches.all().map(|patch| LayerBase::new(patch, layer)).collect();
        let queries_of_base = || joined(bases.iter().map(LayerBase::queries));
        let keys_of_base = || joined(bases.iter().map(LayerBase::keys));
        let keys_of_other = || joined(bases.iter().map(LayerBase::other_keys));
        let values_of_other = || joined(bases.iter().map(LayerBase::other_values));
        let rows = arranged(layout, &fewer, |part, first| self.outputs(part, layer, first), &patches.rows);
        let gather = |sources| Gather::new(sources, patches.rows.count(), resid.device());
        let no_other = || unreachable!("queries and residual streams follow on no other run");
        let resid_pre =
            gather(&rows.resid).rows(|| patches.base_table(layer, Component::ResidPre), no_other, own_resid);
        let queries = gather(&rows.queries).rows(queries_of_base, no_other, queries);
        let of_keys = gather(&rows.keys);
        let keys = of_keys.rows(keys_of_base, keys_of_other, keys);
        let values = of_keys.rows(|| patches.base_table(layer, Component::V), values_of_other, values);
        let by_frame = |rows_of: &dyn Fn(&Shape) -> i64, x: Tensor| {
            let length_of = |frame: &Shape| length(frame.cells.len()) * frame.prompts * rows_of(frame);
            let lengths: Vec<i64> = rows.frames.iter().map(length_of).collect();
            x.split_with_sizes(&lengths, 0).into_iter()
        };
        let span = |frame: &Shape| patches.rows.last(frame.part) + 1 - frame.first;
        let queries = by_frame(&|frame| frame.outputs.len(), queries);
        let keys_values = by_frame(&span, keys).zip(by_frame(&span, values));
        let frames = rows.frames.iter().zip(queries).zip(keys_values).map(|((frame, queries), (keys, values))| {
            let apart = |x: Tensor, positions| x.unflatten(0, [length(frame.cells.len()), frame.prompts, positions]);
            let pattern_changes = PatternChanges::of(patches.of(frame.part), layer, changes, frame);
            let attention = SuffixAttention {
                layer,
                queries: &apart(queries, frame.outputs.len()),
                positions: &frame.outputs,
                needed: frame.needed,
                keys: &apart(keys, span(frame)),
                values: &apart(values, span(frame)),
                prefix: bases[frame.part].prefix(frame.first),
                changes: pattern_changes.as_ref(),
            };
            suffix_attention(exec, &attention).flatten(0, 2)
        });
        let z = Tensor::cat(&frames.collect::<Vec<_>>(), 0);
        let mut z = z.index_select(0, &Tensor::from_slice(&rows.picked).to_device(z.device()));
        write(Component::Z, &rows.layout, &mut z);
        let mlp_reads = exec.mlp_reads_input(layer, &resid_pre, || exec.normed(layer, &resid_pre));
        let written = changes.at(layer, Component::AttnOut, &rows.layout, &patches.rows);
        let before: Vec<Tensor> = written.iter().map(|change| change.rows_of(&resid_pre)).collect();
        let mut resid = resid_pre + exec.attn_out(layer, &z);
        patches.add_anew(layer, Component::AttnOut, &written, &before, &mut resid);
        (Batch { layout: rows.layout, resid }, mlp_reads)
    }
}

/// Rows of up to three tables, one behind the other: that of the run that is patched, that of the other one, each of all parts,
/// and the runs' own. Only those that are read are made.
struct Gather {
    index: Tensor,
    reads_unpatched: bool,
    reads_other: bool,
}

impl Gather {
    /// `table_rows`: of either run.
    fn new(sources: &[Source], table_rows: i64, device: Device) -> Self {
        let reads_unpatched = sources.iter().any(|source| matches!(source, Source::Unpatched(_)));
        let reads_other = sources.iter().any(|source| matches!(source, Source::Other(_)));
        let before_other = table_rows * i64::from(reads_unpatched);
        let before_own = before_other + table_rows * i64::from(reads_other);
        let row = |source: &Source| match *source {
            Source::Unpatched(row) => row,
            Source::Other(row) => before_other + row,
            Source::Own(row) => before_own + row,
        };
        let index: Vec<i64> = sources.iter().map(row).collect();
        Self { index: Tensor::from_slice(&index).to_device(device), reads_unpatched, reads_other }
    }

    fn rows(&self, unpatched: impl FnOnce() -> Tensor, other: impl FnOnce() -> Tensor, own: Tensor) -> Tensor {
        let (unpatched, other) = (self.reads_unpatched.then(unpatched), self.reads_other.then(other));
        joined([unpatched, other, Some(own)].into_iter().flatten()).index_select(0, &self.index)
    }
}
