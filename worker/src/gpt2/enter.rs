//! How cells join: the block of their patch, with only what the patch can change in it.

use std::collections::BTreeMap;

use patchsweep_proto::grid::{Axis, Component};
use tch::Tensor;

use super::batch::{Batch, Segment};
use super::heads::HeadPatch;
use super::positions::Positions;
use super::suffix::{Start, SuffixRun};

/// Cells that join a batch in a block.
pub(super) struct Entering<'a> {
    pub(super) entries: Vec<Entry<'a>>,
    /// Cells that the MLP still changes, at the positions that it changes; the others are empty.
    pub(super) before_mlp: Batch,
    /// Cells at the end of the block, at all positions that matter there.
    pub(super) behind_mlp: Batch,
}

/// Cells of one block and component that patch the same positions.
pub(super) struct Entry<'a> {
    starts: Vec<&'a Start<'a>>,
    /// First position that changes.
    first: i64,
    /// Positions that are patched, from the first that changes to the last that is read.
    patched: Positions,
    /// Of a pattern: positions attended to whose probability is patched.
    sources: Positions,
    /// Positions that matter behind the block.
    outputs: Positions,
}

impl Entry<'_> {
    fn segment(&self) -> Segment {
        Segment { cells: self.starts.iter().map(|start| start.index).collect(), positions: self.outputs.clone() }
    }

    /// \[prompts, positions, `d_model`\] to \[cells, prompts, positions, `d_model`\]: a copy for each cell to change.
    fn for_each_cell(&self, x: &Tensor) -> Tensor {
        let cells = i64::try_from(self.starts.len()).unwrap_or(i64::MAX);
        x.unsqueeze(0).repeat([cells, 1, 1, 1])
    }
}

