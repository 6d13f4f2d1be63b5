//! Attention probabilities that cells with several writes put in place of their own.

use std::collections::BTreeMap;
use std::ops::Range;

use patchsweep_core::grid::{Axis, Component, PatchValue};
use tch::Tensor;

use super::arrange::Shape;
use super::changes::{Changes, index};
use super::values::Patch;
use crate::torch::devices::on;
use crate::torch::numbers::length;

/// Of one value, the places of a frame that get it.
#[derive(Default)]
struct Places {
    cells: Vec<i64>,
    heads: Vec<i64>,
    /// Places among the frame's queries.
    queries: Vec<i64>,
    /// Their positions.
    positions: Vec<i64>,
    sources: Vec<i64>,
}

impl Places {
    /// Those of some of the frame's cells.
    fn of_cells(&self, cells: &Range<i64>) -> Self {
        let chosen = || (0..self.cells.len()).filter(|&at| cells.contains(&self.cells[at]));
        let of = |numbers: &[i64]| chosen().map(|at| numbers[at]).collect();
        Self {
            cells: chosen().map(|at| self.cells[at] - cells.start).collect(),
            heads: of(&self.heads),
            queries: of(&self.queries),
            positions: of(&self.positions),
            sources: of(&self.sources),
        }
    }

    /// Of scores or probabilities \[prompts, key-value head, cells, group, query, key\].
    fn indices(&self, x: &Tensor) -> [Option<Tensor>; 6] {
        let group = x.size()[3];
        let of_heads = |of: &dyn Fn(i64) -> i64| {
            let numbers: Vec<i64> = self.heads.iter().map(|&head| of(head)).collect();
            Some(index(&numbers, x))
        };
        let of = |numbers: &[i64]| Some(index(numbers, x));
        let (kv_heads, in_group) = (of_heads(&|head| head / group), of_heads(&|head| head % group));
        [None, kv_heads, of(&self.cells), in_group, of(&self.queries), of(&self.sources)]
    }
}

/// What is put into the probabilities of a frame.
pub(crate) struct PatternChanges {
    /// Whose scores become minus infinity before the softmax, if there are any.
    knocked_out: Option<Places>,
    /// Where, and what: probabilities \[prompts or 1, head, `dest_pos`, `src_pos`\]; none for zeros.
    put: Vec<(Places, Option<Tensor>)>,
    /// Constant part of `z` \[head, `d_head`\]: rows that no longer sum to 1 do not weigh it, because `TransformerLens` folds
    /// it into the output bias.
    folded_z: Tensor,
}

impl PatternChanges {
    /// Of the cells of a frame in a layer; `None` where none of them writes probabilities.
    pub(crate) fn of(patch: &Patch<'_>, layer: u32, changes: &Changes<'_>, frame: &Shape) -> Option<Self> {
        if !changes.are_at(layer, Component::Pattern) {
            return None;
        }
        // By place, so that of several writes the last one counts.
        let mut put: BTreeMap<(i64, i64, i64, i64), PatchValue> = BTreeMap::new();
        for (place, &cell) in (0..).zip(&frame.cells) {
            for write in changes.writes((frame.part, cell), layer, Component::Pattern) {
                for (pos, query) in frame.outputs.places_of(write.positions()) {
                    let pos = u32::try_from(pos).expect("a position");
                    // A row that would have nothing left is not written.
                    if write.value == PatchValue::Knockout && !write.knocks_out_at(pos, &patch.exec.model.architecture)
                    {
                        continue;
                    }
                    for &head in write.indices(Axis::Head) {
                        let sources = write.indices(Axis::SrcPos).iter().map(|&source| i64::from(source));
                        let sources = sources.filter(|&source| source <= patch.last);
                        put.extend(sources.map(|source| ((place, i64::from(head), query, source), write.value)));
                    }
                }
            }
        }
        let positions: Vec<i64> = frame.outputs.iter().collect();
        let mut by_value: Vec<(PatchValue, Places)> = Vec::new();
        for ((cell, head, query, source), value) in put {
            let at = by_value.iter().position(|(other, _)| *other == value).unwrap_or_else(|| {
                by_value.push((value, Places::default()));
                by_value.len() - 1
            });
            let places = &mut by_value[at].1;
            places.cells.push(cell);
            places.heads.push(head);
            places.queries.push(query);
            places.positions.push(positions[usize::try_from(query).expect("a place")]);
            places.sources.push(source);
        }
        let table = |value: PatchValue| {
            let is_of_runs = value != PatchValue::Zero;
            is_of_runs.then(|| on(patch.exec.device(layer), patch.put(value).get(layer, Component::Pattern)))
        };
        let knocked_out = by_value.iter().position(|(value, _)| *value == PatchValue::Knockout);
        let knocked_out = knocked_out.map(|at| by_value.swap_remove(at).1);
        let put: Vec<_> = by_value.into_iter().map(|(value, places)| (places, table(value))).collect();
        let folded_z = patch.exec.weights(layer).folded_z.shallow_clone();
        (knocked_out.is_some() || !put.is_empty()).then_some(Self { knocked_out, put, folded_z })
    }

    /// Those of some of the frame's cells.
    pub(crate) fn of_cells(&self, cells: Range<i64>) -> Self {
        let part = |(places, table): &(Places, Option<Tensor>)| {
            (places.of_cells(&cells), table.as_ref().map(Tensor::shallow_clone))
        };
        Self {
            knocked_out: self.knocked_out.as_ref().map(|places| places.of_cells(&cells)),
            put: self.put.iter().map(part).collect(),
            folded_z: self.folded_z.shallow_clone(),
        }
    }

    /// Makes scores \[prompts, key-value head, cells, group, query, key\] minus infinity where something is knocked out.
    pub(crate) fn knock_out(&self, scores: &mut Tensor) {
        if let Some(places) = self.knocked_out.as_ref().filter(|places| !places.cells.is_empty()) {
            let sizes = [scores.size()[0], length(places.cells.len())];
            let new = Tensor::full(sizes, f64::NEG_INFINITY, (scores.kind(), scores.device()));
            let _ = scores.index_put_(&places.indices(scores), &new, false);
        }
    }

    /// Puts them into probabilities \[prompts, key-value head, cells, group, query, key\], and gives back what is missing of
    /// each row's sum \[prompts, key-value head, cells, group, query\]; `None` where there is nothing to put.
    pub(crate) fn apply(&self, pattern: &mut Tensor) -> Option<Tensor> {
        let mut put = self.put.iter().filter(|(places, _)| !places.cells.is_empty()).peekable();
        put.peek()?;
        let before = pattern.copy();
        let prompts = pattern.size()[0];
        for (places, table) in put {
            let count = length(places.cells.len());
            let new = match table {
                None => Tensor::zeros([prompts, count], (pattern.kind(), pattern.device())),
                Some(table) => {
                    let at = [&places.heads, &places.positions, &places.sources].map(|at| Some(index(at, table)));
                    let [heads, dests, sources] = at;
                    table.index(&[None, heads, dests, sources]).expand([prompts, count], false)
                }
            };
            let _ = pattern.index_put_(&places.indices(pattern), &new, false);
        }
        Some((before - &*pattern).sum_dim_intlist([-1i64].as_slice(), false, pattern.kind()))
    }

    /// The constant part that rows of `z` \[cells, prompts, query, head, `d_head`\] lack; `missing`: as from `apply`.
    pub(crate) fn constant(&self, missing: &Tensor) -> Tensor {
        missing.permute([2, 0, 4, 1, 3]).flatten(3, 4).unsqueeze(-1) * &self.folded_z
    }
}
