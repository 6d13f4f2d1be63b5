//! What cells with several writes, and paths, change on their way: values put into rows of a batch, whatever the runs have made there.
//!
//! Rows and where their values stand are gathered as numbers first, so that the number of calls does not grow with the cells.

use std::collections::{BTreeMap, HashMap};

use patchsweep_core::grid::{Axis, Component, PatchValue};
use patchsweep_core::writes::Write;
use tch::Tensor;

use super::batch::Layout;
use super::cell_rows::Row;
use super::cohort::Start;
use super::patches::{Patches, TableRows};
use super::paths::Received;

use crate::torch::gpu::upload;

/// What is changed on the way of a batch's cells.
pub(crate) struct Changes<'a> {
    /// The writes of cells with several of them, by the part and the index in the tile's cells.
    writes: HashMap<(usize, usize), Vec<Write<'a>>>,
    /// Of paths what their receivers read.
    received: Option<Received<'a>>,
}

/// One value put into some rows.
pub(crate) struct Change {
    value: PatchValue,
    rows: Vec<i64>,
    /// Of each row the head; of components without heads none.
    heads: Vec<i64>,
    /// Rows of the table of values \[prompts * pos, ..\] of all parts.
    sources: Vec<i64>,
}

impl<'a> Changes<'a> {
    pub(crate) fn of(starts: &[Start<'a>]) -> Self {
        let several = starts.iter().filter(|start| start.cell.has_several_writes());
        let writes = several.map(|start| ((start.part, start.index), start.cell.writes().collect())).collect();
        Self { writes, received: None }
    }

    /// Of paths.
    pub(crate) fn received(received: Received<'a>) -> Self {
        Self { writes: HashMap::new(), received: Some(received) }
    }

    /// What the receivers of paths read, where the cells are paths.
    pub(crate) fn of_paths(&self) -> Option<&Received<'a>> {
        self.received.as_ref()
    }

    /// The writes of a part's cell at a site, of two at one place the one that counts last.
    pub(crate) fn writes(
        &self,
        cell: (usize, usize),
        layer: u32,
        component: Component,
    ) -> impl Iterator<Item = &Write<'a>> {
        let here = move |write: &&Write<'_>| (write.layer, write.component) == (layer, component);
        self.writes.get(&cell).into_iter().flatten().filter(here)
    }

    /// Whether any cell writes there.
    pub(crate) fn are_at(&self, layer: u32, component: Component) -> bool {
        self.writes.keys().any(|&cell| self.writes(cell, layer, component).next().is_some())
    }

    /// What is put into the rows of a batch at a site; `table`: of the tables of values.
    pub(crate) fn at(&self, layer: u32, component: Component, layout: &Layout, table: &TableRows) -> Vec<Change> {
        if !self.are_at(layer, component) {
            return Vec::new();
        }
        // By row and head, so that of several writes the last one counts.
        let mut put: BTreeMap<(i64, i64), (PatchValue, i64)> = BTreeMap::new();
        for rows in layout.cells() {
            let part = rows.segment.part;
            for write in self.writes((part, rows.cell), layer, component) {
                let heads = write.indices(Axis::Head);
                for Row { number: row, prompt, pos } in rows.at(write.positions()) {
                    let source = (write.value, table.of(part, prompt, pos));
                    if component.has_heads() {
                        put.extend(heads.iter().map(|&head| ((row, i64::from(head)), source)));
                    } else {
                        put.insert((row, 0), source);
                    }
                }
            }
        }
        let mut changes: Vec<Change> = Vec::new();
        for ((row, head), (value, source)) in put {
            let place = changes.iter().position(|change| change.value == value).unwrap_or_else(|| {
                changes.push(Change { value, rows: Vec::new(), heads: Vec::new(), sources: Vec::new() });
                changes.len() - 1
            });
            let change = &mut changes[place];
            change.rows.push(row);
            change.sources.push(source);
            if component.has_heads() {
                change.heads.push(head);
            }
        }
        changes
    }
}

impl Change {
    /// The rows \[changed\] of a tensor \[rows, ..\].
    pub(crate) fn rows_of(&self, x: &Tensor) -> Tensor {
        x.index_select(0, &index(&self.rows, x))
    }

    /// Of a table \[prompts * pos, ..\] what belongs to each changed row.
    pub(crate) fn sources_of(&self, table: &Tensor) -> Tensor {
        let rows = index(&self.sources, table);
        if self.heads.is_empty() {
            return table.index_select(0, &rows);
        }
        table.index(&[Some(rows), Some(index(&self.heads, table))])
    }

    /// Overwrites the changed rows, or heads of them, of a tensor \[rows, ..\].
    pub(crate) fn overwrite(&self, x: &mut Tensor, new: &Tensor) {
        let rows = index(&self.rows, x);
        let heads = (!self.heads.is_empty()).then(|| index(&self.heads, x));
        let indices: Vec<Option<Tensor>> = std::iter::once(Some(rows)).chain(heads.map(Some)).collect();
        let _ = x.index_put_(&indices, new, false);
    }
}