impl SuffixRun<'_> {
    /// Cells of one block and component, on their way into a batch.
    pub(super) fn enter<'s>(&self, layer: u32, starts: &'s [Start<'s>]) -> Entering<'s> {
        let entries = self.entries(layer, starts);
        let empty = || Batch::empty(self.patch.prompts());
        let Some(component) = starts.first().map(|start| start.cell.component()) else {
            return Entering { entries, before_mlp: empty(), behind_mlp: empty() };
        };
        let (before_mlp, behind_mlp) = match component {
            Component::ResidPost | Component::MlpOut => {
                let resid_post = |entry: &Entry<'_>| entry.for_each_cell(&self.resid_post(layer, component, entry));
                (empty(), self.packed(&entries, resid_post))
            }
            Component::ResidPre => (self.resid_mid_of_resid_pre(layer, &entries), empty()),
            _ => (self.resid_mids(layer, component, &entries), empty()),
        };
        Entering { entries, before_mlp, behind_mlp }
    }

    /// Cells that have passed the MLP, at all positions that matter behind the block.
    pub(super) fn completed(&self, layer: u32, entries: &[Entry<'_>], entered: &Batch) -> Batch {
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
        let mut entries: BTreeMap<(Positions, Positions), Entry<'s>> = BTreeMap::new();
        for start in starts {
            let all = start.cell.positions().iter().map(|&pos| i64::from(pos));
            let patched = Positions::new(all.filter(|pos| (start.pos..=self.patch.last).contains(pos)));
            let all = start.cell.indices(Axis::SrcPos).iter().map(|&pos| i64::from(pos));
            let sources = Positions::new(all.filter(|&pos| pos <= self.patch.last));
            let entry = || Entry {
                starts: Vec::new(),
                first: start.pos,
                patched: patched.clone(),
                sources: sources.clone(),
                outputs: self.outputs(layer, start.pos),
            };
            entries.entry((patched.clone(), sources.clone())).or_insert_with(entry).starts.push(start);
        }
        entries.into_values().collect()
    }

    fn packed(&self, entries: &[Entry<'_>], tensor: impl Fn(&Entry<'_>) -> Tensor) -> Batch {
        let tensors: Vec<Tensor> = entries.iter().map(tensor).collect();
        Batch::packed(entries.iter().map(Entry::segment).collect(), self.patch.prompts(), &tensors)
    }

    /// \[prompts, outputs, `d_model`\]
    fn resid_post(&self, layer: u32, component: Component, entry: &Entry<'_>) -> Tensor {
        let rows = entry.patched.intersection(&entry.outputs);
        let value = self.patch.value_at(layer, component, &rows);
        let value = if component == Component::ResidPost {
            value
        } else {
            let at_rows = |component| self.patch.base_at(layer, component, &rows);
            at_rows(Component::ResidPost) + (value - at_rows(component))
        };
        let resid = self.patch.base_at(layer, Component::ResidPost, &entry.outputs).copy();
        rows.places_in(&entry.outputs).overwrite(&resid, 1, 0, &value);
        resid
    }

    /// Patches that act on the residual stream between attention and MLP, at the positions that they change there.
    fn resid_mids(&self, layer: u32, component: Component, entries: &[Entry<'_>]) -> Batch {
        let reaches_later = matches!(component, Component::K | Component::V);
        let rows = |entry: &Entry<'_>| {
            if reaches_later { entry.outputs.clone() } else { entry.patched.intersection(&entry.outputs) }
        };
        let segment = |entry: &Entry<'_>| Segment { positions: rows(entry), ..entry.segment() };
        let resid_mid: Vec<Tensor> =
            entries.iter().map(|entry| self.resid_mid(layer, component, entry, &rows(entry))).collect();
        Batch::packed(entries.iter().map(segment).collect(), self.patch.prompts(), &resid_mid)
    }

    /// \[cells, prompts, rows, `d_model`\]
    fn resid_mid(&self, layer: u32, component: Component, entry: &Entry<'_>, rows: &Positions) -> Tensor {
        let at_rows = |component| self.patch.base_at(layer, component, rows);
        let value = || self.patch.value_at(layer, component, rows);
        match component {
            Component::ResidMid => return entry.for_each_cell(&value()),
            Component::AttnOut => {
                return entry.for_each_cell(&(at_rows(Component::ResidMid) + (value() - at_rows(component))));
            }
            _ => {}
        }
        let patch = HeadPatch { component, layer, patched: &entry.patched, sources: &entry.sources, rows };
        let z_change = self.patch.z_change(&patch);
        let resid = entry.for_each_cell(&at_rows(Component::ResidMid));
        for (place, start) in (0..).zip(&entry.starts) {
            let mut cell = resid.select(0, place).flatten(0, 1);
            for &head in start.cell.indices(Axis::Head) {
                let change = z_change.select(2, head.into()).flatten(0, 1);
                self.patch.model.add_attn_out_of_head(layer, head, &change, &mut cell);
            }
        }
        resid
    }

    /// The block up to its MLP, where queries, keys and values change at the patched positions only.
    fn resid_mid_of_resid_pre(&self, layer: u32, entries: &[Entry<'_>]) -> Batch {
        let (patch, model) = (self.patch, self.patch.model);
        let patched: Vec<Tensor> =
            entries.iter().map(|entry| patch.value_at(layer, Component::ResidPre, &entry.patched)).collect();
        let flat: Vec<Tensor> = patched.iter().map(|x| x.flatten(0, 1)).collect();
        let lengths: Vec<i64> = flat.iter().map(|x| x.size()[0]).collect();
        let normed = model.normed(layer, &Tensor::cat(&flat, 0));
        let [keys, values] = model.keys_values(layer, &normed).map(|x| x.split_with_sizes(&lengths, 0));
        let queries = model.queries(layer, &normed).split_with_sizes(&lengths, 0);
        // A run's activation from the patch on, with the patched positions in it.
        let whole = |component, entry: &Entry<'_>, rows: &Tensor| {
            let x = patch.base(layer, component).copy();
            entry.patched.overwrite(&x, 1, 0, &rows.view_as(&entry.patched.of(&x, 1, 0)));
            x
        };
        let z = entries.iter().enumerate().map(|(index, entry)| {
            let suffix = Positions::between(entry.first, patch.last);
            let [k, v] = [(Component::K, &keys), (Component::V, &values)]
                .map(|(component, rows)| suffix.of(&whole(component, entry, &rows[index]), 1, 0).unsqueeze(0));
            let q = entry.outputs.of(&whole(Component::Q, entry, &queries[index]), 1, 0).unsqueeze(0);
            let segment = Segment { positions: suffix, ..entry.segment() };
            self.attention(layer, &segment, [&q, &k, &v], &entry.outputs).flatten(0, 2)
        });
        let attn_out = model.attn_out(layer, &Tensor::cat(&z.collect::<Vec<_>>(), 0));
        let resid_pre = entries.iter().zip(&patched);
        let resid_pre = resid_pre
            .map(|(entry, rows)| entry.outputs.of(&whole(Component::ResidPre, entry, rows), 1, 0).flatten(0, 1));
        let resid = Tensor::cat(&resid_pre.collect::<Vec<_>>(), 0) + attn_out;
        Batch { segments: entries.iter().map(Entry::segment).collect(), prompts: patch.prompts(), resid: Some(resid) }
    }
}
