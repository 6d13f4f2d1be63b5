//! The second pass: what receivers read when nothing but the senders has changed.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use patchsweep_core::architecture::Architecture;
use patchsweep_core::grid::Component;
use patchsweep_core::paths::{Mlps, Norms, Path, Receivers, SenderKey};
use patchsweep_core::sites::{Stage, read_by_mlp};
use tch::Tensor;

use crate::torch::devices::on;
use crate::torch::numbers::length;
use crate::torch::patch::batch::{Batch, Layout, Segment, flat};
use crate::torch::patch::changes::index;
use crate::torch::patch::cohort::{Cohort, Start};
use crate::torch::patch::values::Patch;
use crate::torch::positions::Positions;

/// Where the second pass of some paths ended.
pub(super) enum Sent {
    /// At the unembedding: the last residual stream.
    ToLogits(Batch),
    ToReceivers(Tables),
}

/// What the receivers of each layer read, where senders change it.
pub(super) type Tables = BTreeMap<u32, Table>;

/// What the receivers of a layer read.
pub(super) struct Table {
    /// Queries, keys or values \[rows, head, `d_head`\], or what the MLP reads \[rows, `d_model`\].
    pub(super) rows: Tensor,
    /// Of each sender the first of its rows \[prompts, positions\], and the positions.
    pub(super) places: HashMap<SenderKey, (i64, Positions)>,
}

/// Senders of one layer whose rows go the same way.
struct Group<'s, 'a> {
    senders: Vec<(SenderKey, &'s Start<'a>)>,
    rows: Positions,
    /// Layers whose receivers are served.
    received: BTreeSet<u32>,
}

/// The groups that are under way, and their rows \[groups: senders, prompts, positions\]\[`d_model`\].
struct Flight<'s, 'a> {
    groups: Vec<Group<'s, 'a>>,
    resid: Tensor,
}

/// Runs the second pass of the senders of some paths, at least one.
pub(super) fn send(patch: &Patch<'_>, starts: &[Start<'_>], rows: &dyn Fn(&Path<'_>) -> Vec<u32>) -> Sent {
    let model = &patch.exec.model.architecture;
    let first = starts.first().and_then(|start| start.cell.path()).expect("a path");
    let (to, read_stage) = (first.to, first.read_stage(model));
    let sender_stage = first.cell.component().facts(model).stage;
    let mut waiting = groups(starts, rows, model);
    let mut flight: Option<Flight<'_, '_>> = None;
    let mut tables = Tables::new();
    let first = waiting.first_key_value().map_or(model.layers, |(&layer, _)| layer);
    for layer in first..model.layers {
        let mut due =
            |stage| if stage == sender_stage { waiting.remove(&layer).unwrap_or_default() } else { Vec::new() };
        flight = flight.map(|flight| Flight { resid: on(patch.exec.device(layer), flight.resid), ..flight });
        flight = joined(patch, layer, flight, due(Stage::Input));
        if read_stage == Stage::Input {
            flight = received(patch, to, layer, flight, &mut tables);
        }
        let mut reads =
            flight.as_ref().filter(|_| model.is_parallel()).map(|flight| mlp_reads(patch, to, layer, flight));
        if let Some(Flight { groups, resid }) = &mut flight {
            *resid = &*resid + base_rows(patch, layer, Component::AttnOut, &*groups);
        }
        flight = joined(patch, layer, flight, due(Stage::BeforeMlp));
        if read_stage == Stage::BeforeMlp {
            flight = received(patch, to, layer, flight, &mut tables);
        }
        if reads.is_none() && to.norms == Norms::Frozen {
            reads = flight.as_ref().map(|flight| mlp_reads(patch, to, layer, flight));
        }
        if let Some(Flight { groups, resid }) = &mut flight {
            match to.mlps {
                Mlps::Live => patch.exec.add_mlp_out(layer, resid, reads.as_ref()),
                Mlps::Frozen => *resid = &*resid + base_rows(patch, layer, Component::MlpOut, &*groups),
            }
        }
        flight = joined(patch, layer, flight, due(Stage::Output));
    }
    if to.component.is_some() {
        Sent::ToReceivers(tables)
    } else {
        Sent::ToLogits(flight.expect("senders").done(patch))
    }
}

