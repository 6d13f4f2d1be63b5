//! What a plan amounts to, for people.

use std::ops::Range;

use patchsweep_core::architecture::Architecture;
use patchsweep_core::context::SweepContext;
use patchsweep_core::grid::Grid;
use patchsweep_core::part::Part;
use patchsweep_core::tile::Tile;

use super::{CostModel, Plan};

/// One grid of a plan.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GridSummary {
    /// The grid's name.
    pub name: String,
    /// Cells over all iterations of the spec.
    pub cells: u64,
    /// Cells that no tile computes, because their patch cannot change the score of any prompt in any replicate.
    pub noops: u64,
    /// Tiles.
    pub tiles: u64,
    /// Cost estimate of those tiles.
    pub multiply_adds: u64,
    /// Cost of one whole forward pass per cell and prompt, in each replicate; of paths two.
    pub multiply_adds_naive: u128,
    /// Whether tiles are to come that compute its cells, as which features are active is not known yet.
    pub awaits_choice: bool,
    /// Bytes of the cached activations that its tiles need, over all iterations.
    pub cache_bytes: u64,
    /// Bytes of the largest activation of its largest batch.
    pub largest_batch_bytes: u64,
}

impl GridSummary {
    /// Cost of one whole forward pass per cell and prompt as a number of JSON: whole, or the nearest float64 from 2^64 on, which
    /// long prompts and large models reach.
    #[must_use]
    pub fn naive_number(&self) -> serde_json::Number {
        match u64::try_from(self.multiply_adds_naive) {
            Ok(whole) => whole.into(),
            Err(_) => serde_json::Number::from_f64(as_f64(self.multiply_adds_naive)).unwrap_or(u64::MAX.into()),
        }
    }
}

#[expect(clippy::cast_precision_loss, reason = "two digits are shown")]
fn as_f64(count: u128) -> f64 {
    count as f64
}

impl Plan {
    /// One summary per grid, in the spec's order.
    #[must_use]
    pub fn summarize(&self) -> Vec<GridSummary> {
        let context = &self.context;
        let parts: Vec<Part<'_>> = context.parts().collect();
        let naive = |part: &Part<'_>| {
            let clean = &part.context.clean;
            u128::from(CostModel::of(context).full_pass(clean.positions())) * u128::from(clean.prompts())
        };
        let naive = parts.iter().map(naive).fold(0, u128::saturating_add);
        let summary = |(index, grid): (u32, &Grid)| {
            let own: Vec<(&Tile, &[Range<u32>], u64)> = self.tiles_of(index).collect();
            let each = self.shown_grid(index).extents().into_iter().map(u64::from).product::<u64>();
            // Until features are chosen, every cell may be one that is computed.
            let is_chosen = self.choice.is_some();
            let counts = |(tile, ..): &&(&Tile, &[Range<u32>], u64)| !(is_chosen && tile.is_activity());
            let computed = computed_cells(own.iter().filter(counts), context);
            // What a check did not draw is none of its cells.
            let cells = if self.check.is_some() { computed } else { each * context.spec_iterations() as u64 };
            GridSummary {
                name: grid.name.clone(),
                cells,
                noops: cells - computed - self.choice.as_ref().map_or(0, |choice| choice.unknown(index)),
                tiles: own.len() as u64,
                multiply_adds: own.iter().fold(0, |sum, &(_, _, cost)| sum.saturating_add(cost)),
                multiply_adds_naive: u128::from(cells)
                    .saturating_mul(context.replicates.into())
                    .saturating_mul(grid.passes().into())
                    .saturating_mul(naive),
                awaits_choice: grid.chooses_features() && self.choice.is_none(),
                cache_bytes: cache_bytes(&parts, grid),
                largest_batch_bytes: largest_batch_bytes(&parts, index, &own),
            }
        };
        (0..).zip(&context.grids).map(summary).collect()
    }

    /// A grid's tiles, their cells and their costs.
    fn tiles_of(&self, wanted: u32) -> impl Iterator<Item = (&Tile, &[Range<u32>], u64)> {
        self.tiles.iter().zip(&self.costs).filter_map(move |(tile, &cost)| match tile.work.cells() {
            Some((grid, cells)) if grid == wanted => Some((tile, cells, cost)),
            _ => None,
        })
    }
}

