//! Patched runs: from the patched layer on, and from the patched position to the last read position.
//!
//! Attention is causal, so a patch changes nothing before its position: there keys and values are those of the run that
//! is patched. Up to the next attention it changes nothing but its own positions either: a batch has rows of those alone.
//! In the last block only the read positions matter. All cells of a batch go through a block together, stage by stage, and
//! cells join at the stage of their patch.

use std::collections::BTreeMap;

use patchsweep_core::causality::Suffix;
use patchsweep_core::sites::{Reach, Stage};
use tch::Tensor;

use super::attention::{SuffixAttention, suffix_attention};
use super::base::LayerBase;
use super::batch::{Batch, Layout, Segment, flat, joined};
use super::entry::{Entry, Start};
use super::values::Patch;
use crate::torch::positions::{At, Positions};

/// Patched runs over some prompts.
pub(crate) struct Stepper<'a> {
    pub(crate) patch: &'a Patch<'a>,
    /// The read positions.
    pub(crate) reads: &'a Positions,
}

impl Stepper<'_> {
    /// The last residual stream of cells sorted by layer, at least one, at read positions that they can change.
    pub(crate) fn run(&self, starts: &[Start<'_>]) -> Batch {
        let layer_of = |start: &Start<'_>| start.cell.layer();
        let mut waiting = starts.chunk_by(|a, b| layer_of(a) == layer_of(b)).peekable();
        let mut batch = None;
        for layer in starts.iter().map(layer_of).min().expect("a cell")..self.patch.exec.model.architecture.layers {
            let joining = waiting.next_if(|starts| layer_of(&starts[0]) == layer).unwrap_or_default();
            batch = self.block(layer, batch, joining);
        }
        batch.expect("cells have joined")
    }

    /// One block, for runs that are under way and for cells that join in it.
    fn block(&self, layer: u32, running: Option<Batch>, joining: &[Start<'_>]) -> Option<Batch> {
        let mut joining = self.joining(layer, joining);
        let mut with_those_of = |stage: Stage, running: Option<Batch>| match (running, joining.remove(&stage)) {
            (Some(running), Some(joining)) => Some(running.join(joining)),
            (running, joining) => running.or(joining),
        };
        let running = with_those_of(Stage::Input, running);
        let (running, mlp_reads) = running.map(|batch| self.attention(layer, &batch)).unzip();
        let running = with_those_of(Stage::BeforeMlp, running);
        if let Some(batch) = &running {
            self.patch.exec.add_mlp_out(layer, &batch.resid, mlp_reads.flatten().as_ref());
        }
        with_those_of(Stage::Output, running)
    }

    /// Cells that join in a block, by the stage at which they do.
    fn joining(&self, layer: u32, starts: &[Start<'_>]) -> BTreeMap<Stage, Batch> {
        let mut by_stage: BTreeMap<Stage, (Vec<Segment>, Vec<Tensor>)> = BTreeMap::new();
        for entry in Entry::all(starts, self.patch.last) {
            let component = entry.component();
            let facts = component.facts(&self.patch.exec.model.architecture);
            let positions = match (facts.stage, facts.reach) {
                // Attention follows, which reads them whether they are read behind it or not.
                (Stage::Input, _) => entry.patched.clone(),
                (_, Reach::LaterPositions) => self.outputs(layer, entry.suffix),
                (_, Reach::OwnPosition) => entry.patched.intersection(&self.outputs(layer, entry.suffix)),
            };
            let (segments, tensors) = by_stage.entry(facts.stage).or_default();
            tensors.push(self.patch.changed(layer, component, &entry, &positions));
            segments.push(entry.segment(positions));
        }
        let packed = |(segments, tensors): (_, Vec<Tensor>)| Batch::packed(segments, self.patch.prompts(), &tensors);
        by_stage.into_iter().map(|(stage, parts)| (stage, packed(parts))).collect()
    }

    /// The positions that matter behind a block.
    fn outputs(&self, layer: u32, suffix: Suffix) -> Positions {
        let first = i64::from(suffix.first);
        if layer + 1 == self.patch.exec.model.architecture.layers {
            Positions::new(self.reads.iter().filter(|&read| read >= first))
        } else {
            Positions::between(first, self.patch.last)
        }
    }

    /// A block up to its MLP, and what the MLP of a parallel block reads. Behind attention runs may differ at all positions,
    /// and runs over the same positions are one segment, whatever block their cells joined in.
    fn attention(&self, layer: u32, Batch { layout, resid }: &Batch) -> (Batch, Option<Tensor>) {
        let exec = self.patch.exec;
        let base = LayerBase::new(self.patch, layer);
        let normed = exec.normed(layer, resid);
        let [keys, values] = exec.keys_values(layer, &normed);
        let keys = exec.finished_keys(layer, &keys, At::Rows(&layout.row_positions()));
        let fewer = layout.at(|segment| self.outputs(layer, segment.suffix));
        let queries = exec.queries(layer, &layout.picked(&fewer, &normed));
        let queries = exec.finished_queries(layer, &queries, At::Rows(&fewer.row_positions()));
        let queries = fewer.apart(&(queries * exec.attention_scale(layer)));
        let resid = fewer.apart(&layout.picked(&fewer, resid));
        let (keys, values) = (layout.apart(&keys), layout.apart(&values));

        let mut alike: BTreeMap<Suffix, Vec<usize>> = BTreeMap::new();
        for (index, segment) in layout.segments.iter().enumerate() {
            alike.entry(segment.suffix).or_default().push(index);
        }
        let (mut segments, mut all_resid, mut all_z) = (Vec::new(), Vec::new(), Vec::new());
        for (suffix, indices) in alike {
            let span = Positions::between(suffix.first.into(), self.patch.last);
            let outputs = self.outputs(layer, suffix);
            let whole = |layout: &Layout, parts: &[Tensor], wanted: &Positions, base: &dyn Fn() -> Tensor| {
                let of_segment =
                    |&index: &usize| completed(&layout.segments[index].positions, &parts[index], wanted, base);
                joined(indices.iter().map(of_segment).collect())
            };
            let [prefix_keys, prefix_values] = base.prefix(suffix);
            let attention = SuffixAttention {
                layer,
                positions: &outputs,
                queries: &whole(&fewer, &queries, &outputs, &|| outputs.of(base.queries(), 1, 0)),
                keys: &whole(layout, &keys, &span, &|| span.of(&base.keys, 1, 0)),
                values: &whole(layout, &values, &span, &|| span.of(&base.values, 1, 0)),
                prefix: [&prefix_keys, &prefix_values],
            };
            all_z.push(suffix_attention(exec, &attention));
            let stream = || self.patch.base_at(layer, Stage::Input.stream(), &outputs);
            all_resid.push(whole(&fewer, &resid, &outputs, &stream));
            let cells = indices.iter().flat_map(|&index| &layout.segments[index].cells).copied().collect();
            segments.push(Segment { cells, suffix, positions: outputs });
        }
        let resid_pre = flat(&all_resid);
        let mlp_reads = exec.mlp_reads_input(layer, &resid_pre, || exec.normed(layer, &resid_pre));
        let resid = resid_pre + exec.attn_out(layer, &flat(&all_z));
        (Batch { layout: Layout { segments, prompts: layout.prompts }, resid }, mlp_reads)
    }
}

/// Rows \[cells, prompts, wanted, ..\] of runs: at the positions that are held their own \[cells, prompts, held, ..\], else
/// those of the run that is patched \[prompts, wanted, ..\].
fn completed(held: &Positions, own: &Tensor, wanted: &Positions, base: impl Fn() -> Tensor) -> Tensor {
    if held == wanted {
        return own.shallow_clone();
    }
    let base = base();
    let mut times = vec![1; base.dim() + 1];
    times[0] = own.size()[0];
    let whole = base.unsqueeze(0).repeat(times);
    held.places_in(wanted).overwrite(&whole, 2, 0, own);
    whole
}
