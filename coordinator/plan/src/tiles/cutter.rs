//! Puts cells into tiles.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;

use patchsweep_core::grid::PatchValue;
use patchsweep_core::ids::TileId;
use patchsweep_core::length;
use patchsweep_core::tile::{Tile, TileWork};

use super::MOST_TILES;
use super::means::{Besides, MeansKey};
use super::sections::{Section, Stretch};
use super::size::Aim;
use super::strips::{Joined, joined};
use crate::PlanError;
use crate::ranges::append;
use crate::region::{Region, Sent, Work};

/// Tiles under way, and the multiply-adds of each.
pub(super) struct Cutter {
    pub(super) aim: Aim,
    /// Most cells of a tile.
    pub(super) most_cells: u32,
    /// Tiles of the sweep before these.
    pub(super) before: u32,
    /// The means over all prompts that are made by tiles so far.
    pub(super) means_of: BTreeSet<MeansKey>,
    tiles: Vec<Tile>,
    costs: Vec<u64>,
}

/// Cells that become a tile.
#[derive(Default)]
pub(super) struct Bundle {
    pub(super) cells: Vec<Range<u32>>,
    /// Those that can change the score of one of the prompts.
    live: Vec<Range<u32>>,
    pub(super) count: u32,
    pub(super) cost: u64,
    pub(super) rows: u64,
    /// The read positions that they reach in each of the section's stretches.
    reads: BTreeSet<(usize, u32)>,
    /// Of paths the senders, by the stretch and the first of their cells.
    senders: BTreeMap<(usize, u32), Sent>,
}

impl Cutter {
    /// Without tiles so far.
    pub(super) fn new(aim: Aim) -> Self {
        let (tiles, costs) = (Vec::new(), Vec::new());
        Self { aim, most_cells: 0, before: 0, means_of: BTreeSet::new(), tiles, costs }
    }

    /// All tiles, and the multiply-adds of each.
    pub(super) fn finish(self) -> (Vec<Tile>, Vec<u64>) {
        (self.tiles, self.costs)
    }

    /// Cuts where a tile has its share of what is left, so that the last one is no remnant.
    pub(super) fn patches(&mut self, section: &Section<'_>, grid: u32, besides: &Besides) -> Result<(), PlanError> {
        let regions: Vec<Region> = section.regions(grid).collect();
        let mut left = regions.iter().map(Region::cost).fold(0, u64::saturating_add);
        let mut bundle = Bundle::default();
        for mut strip in joined(regions.iter().map(Region::strips)) {
            while !strip.cells.is_empty() {
                let share = left.div_ceil(left.div_ceil(self.aim.multiply_adds).max(1));
                let by_cost = share.saturating_sub(bundle.cost).div_ceil(strip.each().max(1));
                let by_rows = self.aim.rows.saturating_sub(bundle.rows).div_ceil(strip.rows().max(1));
                let room = u64::from(self.most_cells - bundle.count).min(by_cost.max(by_rows).max(1));
                let count = u32::try_from(room).unwrap_or(u32::MAX).min(strip.cells.end - strip.cells.start);
                bundle.add(&mut strip, count);
                let is_full = bundle.cost >= share && bundle.rows >= self.aim.rows;
                if is_full || bundle.count == self.most_cells {
                    left = left.saturating_sub(bundle.cost);
                    self.push_bundle(section, grid, std::mem::take(&mut bundle), besides)?;
                }
            }
        }
        if bundle.count > 0 {
            self.push_bundle(section, grid, bundle, besides)?;
        }
        Ok(())
    }

    pub(super) fn push_bundle(
        &mut self,
        section: &Section<'_>,
        grid: u32,
        bundle: Bundle,
        besides: &Besides,
    ) -> Result<(), PlanError> {
        // Whichever tile is computed first makes them.
        let Besides { each, means } = besides;
        let is_first = means.cost > 0 && !bundle.live.is_empty() && self.means_of.insert(means.of.clone());
        let means = if is_first { means.cost } else { 0 };
        let of_stretch = |(index, (stretch, work)): (usize, (&Stretch<'_>, &Work<'_>))| {
            let reads = bundle.reads.range((index, 0)..(index + 1, 0)).count();
            let senders = bundle.senders.range((index, 0)..(index + 1, 0)).map(|(&(_, cell), sent)| (cell, sent));
            let grid = &stretch.context().grids[grid as usize];
            // The features of the run that is patched and, where those of the other one are written, of that.
            let runs = if grid.value == PatchValue::Other { 2 } else { 1 };
            let encoding = work.encoding_cost(grid, &bundle.live, runs);
            work.compared(reads).saturating_add(work.sent(grid, senders)).saturating_add(encoding)
        };
        let of_stretches = section.stretches.iter().zip(&section.works).enumerate().map(of_stretch);
        let cost = of_stretches.chain([bundle.cost, *each, means]).fold(0, u64::saturating_add);
        self.push(section, TileWork::Patch { grid, cells: bundle.cells, plain: false }, cost)
    }

    pub(super) fn push(&mut self, section: &Section<'_>, work: TileWork, cost: u64) -> Result<(), PlanError> {
        if self.tiles.len() == MOST_TILES {
            return Err(PlanError::TooManyTiles { most: MOST_TILES });
        }
        let id = TileId(self.before + length(self.tiles.len()));
        self.tiles.push(Tile { id, iteration: section.iteration, prompts: section.prompts(), work });
        self.costs.push(cost);
        Ok(())
    }
}

impl Bundle {
    /// Takes the first cells of a strip.
    pub(super) fn add(&mut self, strip: &mut Joined, count: u32) {
        let cells = strip.cells.start..strip.cells.start + count;
        strip.cells.start = cells.end;
        self.count += count;
        for (stretch, own) in &strip.own {
            self.reads.extend(own.reads.iter().map(|&read| (*stretch, read)));
            if let Some(sender) = &own.sender {
                self.senders.entry((*stretch, sender.cell)).or_default().extend(sender);
            }
        }
        self.cost = self.cost.saturating_add(strip.each().saturating_mul(count.into()));
        self.rows = self.rows.saturating_add(strip.rows().saturating_mul(count.into()));
        if strip.rows() > 0 {
            append(&mut self.live, cells.clone());
        }
        append(&mut self.cells, cells);
    }
}
