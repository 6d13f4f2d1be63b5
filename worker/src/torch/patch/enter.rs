//! How cells join: the block of their patch, with only what the patch can change in it.

use std::collections::BTreeMap;
use std::ops::Range;

use patchsweep_core::grid::{Axis, Component};
use patchsweep_core::sites::{Facts, Joins, Reach, changed_by_heads};
use tch::Tensor;

use crate::torch::numbers::length;
use crate::torch::patch::batch::{Batch, Segment};
use crate::torch::patch::heads::HeadPatch;
use crate::torch::patch::suffix::{Start, SuffixRun};
use crate::torch::positions::Positions;

/// Cells that join a batch in a block.
pub(crate) struct Entering<'a> {
    pub(crate) entries: Vec<Entry<'a>>,
    /// Cells that the MLP still changes, at the positions that it changes; the others are empty.
    pub(crate) before_mlp: Batch,
    /// Cells at the end of the block, at all positions that matter there.
    pub(crate) behind_mlp: Batch,
}

/// Cells of one block and component that patch the same positions.
pub(crate) struct Entry<'a> {
    starts: Vec<&'a Start<'a>>,
    /// First position that has to be computed.
    first: i64,
    /// Whether the position before it is as in the other run.
    follows_other: bool,
    /// Positions that are patched, from the first that is computed to the last that is read.
    patched: Positions,
    /// Of a pattern: positions attended to whose probability is patched.
    sources: Positions,
    /// Positions that matter behind the block.
    outputs: Positions,
}

impl Entry<'_> {
    fn segment(&self) -> Segment {
        let cells = self.starts.iter().map(|start| start.index).collect();
        Segment { cells, positions: self.outputs.clone(), follows_other: self.follows_other }
    }

    /// \[prompts, positions, ..\] to \[cells, prompts, positions, ..\]: a copy for each cell to change.
    fn for_each_cell(&self, x: &Tensor) -> Tensor {
        let mut times = vec![1; x.dim() + 1];
        times[0] = length(self.starts.len());
        x.unsqueeze(0).repeat(times)
    }
}

