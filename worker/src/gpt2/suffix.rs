//! Patched runs: from the patched layer on, and from the patched position to the read position.
//!
//! Attention is causal, so a patch changes nothing before its position: there keys and values are the clean run's. In
//! the last block only the read position matters. All cells of a batch go through a block together.

use std::collections::{BTreeMap, BTreeSet};

use patchsweep_proto::grid::{Cell, Component};
use tch::Tensor;

use super::recorder::Site;
use super::suffix_attention::suffix_attention;
use super::weights::Gpt2;

/// A cell, and where its runs start to differ from the clean ones.
#[derive(Clone, Copy, Debug)]
pub(super) struct Start {
    /// Index in the tile's cells.
    pub(super) index: usize,
    pub(super) cell: Cell,
    /// First position that the patch changes.
    pub(super) pos: i64,
}

/// Runs of cells that start at the same position. Tensors are \[cells, prompts, pos, ..\], up to the read position.
struct Group {
    pos: i64,
    cells: Vec<usize>,
    resid: Tensor,
}

/// A group inside a block: the residual stream that attention or MLP adds to, and what they work on.
struct Inside<const N: usize> {
    group: Group,
    parts: [Tensor; N],
}

/// Patched runs over some prompts. Activations are \[prompts, pos, ..\].
pub(super) struct SuffixRun<'a> {
    pub(super) model: &'a Gpt2,
    pub(super) clean: &'a BTreeMap<Site, Tensor>,
    pub(super) corrupted: &'a BTreeMap<Site, Tensor>,
    pub(super) read: i64,
}

/// What a patch of this component needs of the clean run in its own layer, besides keys and values.
pub(super) fn entry_components(component: Component) -> &'static [Component] {
    use Component::{AttnOut, K, MlpOut, Q, ResidMid, ResidPost, ResidPre, V, Z};
    match component {
        ResidPre => &[ResidPre],
        Q | K | V => &[ResidPre, Q],
        Z => &[ResidPre, Z],
        AttnOut => &[ResidPre, AttnOut],
        ResidMid => &[ResidMid],
        MlpOut => &[ResidMid, MlpOut],
        ResidPost => &[ResidPost],
    }
}

/// What runs that start at these cells read of the clean run.
pub(super) fn clean_sites(starts: &[Start], layers: u32) -> BTreeSet<Site> {
    let first = starts.iter().map(|start| start.cell.layer).min().unwrap_or(layers);
    let keys_values = (first..layers).flat_map(|layer| [(layer, Component::K), (layer, Component::V)]);
    let entry = starts.iter().flat_map(|Start { cell, .. }| {
        entry_components(cell.component).iter().map(|&component| (cell.layer, component))
    });
    keys_values.chain(entry).collect()
}

