//! Tiles that compute some cells of grids that are estimated.

use patchsweep_core::context::SweepContext;
use patchsweep_core::ids::TileId;
use patchsweep_core::length;
use patchsweep_core::tile::{Tile, TileWork};

use super::alike::first_alike;
use super::{
    Besides, Bundle, Cutter, Joined, LARGEST_TILE, Means, ROWS_WANTED, SMALLEST_TILE, Section, Share, Stretch,
    TILES_WANTED, most_cells,
};
use crate::PlanError;
use crate::region::{Region, Strip, Work};
use crate::verification::Chosen;

/// The tiles of chosen cells behind those of a plan, over its ranges of prompts, and their multiply-adds. Where a cell can
/// change the score of none of a range's prompts it costs nothing, but is there: the range has no other tile to say so.
pub(crate) fn verify(
    context: &SweepContext,
    tiles: &[Tile],
    chosen: &[Chosen],
) -> Result<(Vec<Tile>, Vec<u64>), PlanError> {
    let baselines = || tiles.iter().filter(|tile| tile.work == TileWork::Baseline);
    let longest = length(baselines().map(|tile| tile.prompts.len()).max().unwrap_or(1));
    // Estimates are of sweeps without groups.
    let alike = first_alike(context);
    let share = Share { part: context.part(0), most_prompts: longest, alike_in_means: alike.clone(), alike };
    let section = |tile: &Tile| {
        let stretch = Stretch { share: &share, prompts: tile.prompts.clone() };
        Section { iteration: tile.iteration, stretches: vec![stretch] }
    };
    let sections: Vec<Section<'_>> = baselines().map(section).collect();
    let of_section = |section: &Section<'_>| -> Vec<(u32, Vec<Strip>)> {
        let iteration = context.spec_iteration(section.iteration);
        let here = chosen.iter().filter(|chosen| chosen.iteration as usize == iteration);
        let works = section.works();
        let strips = |chosen: &Chosen| {
            let region = Region::new(context, &context.grids[chosen.grid as usize], &works[0]);
            (chosen.grid, one_by_one(&chosen.cells(), region.strips()))
        };
        here.map(strips).collect()
    };
    let everything = sections.iter().flat_map(of_section).flat_map(|(_, strips)| strips);
    let everything = everything.fold(0_u64, |sum, strip| sum.saturating_add(strip.each));
    let mut cutter = Cutter {
        target: (everything / TILES_WANTED).clamp(SMALLEST_TILE, LARGEST_TILE),
        rows_wanted: ROWS_WANTED,
        most_cells: most_cells(context, longest),
        tiles: Vec::new(),
        costs: Vec::new(),
        // Made for the estimates.
        means_of: share.alike.iter().map(|&alike| (vec![alike], None)).collect(),
    };
    for section in &sections {
        let works = section.works();
        for (grid, strips) in of_section(section) {
            cutter.verified(section, grid, strips, &works)?;
        }
    }
    let Cutter { tiles: mut more, costs, .. } = cutter;
    for tile in &mut more {
        tile.id = TileId(tile.id.0 + length(tiles.len()));
    }
    Ok((more, costs))
}

impl Cutter {
    fn verified(
        &mut self,
        section: &Section<'_>,
        grid: u32,
        strips: Vec<Strip>,
        works: &[Work<'_>],
    ) -> Result<(), PlanError> {
        let each = works[0].tile_cost(&section.stretches[0].context().grids[grid as usize]);
        let besides = Besides { each, means: Means::default() };
        let mut bundle = Bundle::default();
        for strip in strips {
            bundle.add(&mut Joined { cells: strip.cells.clone(), own: vec![(0, strip)] }, 1);
            let is_full = bundle.cost >= self.target && bundle.rows >= self.rows_wanted;
            if is_full || bundle.count == self.most_cells {
                self.push_bundle(section, grid, std::mem::take(&mut bundle), works, &besides)?;
            }
        }
        if bundle.count > 0 { self.push_bundle(section, grid, bundle, works, &besides) } else { Ok(()) }
    }
}

/// Ascending cells, each as a strip of its own; those in none of the live strips cost nothing.
fn one_by_one(cells: &[u32], live: impl Iterator<Item = Strip>) -> Vec<Strip> {
    let mut live = live.peekable();
    let strip = |&cell: &u32| {
        while live.next_if(|strip| strip.cells.end <= cell).is_some() {}
        let cells = cell..cell + 1;
        match live.peek().filter(|strip| strip.cells.contains(&cell)) {
            Some(strip) => Strip { cells, ..strip.clone() },
            None => Strip { cells, each: 0, rows: 0, reads: Vec::new(), sender: None },
        }
    };
    cells.iter().map(strip).collect()
}
