//! Neurons that cells with several writes write: put into the hidden layer of the rows that go through an MLP.
//!
//! What one write puts into all cells is one change, so that later ones overwrite earlier ones; rows and neurons are gathered as
//! numbers first.

use std::collections::BTreeMap;

use patchsweep_core::grid::{Axis, Component, PatchValue};
use tch::Tensor;

use super::batch::Layout;
use super::cell_rows::Row;
use super::changes::{Changes, index};
use super::patches::Patches;
use crate::torch::numbers::length;

/// What is put into a batch's hidden layer in one block.
pub(crate) struct HiddenChanges(Vec<HiddenChange>);

/// One value put into as many neurons of each of some rows.
struct HiddenChange {
    component: Component,
    /// Ascending.
    rows: Vec<i64>,
    /// Rows of the table of values.
    sources: Vec<i64>,
    /// `None`: the whole hidden layer.
    neurons: Option<Neurons>,
    /// Values \[prompts * pos, `d_mlp`\].
    table: Tensor,
}

/// Lists of equally many neurons, of which rows of one write share one: a batch has very many rows.
struct Neurons {
    /// How many a list has.
    each: usize,
    /// Of each row the list's number.
    of_rows: Vec<i64>,
    /// One behind the other \[lists, neurons\].
    lists: Vec<i64>,
}

impl Neurons {
    fn of_each(each: usize) -> Self {
        Self { each, of_rows: Vec::new(), lists: Vec::new() }
    }

    /// The number of a list that is new.
    fn add(&mut self, list: &[u32]) -> i64 {
        self.lists.extend(list.iter().map(|&neuron| i64::from(neuron)));
        length(self.lists.len() / self.each) - 1
    }
}

/// Rows whose changes are one: which of its cell's writes at the site it is, what is put, into how many neurons.
type Alike = (usize, PatchValue, usize);

impl HiddenChanges {
    pub(crate) fn of(patches: &Patches<'_>, layer: u32, changes: &Changes<'_>, layout: &Layout) -> Self {
        let sites = [Component::MlpPre, Component::MlpPost];
        let here = sites.into_iter().filter(|&component| changes.are_at(layer, component));
        Self(here.flat_map(|component| Self::at(patches, (layer, component), changes, layout)).collect())
    }

    fn at(
        patches: &Patches<'_>,
        (layer, component): (u32, Component),
        changes: &Changes<'_>,
        layout: &Layout,
    ) -> Vec<HiddenChange> {
        let width = patches.exec().model.architecture.d_mlp as usize;
        let mut alike: BTreeMap<Alike, HiddenChange> = BTreeMap::new();
        let mut known: BTreeMap<(Alike, &[u32]), i64> = BTreeMap::new();
        for rows in layout.cells() {
            let part = rows.segment.part;
            for (order, write) in changes.writes((part, rows.cell), layer, component).enumerate() {
                let mut rows = rows.at(write.positions()).peekable();
                if rows.peek().is_none() {
                    continue;
                }
                let neurons = write.indices(Axis::Neuron);
                let key = (order, write.value, neurons.len());
                let change = alike.entry(key).or_insert_with(|| HiddenChange {
                    component,
                    rows: Vec::new(),
                    sources: Vec::new(),
                    neurons: (neurons.len() < width).then(|| Neurons::of_each(neurons.len())),
                    table: patches.new_table(write.value, layer, component),
                });
                let list =
                    change.neurons.as_mut().map(|all| *known.entry((key, neurons)).or_insert_with(|| all.add(neurons)));
                for Row { number: row, prompt, pos } in rows {
                    change.rows.push(row);
                    change.sources.push(patches.rows.of(part, prompt, pos));
                    if let Some((all, list)) = change.neurons.as_mut().zip(list) {
                        all.of_rows.push(list);
                    }
                }
            }
        }
        alike.into_values().collect()
    }

    /// Puts values into some rows of a site, `first` and those behind it \[some rows, `d_mlp`\].
    pub(crate) fn put(&self, component: Component, first: i64, x: &mut Tensor) {
        for change in self.0.iter().filter(|change| change.component == component) {
            change.put(first, x);
        }
    }
}

impl HiddenChange {
    fn put(&self, first: i64, x: &mut Tensor) {
        let end = first + x.size()[0];
        let [from, to] = [first, end].map(|row| self.rows.partition_point(|&other| other < row));
        if from == to {
            return;
        }
        let rows: Vec<i64> = self.rows[from..to].iter().map(|row| row - first).collect();
        let rows = index(&rows, x);
        let new = self.table.index_select(0, &index(&self.sources[from..to], x));
        let Some(neurons) = &self.neurons else {
            let _ = x.index_copy_(0, &rows, &new);
            return;
        };
        let lists = index(&neurons.lists, x).view([-1, length(neurons.each)]);
        let neurons = lists.index_select(0, &index(&neurons.of_rows[from..to], x));
        let new = new.gather(1, &neurons, false);
        let _ = x.index_put_(&[Some(rows.unsqueeze(1)), Some(neurons)], &new, false);
    }
}