impl Patches<'_> {
    /// Puts values into rows \[rows, ..\] of a site.
    pub(crate) fn overwrite(&self, layer: u32, component: Component, changes: &[Change], x: &mut Tensor) {
        for change in changes {
            change.overwrite(x, &change.sources_of(&self.new_table(change.value, layer, component)));
        }
    }

    /// Makes rows of the residual stream \[rows, `d_model`\] what they are where something else is added to `before`
    /// \[rows, `d_model`\], which is as it was before a part of the block was added.
    pub(crate) fn add_anew(
        &self,
        layer: u32,
        component: Component,
        changes: &[Change],
        before: &[Tensor],
        resid: &mut Tensor,
    ) {
        for (change, before) in changes.iter().zip(before) {
            let added = change.sources_of(&self.new_table(change.value, layer, component));
            change.overwrite(resid, &(before + added));
        }
    }

    /// Of a site whose part is added to the residual stream, where it stays as in the run that is patched: adds what its new
    /// value differs by.
    pub(crate) fn add_difference(&self, layer: u32, component: Component, changes: &[Change], resid: &mut Tensor) {
        for change in changes {
            let new = change.sources_of(&self.new_table(change.value, layer, component));
            let old = change.sources_of(&self.base_table(layer, component));
            let sum = change.rows_of(resid) + (new - old);
            change.overwrite(resid, &sum);
        }
    }
}

pub(crate) fn index(numbers: &[i64], x: &Tensor) -> Tensor {
    upload(numbers, x.device())
}

#[cfg(test)]
mod tests {
    use patchsweep_core::also::Also;
    use patchsweep_core::architecture::{Architecture, Sizes};
    use patchsweep_core::causality::Suffix;
    use patchsweep_core::grid::Grid;
    use patchsweep_core::sites::Stage;
    use patchsweep_core::writes::Beginning;

    use super::*;
    use crate::torch::patch::batch::Segment;
    use crate::torch::positions::Positions;

    #[test]
    fn of_two_writes_at_one_place_the_cells_own_counts() {
        let sizes = Sizes { layers: 1, heads: 2, d_model: 4, d_mlp: 4, d_vocab: 4, n_ctx: 4 };
        let model = Architecture::plain(sizes);
        let grid = Grid::new("z".into(), Component::Z, vec![Axis::Layer, Axis::Head], &model, 4).expect("a grid");
        let grid = grid.restricted(Axis::Pos, vec![2]).expect("a position");
        let value = PatchValue::Zero;
        let also = Also {
            component: Component::Z,
            layer: 0,
            heads: vec![0, 1],
            neurons: [].into(),
            positions: vec![1, 2],
            sources: vec![],
            value,
        };
        let grid = grid.with_also(also, &model, 4).expect("heads");
        let (suffix, beginning) =
            (Suffix { first: 1, follows_other: false }, Beginning { layer: 0, stage: Stage::Input });
        let start = |part| Start { part, index: 7, cell: grid.cell(1), suffix, beginning };
        let changes = Changes::of(&[start(0), start(1)]);
        let of_part =
            |part, prompts| Segment { part, prompts, cells: vec![7], suffix, positions: Positions::between(1, 2) };
        let found = |segments: Vec<Segment>, layer, component| -> Vec<_> {
            let (layout, table) = (Layout { segments }, TableRows::new([(2, 3), (1, 4)]));
            let changes = changes.at(layer, component, &layout, &table).into_iter();
            let mut found: Vec<_> = changes.map(|c| (c.value, c.rows, c.heads, c.sources)).collect();
            found.sort_by_key(|(value, ..)| *value == PatchValue::Other);
            found
        };
        assert!(found(vec![of_part(0, 2)], 0, Component::Q).is_empty());
        assert!(found(vec![of_part(0, 2)], 1, Component::Z).is_empty());
        // Rows are positions 1 and 2 of the first prompt, then of the second; tables have three positions.
        let zero = (PatchValue::Zero, vec![0, 0, 1, 2, 2, 3], vec![0, 1, 0, 0, 1, 0], vec![1, 1, 2, 4, 4, 5]);
        let of_first = found(vec![of_part(0, 2)], 0, Component::Z);
        assert_eq!(of_first, [zero, (PatchValue::Other, vec![1, 3], vec![1, 1], vec![2, 5])]);
        // Of a part whose table stands behind six rows.
        let zero = (PatchValue::Zero, vec![0, 0, 1], vec![0, 1, 0], vec![7, 7, 8]);
        assert_eq!(found(vec![of_part(1, 1)], 0, Component::Z), [zero, (PatchValue::Other, vec![1], vec![1], vec![8])]);
    }
}