impl SuffixRun<'_> {
    /// Cells of one block and component, on their way into a batch.
    pub(crate) fn enter<'s>(&self, layer: u32, starts: &'s [Start<'s>]) -> Entering<'s> {
        let Some(component) = starts.first().map(|start| start.cell.component()) else {
            let empty = || Batch::empty(self.patch.prompts());
            return Entering { entries: Vec::new(), before_mlp: empty(), behind_mlp: empty() };
        };
        let joins = self.facts(component).joins;
        // Where no position that is computed is patched, none changes in this block.
        let is_changed = |entry: &Entry<'_>| match joins {
            Joins::Input | Joins::Heads => true,
            Joins::BeforeMlp => !entry.patched.is_empty(),
            Joins::Output => false,
        };
        let (entries, others): (Vec<_>, Vec<_>) = self.entries(layer, starts).into_iter().partition(is_changed);
        let resid_post = |entry: &Entry<'_>| entry.for_each_cell(&self.resid_post(layer, component, entry));
        let behind_mlp = self.packed(&others, resid_post);
        match joins {
            Joins::Input => Entering { before_mlp: self.resid_mid_of_resid_pre(layer, &entries), behind_mlp, entries },
            // The MLP does not read what attention adds.
            Joins::Heads if self.patch.exec.model.architecture.is_parallel() => {
                let changed = self.behind_attention(layer, component, &entries);
                let behind_mlp = behind_mlp.join(self.completed(layer, &entries, &changed));
                Entering { entries: Vec::new(), before_mlp: Batch::empty(self.patch.prompts()), behind_mlp }
            }
            _ => Entering { before_mlp: self.behind_attention(layer, component, &entries), behind_mlp, entries },
        }
    }

    fn facts(&self, component: Component) -> Facts {
        component.facts(&self.patch.exec.model.architecture)
    }

    /// Cells that have passed the MLP, at all positions that matter behind the block.
    pub(crate) fn completed(&self, layer: u32, entries: &[Entry<'_>], entered: &Batch) -> Batch {
        let Some(resid) = &entered.resid else { return Batch::empty(self.patch.prompts()) };
        let complete = |(entry, (segment, resid_post)): (&Entry<'_>, (&Segment, Tensor))| {
            if segment.positions == entry.outputs {
                return resid_post;
            }
            let whole = entry.for_each_cell(&self.patch.base_at(layer, Component::ResidPost, &entry.outputs));
            segment.positions.places_in(&entry.outputs).overwrite(&whole, 2, 0, &resid_post);
            whole
        };
        let whole: Vec<Tensor> = entries.iter().zip(entered.apart(resid)).map(complete).collect();
        Batch::packed(entries.iter().map(Entry::segment).collect(), self.patch.prompts(), &whole)
    }

    fn entries<'s>(&self, layer: u32, starts: &'s [Start<'s>]) -> Vec<Entry<'s>> {
        let mut entries: BTreeMap<(i64, Positions, Positions), Entry<'s>> = BTreeMap::new();
        for start in starts {
            let all = start.cell.positions().iter().map(|&pos| i64::from(pos));
            let patched = Positions::new(all.filter(|pos| (start.pos..=self.patch.last).contains(pos)));
            let all = start.cell.indices(Axis::SrcPos).iter().map(|&pos| i64::from(pos));
            let sources = Positions::new(all.filter(|&pos| pos <= self.patch.last));
            let entry = || Entry {
                starts: Vec::new(),
                first: start.pos,
                follows_other: start.follows_other,
                patched: patched.clone(),
                sources: sources.clone(),
                outputs: self.outputs(layer, start.pos),
            };
            entries.entry((start.pos, patched.clone(), sources.clone())).or_insert_with(entry).starts.push(start);
        }
        entries.into_values().collect()
    }

    fn packed(&self, entries: &[Entry<'_>], tensor: impl Fn(&Entry<'_>) -> Tensor) -> Batch {
        let tensors: Vec<Tensor> = entries.iter().map(tensor).collect();
        Batch::packed(entries.iter().map(Entry::segment).collect(), self.patch.prompts(), &tensors)
    }

    /// \[prompts, outputs, `d_model`\]
    fn resid_post(&self, layer: u32, component: Component, entry: &Entry<'_>) -> Tensor {
        let resid = self.patch.base_at(layer, Component::ResidPost, &entry.outputs).copy();
        let rows = entry.patched.intersection(&entry.outputs);
        if rows.is_empty() {
            return resid;
        }
        let value = self.patch.value_at(layer, component, &rows);
        let value = if component == Component::ResidPost {
            value
        } else {
            let at_rows = |component| self.patch.base_at(layer, component, &rows);
            at_rows(Component::ResidPost) + (value - at_rows(component))
        };
        rows.places_in(&entry.outputs).overwrite(&resid, 1, 0, &value);
        resid
    }

    /// Patches that act on the residual stream behind attention, at the positions that they change there.
    fn behind_attention(&self, layer: u32, component: Component, entries: &[Entry<'_>]) -> Batch {
        let reaches_later = self.facts(component).reach == Reach::LaterPositions;
        let rows = |entry: &Entry<'_>| {
            if reaches_later { entry.outputs.clone() } else { entry.patched.intersection(&entry.outputs) }
        };
        let segment = |entry: &Entry<'_>| Segment { positions: rows(entry), ..entry.segment() };
        let changed = |entry: &Entry<'_>| self.changed(layer, component, entry, &rows(entry));
        let changed: Vec<Tensor> = entries.iter().map(changed).collect();
        Batch::packed(entries.iter().map(segment).collect(), self.patch.prompts(), &changed)
    }

    /// \[cells, prompts, rows, `d_model`\]
    fn changed(&self, layer: u32, component: Component, entry: &Entry<'_>, rows: &Positions) -> Tensor {
        let at_rows = |component| self.patch.base_at(layer, component, rows);
        let value = || self.patch.value_at(layer, component, rows);
        match component {
            Component::ResidMid => entry.for_each_cell(&value()),
            Component::AttnOut => entry.for_each_cell(&(at_rows(Component::ResidMid) + (value() - at_rows(component)))),
            _ if self.patch.exec.model.architecture.has_post_norms() => {
                self.changed_as_whole(layer, component, entry, rows)
            }
            _ => self.changed_by_heads(layer, component, entry, rows),
        }
    }

    /// Where nothing is between attention's output projection and the residual stream, a change of a head adds to it.
    fn changed_by_heads(&self, layer: u32, component: Component, entry: &Entry<'_>, rows: &Positions) -> Tensor {
        let stream = self.patch.base_at(layer, changed_by_heads(&self.patch.exec.model.architecture), rows);
        let resid = entry.for_each_cell(&stream);
        for (place, change, heads) in self.z_changes(layer, component, entry, rows) {
            let mut cell = resid.select(0, place).flatten(0, 1);
            for Range { start, end } in heads {
                let change = change.narrow(2, start.into(), (end - start).into()).flatten(0, 1).flatten(1, 2);
                self.patch.exec.add_attn_out_of_heads(layer, start, &change, &mut cell);
            }
        }
        resid
    }

    /// Where a norm follows on the output projection, all heads go through both.
    fn changed_as_whole(&self, layer: u32, component: Component, entry: &Entry<'_>, rows: &Positions) -> Tensor {
        let (patch, exec) = (self.patch, self.patch.exec);
        let z = entry.for_each_cell(&patch.base_at(layer, Component::Z, rows));
        for (place, change, heads) in self.z_changes(layer, component, entry, rows) {
            for Range { start, end } in heads {
                let part = |x: &Tensor| x.narrow(2, start.into(), (end - start).into());
                let _ = part(&z.select(0, place)).g_add_(&part(&change));
            }
        }
        let stream = patch.base_at(layer, changed_by_heads(&exec.model.architecture), rows);
        stream.unsqueeze(0)
            + exec.attn_out(layer, &z.flatten(0, 2)).view([-1, patch.prompts(), rows.len(), stream.size()[2]])
    }

    /// For each cell by how much `z` changes \[prompts, rows, head, `d_head`\], and in which query heads that counts.
    fn z_changes(
        &self,
        layer: u32,
        component: Component,
        entry: &Entry<'_>,
        rows: &Positions,
    ) -> Vec<(i64, Tensor, Vec<Range<u32>>)> {
        let model = &self.patch.exec.model.architecture;
        let change = |among| {
            let (patched, sources) = (&entry.patched, &entry.sources);
            self.patch.z_change(&HeadPatch { component, layer, patched, sources, rows, among })
        };
        let cells = (0..).zip(&entry.starts).map(|(place, start)| (place, start.cell.indices(Axis::Head)));
        if component.mixes_heads(model) {
            let all = 0..model.heads;
            return cells.map(|(place, heads)| (place, change(Some(heads)), vec![all.clone()])).collect();
        }
        let served = component.heads().group(model);
        let of_cell = |heads: &[u32]| heads.iter().map(|&head| head * served..(head + 1) * served).collect();
        let change = change(None);
        cells.map(|(place, heads)| (place, change.shallow_clone(), of_cell(heads))).collect()
    }

    /// The block up to its MLP, where queries, keys and values change at the patched positions only.
    fn resid_mid_of_resid_pre(&self, layer: u32, entries: &[Entry<'_>]) -> Batch {
        let (patch, exec) = (self.patch, self.patch.exec);
        if entries.is_empty() {
            return Batch::empty(patch.prompts());
        }
        let projected = self.projected(layer, entries);
        // A run's activation up to the last read position, with the patched positions in it.
        let whole = |component, entry: &Entry<'_>, rows: Option<&Tensor>| {
            let x = patch.base(layer, component).copy();
            if let Some(rows) = rows {
                entry.patched.overwrite(&x, 1, 0, rows);
            }
            x
        };
        let parts = entries.iter().zip(&projected).map(|(entry, projected)| {
            let [resid, q, k, v] = [0, 1, 2, 3].map(|part| projected.as_ref().map(|projected| &projected[part]));
            let suffix = Positions::between(entry.first, patch.last);
            let k = suffix.of(&whole(Component::K, entry, k), 1, 0).unsqueeze(0);
            let v = suffix.of(&whole(Component::V, entry, v), 1, 0).unsqueeze(0);
            let q = entry.outputs.of(&whole(Component::Q, entry, q), 1, 0).unsqueeze(0);
            let segment = Segment { positions: suffix, ..entry.segment() };
            let z = self.attention(layer, &segment, [&q, &k, &v], &entry.outputs).flatten(0, 2);
            (z, entry.outputs.of(&whole(Component::ResidPre, entry, resid), 1, 0).flatten(0, 1))
        });
        let (z, resid_pre): (Vec<Tensor>, Vec<Tensor>) = parts.unzip();
        let resid_pre = Tensor::cat(&resid_pre, 0);
        let mlp_reads = if exec.model.architecture.is_parallel() {
            exec.mlp_reads_input(layer, &resid_pre, &exec.normed(layer, &resid_pre))
        } else {
            None
        };
        let resid = resid_pre + exec.attn_out(layer, &Tensor::cat(&z, 0));
        let segments = entries.iter().map(Entry::segment).collect();
        Batch { segments, prompts: patch.prompts(), resid: Some(resid), mlp_reads }
    }

    /// The patched residual stream before a block, its queries, keys and values, each \[prompts, patched, ..\]; `None` where
    /// no position that is computed is patched.
    fn projected(&self, layer: u32, entries: &[Entry<'_>]) -> Vec<Option<[Tensor; 4]>> {
        let exec = self.patch.exec;
        let value = |entry: &Entry<'_>| {
            (!entry.patched.is_empty()).then(|| self.patch.value_at(layer, Component::ResidPre, &entry.patched))
        };
        let patched: Vec<Option<Tensor>> = entries.iter().map(value).collect();
        let rows: Vec<Tensor> = patched.iter().flatten().map(|x| x.flatten(0, 1)).collect();
        if rows.is_empty() {
            return patched.iter().map(|_| None).collect();
        }
        let lengths: Vec<i64> = rows.iter().map(|rows| rows.size()[0]).collect();
        let normed = exec.normed(layer, &Tensor::cat(&rows, 0));
        let [keys, values] = exec.keys_values(layer, &normed);
        let [queries, keys, values] = [exec.queries(layer, &normed), keys, values]
            .map(|projected| projected.split_with_sizes(&lengths, 0).into_iter());
        let mut projections = queries.zip(keys).zip(values);
        let with_projections = |resid: Option<Tensor>| {
            let resid = resid?;
            let ((q, k), v) = projections.next()?;
            let apart = |x: Tensor| x.unflatten(0, &resid.size()[..2]);
            let [q, k, v] = [apart(q), apart(k), apart(v)];
            Some([resid, q, k, v])
        };
        patched.into_iter().map(with_projections).collect()
    }
}
