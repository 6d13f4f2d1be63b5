//! The third pass: what receivers read is put in the place of what they would.

use std::collections::HashMap;

use patchsweep_core::grid::Component;
use patchsweep_core::paths::Path;
use patchsweep_core::sites::read_by_mlp;
use tch::Tensor;

use super::sent::{Table, Tables};
use crate::torch::patch::batch::{Batch, Layout};
use crate::torch::patch::cell_rows::Row;
use crate::torch::patch::changes::index;
use crate::torch::patch::cohort::Start;
use crate::torch::patch::values::Patch;
use crate::torch::positions::Positions;

/// What the receivers of some paths read.
pub(crate) struct Received<'a> {
    component: Component,
    /// By their index in the tile's cells.
    paths: HashMap<usize, Path<'a>>,
    tables: Tables,
}

/// Rows, and heads of them, that take values of a table.
#[derive(Default)]
struct Put {
    rows: Vec<i64>,
    /// Of what has no heads none.
    heads: Vec<i64>,
    sources: Vec<Source>,
}

/// Where a value stands.
#[derive(Clone, Copy)]
enum Source {
    /// In the rows that the second pass made.
    Sent(i64),
    /// In the run that is patched \[prompts, pos\], from which nothing differs there.
    Base(i64),
}

impl<'a> Received<'a> {
    /// Of paths to receivers in blocks, at least one.
    pub(super) fn of(starts: &[Start<'a>], tables: Tables) -> Self {
        let paths: HashMap<usize, Path<'a>> =
            starts.iter().filter_map(|start| Some((start.index, start.cell.path()?))).collect();
        let component = paths.values().find_map(|path| path.to.component).expect("a receiver in a block");
        Self { component, paths, tables }
    }

    /// Puts what is received into the rows \[rows, ..\] of a site.
    pub(crate) fn put(&self, patch: &Patch<'_>, layer: u32, component: Component, layout: &Layout, x: &mut Tensor) {
        let Some(table) = self.tables.get(&layer).filter(|_| component == self.component) else { return };
        let put = self.places(layer, table, layout, patch.last);
        if put.rows.is_empty() {
            return;
        }
        let new = put.values(patch, layer, component, table);
        let heads = (!put.heads.is_empty()).then(|| index(&put.heads, x));
        let indices: Vec<Option<Tensor>> = [index(&put.rows, x)].into_iter().chain(heads).map(Some).collect();
        let _ = x.index_put_(&indices, &new, false);
    }

    /// What MLPs read \[rows, `d_model`\] where any of these paths is received by them; otherwise what they would.
    pub(crate) fn mlp_reads(
        &self,
        patch: &Patch<'_>,
        layer: u32,
        batch: &Batch,
        reads: Option<&Tensor>,
    ) -> Option<Tensor> {
        if self.component != Component::MlpIn || !self.tables.contains_key(&layer) {
            return reads.map(Tensor::shallow_clone);
        }
        let mut reads = reads.map_or_else(|| patch.exec.mlp_reads(layer, &batch.resid), Tensor::shallow_clone).copy();
        self.put(patch, layer, Component::MlpIn, &batch.layout, &mut reads);
        Some(reads)
    }

    /// Of runs that begin at a block's output, because what its MLP reads differs: what the MLP adds, in the place of what it
    /// adds in the run that is patched.
    pub(crate) fn join_behind_mlp(&self, patch: &Patch<'_>, layer: u32, batch: &mut Batch) {
        let Some(table) = self.tables.get(&layer) else { return };
        let put = self.places(layer, table, &batch.layout, patch.last);
        let rows: Vec<i64> = batch.layout.table_rows(patch.last);
        let old = patch.base(layer, Component::MlpOut).flatten(0, 1);
        let old = old.index_select(0, &index(&rows, &old));
        let new = patch.exec.mlp_out_of(layer, &put.values(patch, layer, Component::MlpIn, table));
        batch.resid = &batch.resid + (new - old);
    }

    /// Row by row of a batch, those where something is received in a layer.
    fn places(&self, layer: u32, table: &Table, layout: &Layout, last: i64) -> Put {
        let mut put = Put::default();
        for rows in layout.cells() {
            let Some(path) = self.paths.get(&rows.cell) else { continue };
            if !path.layers().any(|own| own == layer) {
                continue;
            }
            let heads = path.heads(layer);
            let sent = table.places.get(&path.sender());
            for Row { number: row, prompt, pos } in rows.at(&path.to.positions) {
                let from = |(first, rows): &(i64, Positions)| Self::sent_row(*first, rows, prompt, pos);
                let source = sent.and_then(from).unwrap_or(Source::Base(prompt * (last + 1) + pos));
                put.push(row, heads, source);
            }
        }
        put
    }

    fn sent_row(first: i64, rows: &Positions, prompt: i64, pos: i64) -> Option<Source> {
        Some(Source::Sent(first + prompt * rows.len() + rows.place_of(pos)?))
    }
}

impl Put {
    fn push(&mut self, row: i64, heads: &[u32], source: Source) {
        if heads.is_empty() {
            self.rows.push(row);
            self.sources.push(source);
        }
        for &head in heads {
            self.rows.push(row);
            self.heads.push(head.into());
            self.sources.push(source);
        }
    }

    /// \[changed, ..\]
    fn values(&self, patch: &Patch<'_>, layer: u32, component: Component, table: &Table) -> Tensor {
        let reads_base = self.sources.iter().any(|source| matches!(source, Source::Base(_)));
        let (table, before) = if reads_base {
            let base = patch.base_received(layer, component);
            (Tensor::cat(&[&base, &table.rows], 0), base.size()[0])
        } else {
            (table.rows.shallow_clone(), 0)
        };
        let row = |source: &Source| match *source {
            Source::Sent(row) => before + row,
            Source::Base(row) => row,
        };
        let rows = index(&self.sources.iter().map(row).collect::<Vec<_>>(), &table);
        if self.heads.is_empty() {
            return table.index_select(0, &rows);
        }
        table.index(&[Some(rows), Some(index(&self.heads, &table))])
    }
}

impl Patch<'_> {
    /// What receivers read in the run that is patched, row by row \[prompts * pos, ..\].
    fn base_received(&self, layer: u32, component: Component) -> Tensor {
        let whole = if component == Component::MlpIn {
            let stream = self.base(layer, read_by_mlp(&self.exec.model.architecture));
            self.exec.mlp_reads(layer, &stream)
        } else {
            self.base(layer, component)
        };
        whole.flatten(0, 1)
    }
}

impl Layout {
    /// For each row its place in a table \[prompts * pos, ..\] up to the last position.
    fn table_rows(&self, last: i64) -> Vec<i64> {
        let runs = self.segments.iter().flat_map(|segment| {
            let runs = segment.cells.iter().flat_map(|_| 0..segment.prompts);
            runs.map(move |prompt| (segment, prompt))
        });
        runs.flat_map(|(segment, prompt)| segment.positions.iter().map(move |pos| prompt * (last + 1) + pos)).collect()
    }
}
