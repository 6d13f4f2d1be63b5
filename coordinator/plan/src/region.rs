//! The live cells of one grid and their cost, for one iteration and one range of prompts.
//!
//! Causality distinguishes layers only as the first, the last and those between, and by their windows; heads, neurons and features
//! not at all. So it is asked once per kind of layer and position, however many cells a grid has. Where cells have several writes,
//! each layer is a kind of its own; heads that one write overwrites of another are not told apart.

use std::collections::BTreeMap;
use std::ops::Range;

use patchsweep_core::architecture::Architecture;
use patchsweep_core::causality::{PromptPair, Suffix};
use patchsweep_core::context::{Iteration, SweepContext};
use patchsweep_core::dictionary::Dictionary;
use patchsweep_core::features::Encoded;
use patchsweep_core::grid::{Axis, Cell, Grid};
use patchsweep_core::writes::Beginning;

use super::cost::{CostModel, PatchPoint};

mod paths;

pub(super) use paths::Sent;

/// One iteration over a range of prompts.
pub(super) struct Work<'a> {
    /// Number of prompts.
    prompts: u64,
    /// Of prompts that differ from their corrupted ones at the same positions, one speaks for all.
    pairs: Vec<PromptPair<'a>>,
    iteration: &'a Iteration,
    cost: CostModel<'a>,
}

impl<'a> Work<'a> {
    pub(super) fn new(context: &'a SweepContext, cost: CostModel<'a>, iteration: u32, prompts: &Range<u32>) -> Self {
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
            iteration: &context.iterations[iteration as usize],
            cost,
        }
    }

    /// Multiply-adds of the clean and the corrupted run and their scores. The clean run is made once for all iterations, the
    /// corrupted one for the first of those that corrupt alike; before the first corrupted position it is the clean one.
    pub(super) fn baseline_cost(&self, context: &SweepContext, makes_clean: bool, makes_corrupted: bool) -> u64 {
        let clean = if makes_clean { self.cost.run(0, context.last_read() + 1) } else { 0 };
        let first_corrupted = self.pairs.iter().filter_map(PromptPair::first_corrupted).min();
        let corrupted = first_corrupted.filter(|_| makes_corrupted);
        let corrupted = corrupted.map_or(0, |first| self.cost.run(first, self.last_read() + 1));
        let each = clean.saturating_add(corrupted).saturating_add(self.cost.unpatched_scores(self.iteration, 2));
        each.saturating_mul(self.prompts)
    }

    /// Multiply-adds of all features that a grid writes, of the corrupted runs of so many prompts.
    pub(super) fn mean_cost(&self, grid: &Grid, dictionary: &Dictionary, prompts: u32) -> u64 {
        let (positions, features) = (self.last_read() as usize + 1, grid.indices(Axis::Feature).len());
        self.cost.encoding(dictionary, positions, features).saturating_mul(prompts.into())
    }

    /// Multiply-adds of what every tile computes besides its cells: the unpatched run's scores.
    pub(super) fn tile_cost(&self) -> u64 {
        self.cost.unpatched_scores(self.iteration, 1).saturating_mul(self.prompts)
    }

    /// Multiply-adds of the features that some cells write, of so many runs.
    pub(super) fn encoding_cost(&self, grid: &Grid, cells: &[Range<u32>], runs: u64) -> u64 {
        let Some(dictionary) = grid.dictionary() else { return 0 };
        let cells = cells.iter().cloned().flatten().map(|place| grid.cell(place));
        let Encoded { positions, features } = grid.encoded(&cells, self.last_read());
        let each = self.cost.encoding(dictionary, positions.len(), features.len());
        each.saturating_mul(runs).saturating_mul(self.prompts)
    }

    /// Multiply-adds of what a tile computes once for all its cells, at every read position that one of them reaches.
    pub(super) fn compared(&self, reads_reached: usize) -> u64 {
        self.cost.compared(reads_reached).saturating_mul(self.prompts)
    }

    /// A strip of such cells: all prompts run from the same position on.
    fn strip(&self, cells: Range<u32>, cell: &Cell<'_>, start: u32, model: &Architecture) -> Strip {
        let beginning = Beginning::of(cell, &self.pairs, model);
        let point = PatchPoint { cell, start, beginning, reads: &self.iteration.reads };
        Strip {
            cells,
            each: self.cost.patched_run(point).saturating_mul(self.prompts),
            rows: self.rows(start),
            reads: self.cost.reads_reached(point),
            sender: None,
        }
    }

    /// Rows of a batch that a cell takes.
    fn rows(&self, start: u32) -> u64 {
        self.prompts * u64::from(self.last_read().saturating_sub(start) + 1)
    }

    pub(super) fn last_read(&self) -> u32 {
        self.iteration.last_read().unwrap_or(0)
    }
}

/// First or not, last or not, its window; and which one it is, where that matters.
type LayerKind = (bool, bool, Option<u32>, Option<u32>);

/// The live cells of one grid: those whose patch can change the score of at least one prompt.
pub(super) struct Region {
    /// Heads, neurons or features, whose cells of a layer lie one behind the other.
    outer_units: u32,
    /// Cells of such a unit.
    unit_cells: u32,
    /// For each layer of the grid the live cells of its first outer unit; numbers counted from there.
    layers: Vec<Vec<Strip>>,
    /// Of paths for each sender which of `layers` has its cells: those are then of senders that are alike, with cells numbered
    /// from the sender's first one, of which it has `unit_cells`.
    senders: Vec<u32>,
}

/// Consecutive live cells of equal cost.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Strip {
    /// Row-major numbers.
    pub(super) cells: Range<u32>,
    /// Multiply-adds of each.
    pub(super) each: u64,
    /// Rows of a batch that each takes.
    pub(super) rows: u64,
    /// The read positions that they reach.
    pub(super) reads: Vec<u32>,
    /// Of paths their sender.
    pub(super) sender: Option<Sender>,
}