impl SuffixRun<'_> {
    /// The last residual stream at the read position \[cells, prompts, `d_model`\], with the cells' indices.
    pub(super) fn run(&self, starts: &[Start]) -> Vec<(Vec<usize>, Tensor)> {
        let layers = self.model.config.shape.layers;
        let first = starts.iter().map(|start| start.cell.layer).min().unwrap_or(layers);
        let mut groups = Vec::new();
        for layer in first..layers {
            let joining: Vec<Start> = starts.iter().filter(|start| start.cell.layer == layer).copied().collect();
            let (whole, inside): (Vec<_>, Vec<_>) =
                joining.into_iter().partition(|start| start.cell.component == Component::ResidPre);
            groups = merge(groups, group(&whole, |start| self.patched(start, start.pos)));
            groups = self.after_resid_pre(layer, groups);
            groups = merge(groups, self.enter(layer, &inside));
        }
        groups.into_iter().map(|group| (group.cells, group.resid.select(2, -1))).collect()
    }

    /// Cells that join inside a block, taken to its end.
    fn enter(&self, layer: u32, starts: &[Start]) -> Vec<Group> {
        let Some(Start { cell, .. }) = starts.first() else { return Vec::new() };
        let from = |start: &Start| if self.is_last(layer) { self.read } else { start.pos };
        let clean = |start: &Start, component| self.clean_from((layer, component), from(start));
        let patched = |start: &Start| self.patched(start, from(start));
        let resid = |component| group(starts, move |start| clean(start, component));
        let with = |groups: Vec<Group>| inside(groups, group(starts, patched));
        match cell.component {
            Component::Q | Component::K | Component::V => {
                let part = |component, from: &dyn Fn(&Start) -> i64| {
                    group(starts, |start| {
                        if start.cell.component == component {
                            self.patched(start, from(start))
                        } else {
                            self.clean_from((layer, component), from(start))
                        }
                    })
                };
                let suffix = |start: &Start| start.pos;
                let (q, k, v) = (part(Component::Q, &from), part(Component::K, &suffix), part(Component::V, &suffix));
                let parts = q.into_iter().zip(k).zip(v).map(|((q, k), v)| [q.resid, k.resid, v.resid]);
                let groups = resid(Component::ResidPre).into_iter().zip(parts);
                self.after_qkv(layer, groups.map(|(group, parts)| Inside { group, parts }).collect())
            }
            Component::Z => self.after_z(layer, with(resid(Component::ResidPre))),
            Component::AttnOut => self.after_resid_mid(layer, added(with(resid(Component::ResidPre)))),
            Component::ResidMid => self.after_resid_mid(layer, group(starts, patched)),
            Component::MlpOut => added(with(resid(Component::ResidMid))),
            Component::ResidPost | Component::ResidPre => group(starts, patched),
        }
    }

    /// The whole block.
    fn after_resid_pre(&self, layer: u32, groups: Vec<Group>) -> Vec<Group> {
        let normed = packed(groups.iter().map(|group| &group.resid), |x| self.model.normed(layer, x));
        let read = |x: &Tensor| if self.is_last(layer) { x.slice(2, -1, None, 1) } else { x.shallow_clone() };
        let read_normed: Vec<Tensor> = normed.iter().map(read).collect();
        let queries = packed(&read_normed, |x| self.model.heads(&self.model.queries(layer, x)));
        let keys_values = packed(&normed, |x| self.model.keys_values(layer, x));
        let parts = queries.into_iter().zip(&keys_values).map(|(q, both)| {
            let [k, v] = self.model.split_keys_values(both);
            [q, k, v]
        });
        let groups = groups.into_iter().map(|group| Group { resid: read(&group.resid), ..group });
        self.after_qkv(layer, groups.zip(parts).map(|(group, parts)| Inside { group, parts }).collect())
    }

    /// The block from attention on.
    fn after_qkv(&self, layer: u32, groups: Vec<Inside<3>>) -> Vec<Group> {
        let scale = self.model.attention_scale(layer);
        let prefix = |component, pos| self.clean[&(layer, component)].narrow(1, 0, pos);
        let attend = |Inside { group, parts: [q, k, v] }: Inside<3>| {
            let (keys, values) = (prefix(Component::K, group.pos), prefix(Component::V, group.pos));
            let z = suffix_attention(&(q * scale), &k, &v, &keys, &values);
            Inside { group, parts: [z] }
        };
        self.after_z(layer, groups.into_iter().map(attend).collect())
    }

    /// The block from the output projection on.
    fn after_z(&self, layer: u32, groups: Vec<Inside<1>>) -> Vec<Group> {
        let z: Vec<Tensor> = groups.iter().map(|inside| inside.parts[0].flatten(3, 4)).collect();
        let attn_out = packed(&z, |x| self.model.attn_out(layer, x));
        let groups = groups.into_iter().zip(attn_out);
        self.after_resid_mid(layer, added(groups.map(|(inside, out)| Inside { parts: [out], ..inside }).collect()))
    }

    /// The MLP.
    fn after_resid_mid(&self, layer: u32, groups: Vec<Group>) -> Vec<Group> {
        let mlp_out = packed(groups.iter().map(|group| &group.resid), |x| self.model.mlp_out(layer, x));
        added(groups.into_iter().zip(mlp_out).map(|(group, out)| Inside { group, parts: [out] }).collect())
    }

    fn clean_from(&self, site: Site, from: i64) -> Tensor {
        self.clean[&site].narrow(1, from, self.read + 1 - from)
    }

    /// The clean activation with the patch in it, from a position to the read position.
    fn patched(&self, start: &Start, from: i64) -> Tensor {
        let Cell { component, layer, pos, head } = start.cell;
        let part = |x: &Tensor| {
            let x = pos.map_or_else(|| x.shallow_clone(), |pos| x.narrow(1, i64::from(pos) - from, 1));
            head.map_or_else(|| x.shallow_clone(), |head| x.narrow(2, head.into(), 1))
        };
        let corrupted = self.corrupted[&(layer, component)].narrow(1, from, self.read + 1 - from);
        let patched = self.clean_from((layer, component), from).copy();
        part(&patched).copy_(&part(&corrupted));
        patched
    }

    fn is_last(&self, layer: u32) -> bool {
        layer + 1 == self.model.config.shape.layers
    }
}

