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

/// What is put into the probabilities of a frame.
pub(crate) struct PatternChanges {
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
                for (_, query) in frame.outputs.places_of(write.positions()) {
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
        let put: Vec<_> = by_value.into_iter().map(|(value, places)| (places, table(value))).collect();
        let folded_z = patch.exec.weights(layer).folded_z.shallow_clone();
        (!put.is_empty()).then_some(Self { put, folded_z })
    }

    /// Those of some of the frame's cells.
    pub(crate) fn of_cells(&self, cells: Range<i64>) -> Self {
        let part = |(places, table): &(Places, Option<Tensor>)| {
            let chosen = || (0..places.cells.len()).filter(|&at| cells.contains(&places.cells[at]));
            let of = |numbers: &[i64]| chosen().map(|at| numbers[at]).collect();
            let places = Places {
                cells: chosen().map(|at| places.cells[at] - cells.start).collect(),
                heads: of(&places.heads),
                queries: of(&places.queries),
                positions: of(&places.positions),
                sources: of(&places.sources),
            };
            (places, table.as_ref().map(Tensor::shallow_clone))
        };
        Self { put: self.put.iter().map(part).collect(), folded_z: self.folded_z.shallow_clone() }
    }

    /// Puts them into probabilities \[prompts, key-value head, cells, group, query, key\], and gives back what is missing of
    /// each row's sum \[prompts, key-value head, cells, group, query\].
    pub(crate) fn apply(&self, pattern: &mut Tensor) -> Tensor {
        let before = pattern.copy();
        let (group, prompts) = (pattern.size()[3], pattern.size()[0]);
        for (places, table) in self.put.iter().filter(|(places, _)| !places.cells.is_empty()) {
            let of_heads = |of: &dyn Fn(i64) -> i64| {
                let numbers: Vec<i64> = places.heads.iter().map(|&head| of(head)).collect();
                index(&numbers, pattern)
            };
            let indices = [
                None,
                Some(of_heads(&|head| head / group)),
                Some(index(&places.cells, pattern)),
                Some(of_heads(&|head| head % group)),
                Some(index(&places.queries, pattern)),
                Some(index(&places.sources, pattern)),
            ];
            let count = length(places.cells.len());
            let new = match table {
                None => Tensor::zeros([prompts, count], (pattern.kind(), pattern.device())),
                Some(table) => {
                    let at = [&places.heads, &places.positions, &places.sources].map(|at| Some(index(at, table)));
                    let [heads, dests, sources] = at;
                    table.index(&[None, heads, dests, sources]).expand([prompts, count], false)
                }
            };
            let _ = pattern.index_put_(&indices, &new, false);
        }
        (before - &*pattern).sum_dim_intlist([-1i64].as_slice(), false, pattern.kind())
    }

    /// The constant part that rows of `z` \[cells, prompts, query, head, `d_head`\] lack; `missing`: as from `apply`.
    pub(crate) fn constant(&self, missing: &Tensor) -> Tensor {
        missing.permute([2, 0, 4, 1, 3]).flatten(3, 4).unsqueeze(-1) * &self.folded_z
    }
}