/// A sender of paths, whose second pass serves all of its receivers in a tile.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Sender {
    /// Of its cells the first one.
    pub(super) cell: u32,
    /// Positions at which it sends.
    pub(super) rows: usize,
    /// Layers that receive.
    pub(super) layers: Vec<u32>,
}

impl Region {
    /// Of one of the context's grids.
    pub(super) fn new(context: &SweepContext, grid: &Grid, work: &Work<'_>) -> Self {
        if grid.to().is_some() {
            return Self::of_paths(grid, work, &context.architecture);
        }
        let numbering = Numbering::of(grid);
        let model = &context.architecture;
        let several = grid.has_several_writes();
        let mut live: BTreeMap<LayerKind, Vec<Span>> = BTreeMap::new();
        let strips = |(index, &layer): (u32, &u32)| {
            let kind =
                (layer == 0, layer + 1 == model.layers, model.attention_of(layer).window, several.then_some(layer));
            let cell = |position: u32| grid.cell(numbering.number(index, position));
            let spans = live.entry(kind).or_insert_with(|| spans(numbering.positions, cell, work, model));
            let strip = |span: &Span| {
                let cells = span.positions.start * numbering.inner_units..span.positions.end * numbering.inner_units;
                work.strip(cells, &cell(span.positions.start), span.suffix.first, model)
            };
            spans.iter().map(strip).collect()
        };
        let layers = (0..).zip(grid.indices(Axis::Layer)).map(strips).collect();
        let unit_cells = numbering.positions * numbering.inner_units;
        Self { outer_units: numbering.outer_units, unit_cells, layers, senders: Vec::new() }
    }

    /// All live cells, in row-major order.
    pub(super) fn strips(&self) -> impl Iterator<Item = Strip> {
        let heads = self.layers.iter().flat_map(|strips| std::iter::repeat_n(strips, self.outer_units as usize));
        let senders = self.senders.iter().map(|&alike| &self.layers[alike as usize]);
        (0..).zip(heads.chain(senders)).flat_map(|(head, strips): (u32, &Vec<Strip>)| {
            let first = head * self.unit_cells;
            strips.iter().map(move |strip| strip.shifted(first))
        })
    }

    /// Cost of all live cells.
    pub(super) fn cost(&self) -> u64 {
        self.sum(|strip| strip.each)
    }

    /// Rows of a batch that all live cells take.
    pub(super) fn rows(&self) -> u64 {
        self.sum(|strip| strip.rows)
    }

    /// Over all live cells what each of them has.
    fn sum(&self, each: impl Fn(&Strip) -> u64) -> u64 {
        let sum = |strips: &Vec<Strip>| {
            let each = strips.iter().map(|strip| each(strip).saturating_mul(strip.cells.len() as u64));
            each.fold(0, u64::saturating_add)
        };
        let head = self.layers.iter().map(sum).fold(0, u64::saturating_add);
        let senders = self.senders.iter().map(|&alike| sum(&self.layers[alike as usize]));
        senders.fold(head.saturating_mul(self.outer_units.into()), u64::saturating_add)
    }
}

impl Strip {
    /// The same strip from another cell on.
    fn shifted(&self, first: u32) -> Self {
        let sender = self.sender.as_ref().map(|sender| Sender { cell: first, ..sender.clone() });
        Self { cells: first + self.cells.start..first + self.cells.end, sender, ..self.clone() }
    }
}

/// How a grid's cells are numbered: \[layers, outer units, positions, inner units\].
struct Numbering {
    outer_units: u32,
    /// Combinations of indices along the axes of positions.
    positions: u32,
    inner_units: u32,
}

impl Numbering {
    fn of(grid: &Grid) -> Self {
        let mut numbering = Self { outer_units: 1, positions: 1, inner_units: 1 };
        let mut behind_positions = false;
        for (&axis, extent) in grid.axes.iter().zip(grid.extents()) {
            match axis {
                Axis::Head | Axis::Neuron | Axis::Feature if behind_positions => numbering.inner_units = extent,
                Axis::Head | Axis::Neuron | Axis::Feature => numbering.outer_units = extent,
                Axis::Pos | Axis::DestPos | Axis::SrcPos => {
                    numbering.positions *= extent;
                    behind_positions = true;
                }
                // Paths are not numbered here.
                Axis::Layer | Axis::ToLayer | Axis::ToHead => {}
            }
        }
        numbering
    }

    /// The number of the cell of a layer's first unit.
    fn number(&self, layer: u32, position: u32) -> u32 {
        (layer * self.outer_units * self.positions + position) * self.inner_units
    }
}

/// Consecutive positions whose patched runs have the same positions to compute.
struct Span {
    positions: Range<u32>,
    suffix: Suffix,
}

/// The positions at which a patch changes any prompt.
fn spans<'a>(positions: u32, cell: impl Fn(u32) -> Cell<'a>, work: &Work<'_>, model: &Architecture) -> Vec<Span> {
    let mut spans: Vec<Span> = Vec::new();
    // What several writes cost depends on which of them do something at this position, and what spots cost on all their positions.
    let several = cell(0).grid().has_several_writes() || cell(0).is_of_places();
    for position in 0..positions {
        let Some(suffix) = Suffix::of(&cell(position), &work.pairs, model) else { continue };
        match spans.last_mut() {
            Some(last) if last.positions.end == position && last.suffix == suffix && !several => {
                last.positions.end += 1;
            }
            _ => spans.push(Span { positions: position..position + 1, suffix }),
        }
    }
    spans
}