/// One group per start position, of one tensor \[prompts, pos, ..\] per cell.
fn group(starts: &[Start], tensor: impl Fn(&Start) -> Tensor) -> Vec<Group> {
    let mut by_pos: BTreeMap<i64, (Vec<usize>, Vec<Tensor>)> = BTreeMap::new();
    for start in starts {
        let (cells, tensors) = by_pos.entry(start.pos).or_default();
        cells.push(start.index);
        tensors.push(tensor(start));
    }
    let stacked = by_pos.into_iter().map(|(pos, (cells, tensors))| (pos, cells, Tensor::stack(&tensors, 0)));
    stacked.map(|(pos, cells, resid)| Group { pos, cells, resid }).collect()
}

/// Applies a function of rows \[rows, ..\] to all groups at once, so that every matrix product runs over all rows.
fn packed<'a>(
    tensors: impl IntoIterator<Item = &'a Tensor, IntoIter: Clone>,
    function: impl Fn(&Tensor) -> Tensor,
) -> Vec<Tensor> {
    let tensors = tensors.into_iter();
    let shapes: Vec<Vec<i64>> = tensors.clone().map(|tensor| tensor.size()[..3].to_vec()).collect();
    let rows: Vec<Tensor> = tensors.map(|tensor| tensor.flatten(0, 2)).collect();
    if rows.is_empty() {
        return Vec::new();
    }
    let lengths: Vec<i64> = rows.iter().map(|rows| rows.size()[0]).collect();
    let results = function(&Tensor::cat(&rows, 0)).split_with_sizes(lengths, 0);
    results.iter().zip(shapes).map(|(result, shape)| result.unflatten(0, shape.as_slice())).collect()
}

/// Puts groups of the same cells together.
fn inside(groups: Vec<Group>, parts: Vec<Group>) -> Vec<Inside<1>> {
    groups.into_iter().zip(parts).map(|(group, part)| Inside { group, parts: [part.resid] }).collect()
}

/// The residual streams with what was computed added to them.
fn added(groups: Vec<Inside<1>>) -> Vec<Group> {
    let add = |Inside { group, parts: [part] }: Inside<1>| Group { resid: &group.resid + part, ..group };
    groups.into_iter().map(add).collect()
}

/// Puts groups of the same start position together.
fn merge(groups: Vec<Group>, others: Vec<Group>) -> Vec<Group> {
    let mut by_pos: BTreeMap<i64, Group> = groups.into_iter().map(|group| (group.pos, group)).collect();
    for other in others {
        let merged = match by_pos.remove(&other.pos) {
            Some(group) => Group {
                pos: group.pos,
                cells: [group.cells, other.cells].concat(),
                resid: Tensor::cat(&[group.resid, other.resid], 0),
            },
            None => other,
        };
        by_pos.insert(merged.pos, merged);
    }
    by_pos.into_values().collect()
}