/// Cells that at least one tile computes, in at least one replicate, over the spec's iterations.
fn computed_cells<'a>(
    tiles: impl Iterator<Item = &'a (&'a Tile, &'a [Range<u32>], u64)>,
    context: &SweepContext,
) -> u64 {
    let mut ranges = vec![Vec::new(); context.spec_iterations()];
    for (tile, cells, _) in tiles {
        ranges[context.spec_iteration(tile.iteration)].extend_from_slice(cells);
    }
    ranges.into_iter().map(covered).sum()
}

/// How many indices lie in at least one of the ranges.
fn covered(mut ranges: Vec<Range<u32>>) -> u64 {
    ranges.sort_by_key(|range| range.start);
    let mut end = 0;
    let mut count = 0;
    for range in ranges {
        count += u64::from(range.end.saturating_sub(end.max(range.start)));
        end = end.max(range.end);
    }
    count
}

/// Keys and values of the clean run, and as much again and a half for what the grid itself reads of both runs; of neurons,
/// which are many more numbers, those that are kept of either run.
fn cache_bytes(parts: &[Part<'_>], grid: &Grid) -> u64 {
    let context = &parts[0].context;
    let model = &context.architecture;
    let of_part = |part: &Part<'_>| u64::from(part.context.clean.prompts()) * (u64::from(part.context.last_read()) + 1);
    let tokens: u64 = parts.iter().map(of_part).sum();
    let per_token = 5 * u64::from(model.d_keys()) * u64::from(model.layers);
    let neurons = grid.hidden_layers().iter().flatten().map(|(_, component)| component.numbers(model, 1)).sum::<u64>();
    let per_token = per_token + neurons;
    tokens.saturating_mul(per_token).saturating_mul(context.dtype.bytes())
}

/// Most rows of a batch.
const MOST_ROWS: u64 = 8192;

/// Width of the widest activation: an MLP's hidden layer, or queries, keys and values.
fn widest(model: &Architecture) -> u64 {
    let projected = u64::from(model.d_queries()) + 2 * u64::from(model.d_keys());
    projected.max(model.d_mlp.into())
}

/// Rows of the widest activation: all positions from the patch on, of all cells and prompts of a tile.
fn largest_batch_bytes(parts: &[Part<'_>], grid: u32, tiles: &[(&Tile, &[Range<u32>], u64)]) -> u64 {
    let rows = |(tile, cells, _): &(&Tile, &[Range<u32>], u64)| {
        let first = parts.partition_point(|part| part.first <= tile.prompts.start) - 1;
        let overlapping = parts[first..].iter().take_while(|part| part.first < tile.prompts.end);
        let mut rows = 0;
        for (part, prompts) in overlapping.map(|part| (part, part.own(&tile.prompts))) {
            let grid = &part.context.grids[grid as usize];
            let last_read = part.context.iterations[tile.iteration as usize].last_read().unwrap_or(0);
            for place in cells.iter().cloned().flatten() {
                let positions = grid.cell(place).writes().filter_map(|write| write.positions().first().copied());
                let first = positions.min().unwrap_or(0);
                rows += u64::from(last_read.saturating_sub(first) + 1) * prompts.len() as u64;
                if rows >= MOST_ROWS {
                    return MOST_ROWS;
                }
            }
        }
        rows
    };
    let widest = widest(&parts[0].context.architecture);
    // What says which features are active makes no patched run.
    tiles.iter().filter(|(tile, ..)| !tile.is_activity()).map(rows).max().unwrap_or(0) * widest * 4
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use patchsweep_core::also::Also;
    use patchsweep_core::grid::{Axis, Component, PatchValue};
    use patchsweep_core::status::PlanOptions;

    use super::*;
    use crate::fixtures;

    #[test]
    fn cells_are_noops_when_no_chunk_of_prompts_has_a_tile_for_them() {
        for tile_prompts in [None, Some(2), Some(1)] {
            let plan = fixtures::plan(PlanOptions { tile_multiply_adds: Some(3000), tile_prompts, for_gpus: false });
            let summary = plan.summarize().remove(0);
            assert_eq!((summary.cells, summary.noops), (24, 10), "{tile_prompts:?} prompts");
            assert_eq!(
                summary.tiles,
                plan.tiles.len() as u64 - 2 * u64::from(5u32.div_ceil(tile_prompts.unwrap_or(5)))
            );
        }
    }

    #[test]
    fn very_many_passes_are_counted_to_the_last() {
        let mut plan = fixtures::plan(PlanOptions::default());
        let few = plan.summarize().remove(0);
        assert_eq!(few.naive_number().as_u64().map(u128::from), Some(few.multiply_adds_naive), "whole");
        let model = &mut Arc::make_mut(&mut plan.context).architecture;
        (model.d_model, model.d_mlp) = (u32::MAX, u32::MAX);
        let many = plan.summarize().remove(0);
        assert!(many.multiply_adds_naive > 1 << 66, "more than 64 bits hold");
        let number = many.naive_number().as_f64().expect("a number");
        assert!((number / as_f64(many.multiply_adds_naive) - 1.0).abs() < 1e-15, "{number}");
    }

    #[test]
    fn what_ranges_have_in_common_counts_once() {
        assert_eq!(covered(vec![4..6, 0..2, 1..3, 4..5]), 5);
        assert_eq!(covered(Vec::new()), 0);
    }

    #[test]
    fn memory_is_that_of_the_tokens_up_to_the_last_read_position() {
        let plan = fixtures::plan(PlanOptions::default());
        let summary = plan.summarize().remove(0);
        assert_eq!(summary.cache_bytes, 5 * 3 * 2 * 5 * 4 * 4);
        // Layer 0 of iteration 0 has two heads at each of three positions, layer 1 only those at the read position.
        let rows = 2 * 5 * (3 + 2 + 1) + 2 * 5;
        assert_eq!(summary.largest_batch_bytes, rows * 16 * 4);
    }

    #[test]
    fn neurons_take_memory_wherever_they_are_written() {
        let mut plan = fixtures::plan(PlanOptions::default());
        let model = plan.context.architecture.clone();
        let without = plan.summarize()[0].cache_bytes;
        plan.tiles.clear();
        let mut hidden_layers = |grid: Grid| {
            Arc::make_mut(&mut plan.context).grids[0] = grid;
            (plan.summarize()[0].cache_bytes - without) / u64::from(5 * 3 * model.d_mlp * 4)
        };
        let axes = vec![Axis::Layer, Axis::Pos];
        let of = |component| Grid::new("z".into(), component, axes.clone(), &model, 3).expect("a grid");
        let in_last = |component| of(component).restricted(Axis::Layer, vec![1]).expect("a layer");
        let also = |value| Also {
            component: Component::MlpPost,
            layer: 0,
            heads: Vec::new(),
            neurons: (0..model.d_mlp).collect(),
            positions: vec![0],
            sources: Vec::new(),
            value,
        };
        // Of both runs in the layer that is patched; of an ablation no other run is read.
        assert_eq!(hidden_layers(in_last(Component::MlpPost)), 2);
        assert_eq!(hidden_layers(in_last(Component::MlpPost).patched_with(PatchValue::Zero)), 1);
        let both = in_last(Component::MlpPre).together_with(vec![Component::MlpPost], &model).expect("equal axes");
        assert_eq!(hidden_layers(both.clone()), 3);
        assert_eq!(hidden_layers(both.with_window(2).expect("a window")), 5);
        let with_also = |value| of(Component::MlpOut).with_also(also(value), &model, 3).expect("neurons");
        assert_eq!([PatchValue::Other, PatchValue::Mean].map(|value| hidden_layers(with_also(value))), [1, 0]);
    }
}