/// What the MLPs of a block read of the runs that are under way.
fn mlp_reads(patch: &Patch<'_>, to: &Receivers, layer: u32, flight: &Flight<'_, '_>) -> Tensor {
    let like = like(patch, to, layer, read_by_mlp(&patch.exec.model.architecture), &flight.groups);
    patch.exec.mlp_reads_like(layer, &flight.resid, like.as_ref())
}

/// Row by row the residual stream whose norms' divisors are taken, where they are frozen.
fn like<'s, 'a: 's>(
    patch: &Patch<'_>,
    to: &Receivers,
    layer: u32,
    stream: Component,
    groups: impl IntoIterator<Item = &'s Group<'s, 'a>>,
) -> Option<Tensor> {
    (to.norms == Norms::Frozen).then(|| base_rows(patch, layer, stream, groups))
}

/// Each sender once, by its layer.
fn groups<'s, 'a>(
    starts: &'s [Start<'a>],
    rows: &dyn Fn(&Path<'_>) -> Vec<u32>,
    model: &Architecture,
) -> BTreeMap<u32, Vec<Group<'s, 'a>>> {
    let mut senders: BTreeMap<SenderKey, (&Start<'_>, BTreeSet<u32>)> = BTreeMap::new();
    for start in starts {
        let path = start.cell.path().expect("a path");
        let (_, received) = senders.entry(path.sender()).or_insert_with(|| (start, BTreeSet::new()));
        received.extend(path.layers_behind(model));
    }
    let mut alike: BTreeMap<(u32, Positions, BTreeSet<u32>), Vec<_>> = BTreeMap::new();
    for (key, (start, received)) in senders {
        let rows = Positions::new(rows(&start.cell.path().expect("a path")).into_iter().map(i64::from));
        alike.entry((start.cell.layer(), rows, received)).or_default().push((key, start));
    }
    let mut groups: BTreeMap<u32, Vec<Group<'_, '_>>> = BTreeMap::new();
    for ((layer, rows, received), senders) in alike {
        groups.entry(layer).or_default().push(Group { senders, rows, received });
    }
    groups
}

/// Puts the rows of groups that begin here behind those that are under way.
fn joined<'s, 'a>(
    patch: &Patch<'_>,
    layer: u32,
    flight: Option<Flight<'s, 'a>>,
    joining: Vec<Group<'s, 'a>>,
) -> Option<Flight<'s, 'a>> {
    let changed = |group: &Group<'_, '_>| {
        let starts: Vec<_> = group.senders.iter().map(|(_, start)| *start).collect();
        let (suffix, sources) = (starts[0].suffix, Positions::new([]));
        let cohort = Cohort { starts, suffix, patched: group.rows.clone(), sources };
        patch.changed(layer, cohort.component(), &cohort, &group.rows)
    };
    let tensors: Vec<Tensor> = joining.iter().map(changed).collect();
    match (flight, joining.is_empty()) {
        (flight, true) => flight,
        (None, false) => Some(Flight { groups: joining, resid: flat(&tensors) }),
        (Some(Flight { mut groups, resid }), false) => {
            groups.extend(joining);
            Some(Flight { groups, resid: Tensor::cat(&[resid, flat(&tensors)], 0) })
        }
    }
}

/// Keeps what receivers of a layer read, and lets those groups go whose last one this is.
fn received<'s, 'a>(
    patch: &Patch<'_>,
    to: &Receivers,
    layer: u32,
    flight: Option<Flight<'s, 'a>>,
    tables: &mut Tables,
) -> Option<Flight<'s, 'a>> {
    let (flight, component) = (flight?, to.component);
    let Some(component) = component else { return Some(flight) };
    let prompts = patch.prompts();
    let reading = flight.kept(prompts, |group| group.received.contains(&layer));
    if let Some((groups, resid)) = reading {
        let (mut first, mut places) = (0, HashMap::new());
        let stream = if component == Component::MlpIn {
            read_by_mlp(&patch.exec.model.architecture)
        } else {
            Component::ResidPre
        };
        let like = like(patch, to, layer, stream, groups.iter().copied());
        for group in groups {
            for (key, _) in &group.senders {
                places.insert(*key, (first, group.rows.clone()));
                first += prompts * group.rows.len();
            }
        }
        tables.insert(layer, Table { rows: read(patch, layer, component, &resid, like.as_ref()), places });
    }
    let resid = flight.kept(prompts, |group| group.goes_beyond(layer)).map(|(_, resid)| resid);
    let groups = flight.groups.into_iter().filter(|group| group.goes_beyond(layer)).collect();
    resid.map(|resid| Flight { groups, resid })
}

/// What a receiver reads of the residual stream \[.., `d_model`\]; `like`: of the same shape, where norms are frozen.
fn read(patch: &Patch<'_>, layer: u32, component: Component, resid: &Tensor, like: Option<&Tensor>) -> Tensor {
    let exec = patch.exec;
    let normed = || exec.normed_like(layer, resid, like);
    match component {
        Component::Q => exec.queries(layer, &normed()),
        // Without a norm it is the residual stream itself, which goes on.
        Component::MlpIn => exec.mlp_reads_like(layer, resid, like).copy(),
        _ => exec.keys_or_values(layer, component, &normed()),
    }
}

/// An activation of the run that is patched, for each row.
fn base_rows<'s, 'a: 's>(
    patch: &Patch<'_>,
    layer: u32,
    component: Component,
    groups: impl IntoIterator<Item = &'s Group<'s, 'a>>,
) -> Tensor {
    let all = patch.base(layer, component).flatten(0, 1);
    let rows = groups.into_iter().flat_map(|group| {
        let runs = group.senders.iter().flat_map(|_| 0..patch.prompts());
        runs.flat_map(|prompt| group.rows.iter().map(move |pos| prompt * (patch.last + 1) + pos))
    });
    all.index_select(0, &index(&rows.collect::<Vec<_>>(), &all))
}

