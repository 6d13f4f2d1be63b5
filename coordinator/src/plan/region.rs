//! The live cells of one grid and their cost, for one iteration and one range of prompts.
//!
//! Causality tells layers apart only as the first, the last and those between, and heads not at all. So it is asked
//! once per kind of layer and position, however many cells a grid has.

use std::collections::BTreeMap;
use std::ops::Range;

use patchsweep_proto::causality::PromptPair;
use patchsweep_proto::context::SweepContext;
use patchsweep_proto::grid::{Axis, Cell, Grid};

use super::cost::{CostModel, PatchPoint};

/// Multiply-adds of one cell: all prompts run from the first position that changes in any of them.
fn cell_cost(cost: CostModel, cell: &Cell<'_>, start: u32, work: &Work<'_>) -> u64 {
    let point = PatchPoint { component: cell.component(), layer: cell.layer(), start, read: work.last_read };
    cost.patched_run(point).saturating_mul(work.prompts)
}

/// Multiply-adds of the clean and the corrupted run of some prompts.
pub(super) fn baseline_cost(cost: CostModel, prompts: &Range<u32>) -> u64 {
    cost.whole_run().saturating_mul(2 * prompts.len() as u64)
}

/// One iteration over a range of prompts.
pub(super) struct Work<'a> {
    /// Number of prompts.
    prompts: u64,
    /// Of prompts that differ from their corrupted ones at the same positions, one speaks for all.
    pairs: Vec<PromptPair<'a>>,
    last_read: u32,
}

impl<'a> Work<'a> {
    pub(super) fn new(context: &'a SweepContext, iteration: u32, prompts: &Range<u32>) -> Self {
        let corrupted = &context.iterations[iteration as usize].corrupted;
        let mut pairs: BTreeMap<Vec<bool>, PromptPair<'a>> = BTreeMap::new();
        for prompt in prompts.clone() {
            let tokens = context.clean.row(prompt).iter().zip(corrupted.row(prompt));
            pairs
                .entry(tokens.map(|(a, b)| a != b).collect())
                .or_insert_with(|| context.prompt_pair(iteration, prompt));
        }
        Self {
            prompts: prompts.len() as u64,
            pairs: pairs.into_values().collect(),
            last_read: context.iterations[iteration as usize].last_read().unwrap_or(0),
        }
    }
}

/// The live cells of one grid: those whose patch can change the score of at least one prompt.
pub(super) struct Region {
    /// Heads whose cells of a layer lie one behind the other.
    outer_heads: u32,
    /// Cells of such a head.
    head_cells: u32,
    /// For each layer of the grid the live cells of its first outer head; places counted from there.
    layers: Vec<Vec<Strip>>,
}

/// Consecutive live cells of equal cost.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Strip {
    /// Row-major places.
    pub(super) cells: Range<u32>,
    /// Multiply-adds of each.
    pub(super) each: u64,
}

impl Region {
    /// Of one of the context's grids.
    pub(super) fn new(context: &SweepContext, cost: CostModel, grid: &Grid, work: &Work<'_>) -> Self {
        let places = Places::of(grid);
        let layers = context.shape.layers;
        let mut live: BTreeMap<(bool, bool), Vec<Span>> = BTreeMap::new();
        let strips = |(index, &layer): (u32, &u32)| {
            let kind = (layer == 0, layer + 1 == layers);
            let cell = |position: u32| grid.cell(places.place(index, position));
            let spans = live.entry(kind).or_insert_with(|| spans(places.positions, cell, work, layers));
            let strip = |span: &Span| Strip {
                cells: span.positions.start * places.inner_heads..span.positions.end * places.inner_heads,
                each: cell_cost(cost, &cell(span.positions.start), span.start, work),
            };
            spans.iter().map(strip).collect()
        };
        let layers = (0..).zip(grid.indices(Axis::Layer)).map(strips).collect();
        Self { outer_heads: places.outer_heads, head_cells: places.positions * places.inner_heads, layers }
    }

    /// All live cells, in row-major order.
    pub(super) fn strips(&self) -> impl Iterator<Item = Strip> {
        let heads = self.layers.iter().flat_map(|strips| std::iter::repeat_n(strips, self.outer_heads as usize));
        (0..).zip(heads).flat_map(|(head, strips): (u32, &Vec<Strip>)| {
            let first = head * self.head_cells;
            strips
                .iter()
                .map(move |Strip { cells, each }| Strip { cells: first + cells.start..first + cells.end, each: *each })
        })
    }

    /// Cost of all live cells.
    pub(super) fn cost(&self) -> u64 {
        let strips = self.layers.iter().flatten();
        let head = strips.map(|strip| strip.each.saturating_mul(strip.cells.len() as u64)).fold(0, u64::saturating_add);
        head.saturating_mul(self.outer_heads.into())
    }
}

/// How a grid's cells are numbered: \[layers, outer heads, positions, inner heads\].
struct Places {
    outer_heads: u32,
    /// Combinations of indices along the axes of positions.
    positions: u32,
    inner_heads: u32,
}

impl Places {
    fn of(grid: &Grid) -> Self {
        let mut places = Self { outer_heads: 1, positions: 1, inner_heads: 1 };
        let mut behind_positions = false;
        for (&axis, extent) in grid.axes.iter().zip(grid.extents()) {
            match axis {
                Axis::Layer => {}
                Axis::Head if behind_positions => places.inner_heads = extent,
                Axis::Head => places.outer_heads = extent,
                Axis::Pos | Axis::DestPos | Axis::SrcPos => {
                    places.positions *= extent;
                    behind_positions = true;
                }
            }
        }
        places
    }

    /// Where the cell of a layer's first head is.
    fn place(&self, layer: u32, position: u32) -> u32 {
        (layer * self.outer_heads * self.positions + position) * self.inner_heads
    }
}

/// Consecutive positions at which a patch changes a prompt from the same position on.
struct Span {
    positions: Range<u32>,
    start: u32,
}

/// The positions at which a patch changes any prompt.
fn spans<'a>(positions: u32, cell: impl Fn(u32) -> Cell<'a>, work: &Work<'_>, layers: u32) -> Vec<Span> {
    let mut spans: Vec<Span> = Vec::new();
    for position in 0..positions {
        let cell = cell(position);
        let Some(start) = work.pairs.iter().filter_map(|pair| pair.first_change(&cell, layers)).min() else { continue };
        match spans.last_mut() {
            Some(last) if last.positions.end == position && last.start == start => last.positions.end += 1,
            _ => spans.push(Span { positions: position..position + 1, start }),
        }
    }
    spans
}
