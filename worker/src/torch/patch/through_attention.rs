//! A batch through a block's attention.
//!
//! Rows are gathered, by index, into the tensors that attention takes: those that runs have of their own, and where they have
//! none those of the run that is patched, or of the other one. So the number of calls grows with the number of frames only. Rows
//! that attention takes as they are stay where they are.

use patchsweep_core::grid::Component;
use tch::Tensor;

use super::arrange::Shape;
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
        let outputs = |part, first| self.outputs(part, layer, first);
        let rows = self.rows.of(layout, self.is_last(layer), resid.device(), &patches.rows, outputs);
        let normed = exec.normed(layer, resid);
        let [mut keys, mut values] = exec.keys_values(layer, &normed);
        write(Component::K, layout, &mut keys);
        write(Component::V, layout, &mut values);
        let keys = exec.finished_keys(layer, &keys, At::Rows(&|| rows.positions()));
        let mut queries = exec.queries(layer, &layout.picked(&rows.fewer, &normed));
        write(Component::Q, &rows.fewer, &mut queries);
        let queries = exec.finished_queries(layer, &queries, At::Rows(&|| rows.query_positions()));
        let queries = queries * exec.attention_scale(layer);
        let own_resid = layout.picked(&rows.fewer, resid);

        let bases: Vec<LayerBase<'_>> = patches.all().map(|patch| LayerBase::new(patch, layer)).collect();
        let queries_of_base = || joined(bases.iter().map(LayerBase::queries));
        let keys_of_base = || joined(bases.iter().map(LayerBase::keys));
        let keys_of_other = || joined(bases.iter().map(LayerBase::other_keys));
        let values_of_other = || joined(bases.iter().map(LayerBase::other_values));
        let no_other = || unreachable!("queries and residual streams follow on no other run");
        let resid_pre = rows.resid.rows(|| patches.base_table(layer, Component::ResidPre), no_other, own_resid);
        let queries = rows.queries.rows(queries_of_base, no_other, queries);
        let keys = rows.keys.rows(keys_of_base, keys_of_other, keys);
        let values = rows.keys.rows(|| patches.base_table(layer, Component::V), values_of_other, values);
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
        let z = joined(frames);
        let mut z = match &rows.picked {
            Some(picked) => z.index_select(0, picked),
            None => z,
        };
        write(Component::Z, &rows.layout, &mut z);
        let mlp_reads = exec.mlp_reads_input(layer, &resid_pre, || exec.normed(layer, &resid_pre));
        let written = changes.at(layer, Component::AttnOut, &rows.layout, &patches.rows);
        let before: Vec<Tensor> = written.iter().map(|change| change.rows_of(&resid_pre)).collect();
        let mut resid = resid_pre + exec.attn_out(layer, &z);
        patches.add_anew(layer, Component::AttnOut, &written, &before, &mut resid);
        (Batch { layout: rows.layout.clone(), resid }, mlp_reads)
    }
}