impl Group<'_, '_> {
    fn goes_beyond(&self, layer: u32) -> bool {
        self.received.last().is_none_or(|&last| last > layer)
    }

    fn len(&self, prompts: i64) -> i64 {
        length(self.senders.len()) * prompts * self.rows.len()
    }
}

impl<'s, 'a> Flight<'s, 'a> {
    /// Some groups, and their rows; `None` where there is none.
    fn kept(&self, prompts: i64, is_kept: impl Fn(&Group<'_, '_>) -> bool) -> Option<(Vec<&Group<'s, 'a>>, Tensor)> {
        let lengths: Vec<i64> = self.groups.iter().map(|group| group.len(prompts)).collect();
        let parts = self.groups.iter().zip(self.resid.split_with_sizes(&lengths, 0));
        let (groups, parts): (Vec<_>, Vec<_>) = parts.filter(|(group, _)| is_kept(group)).unzip();
        if groups.len() == self.groups.len() {
            return Some((groups, self.resid.shallow_clone()));
        }
        (!groups.is_empty()).then(|| (groups, Tensor::cat(&parts, 0)))
    }

    /// The runs behind all blocks, one for each sender.
    fn done(self, patch: &Patch<'_>) -> Batch {
        let segment = |group: Group<'_, '_>| Segment {
            part: 0,
            prompts: patch.prompts(),
            cells: group.senders.iter().map(|(_, start)| start.index).collect(),
            suffix: group.senders[0].1.suffix,
            positions: group.rows,
        };
        let segments = self.groups.into_iter().map(segment).collect();
        let layout = Layout { segments };
        Batch { layout, resid: self.resid }
    }
}
