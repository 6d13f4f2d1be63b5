//! Tiles that compute the cells which other tiles decided on.

use std::collections::BTreeSet;
use std::ops::Range;
use std::slice;

use patchsweep_core::context::SweepContext;
use patchsweep_core::ids::TileId;
use patchsweep_core::length;
use patchsweep_core::tile::{Tile, TileWork};

use super::alike::first_alike;
use super::{Besides, Bundle, Cutter, Joined, Section, Share, Stretch, TileSize, besides, most_cells};
use crate::PlanError;
use crate::choice::Chosen;
use crate::region::{Region, Strip, Work};

/// The tiles of chosen cells behind those of a plan, over its ranges of prompts, and their multiply-adds. Where a cell can
/// change the score of none of a range's prompts it costs nothing, but is there: the range has no other tile to say so.
pub(crate) fn chosen_cells(
    context: &SweepContext,
    tiles: &[Tile],
    chosen: &[Chosen],
) -> Result<(Vec<Tile>, Vec<u64>), PlanError> {
    let share = share(context, tiles);
    let sections: Vec<Section<'_>> = baselines(tiles).map(|tile| section(&share, tile)).collect();
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
        target: TileSize::ON_CPU.target(everything),
        rows_wanted: TileSize::ON_CPU.rows,
        most_cells: most_cells(context, share.most_prompts),
        tiles: Vec::new(),
        costs: Vec::new(),
        means_of: means_made(context, tiles, &share),
    };
    for section in &sections {
        let works = section.works();
        for (grid, strips) in of_section(section) {
            let besides = besides(slice::from_ref(&share), section, grid, &works);
            cutter.chosen(section, grid, strips, &works, &besides)?;
        }
    }
    let Cutter { tiles: mut more, costs, .. } = cutter;
    for tile in &mut more {
        tile.id = TileId(tile.id.0 + length(tiles.len()));
    }
    Ok((more, costs))
}

/// Cells of a grid that can change the score of a prompt in one of the spec's iterations, ascending.
pub(crate) fn live_cells(context: &SweepContext, tiles: &[Tile], grid: u32, iteration: u32) -> BTreeSet<u32> {
    let share = share(context, tiles);
    let here = baselines(tiles).filter(|tile| context.spec_iteration(tile.iteration) == iteration as usize);
    let of_section = |tile: &Tile| -> Vec<Range<u32>> {
        let works = section(&share, tile).works();
        let region = Region::new(context, &context.grids[grid as usize], &works[0]);
        region.strips().map(|strip| strip.cells).collect()
    };
    here.flat_map(of_section).flatten().collect()
}

fn baselines(tiles: &[Tile]) -> impl Iterator<Item = &Tile> {
    tiles.iter().filter(|tile| tile.work == TileWork::Baseline)
}

/// All prompts, cut as a plan's are. Sweeps of which something is chosen are without groups.
fn share<'a>(context: &'a SweepContext, tiles: &[Tile]) -> Share<'a> {
    let longest = length(baselines(tiles).map(|tile| tile.prompts.len()).max().unwrap_or(1));
    let alike = first_alike(context);
    Share { part: context.part(0), most_prompts: longest, alike_in_means: alike.clone(), alike }
}

/// What a baseline tile is of.
fn section<'a>(share: &'a Share<'a>, tile: &Tile) -> Section<'a> {
    let stretch = Stretch { share, prompts: tile.prompts.clone() };
    Section { iteration: tile.iteration, stretches: vec![stretch] }
}

/// The means that a plan's tiles made: of activations for estimates, of features for the grids all of whose cells are computed.
fn means_made(context: &SweepContext, tiles: &[Tile], share: &Share<'_>) -> BTreeSet<(Vec<u32>, Option<u32>)> {
    let of_estimates = share.alike.iter().map(|&alike| (vec![alike], None));
    let with_tiles: BTreeSet<(u32, u32)> = tiles
        .iter()
        .filter_map(|tile| match &tile.work {
            TileWork::Patch { grid, .. } => Some((tile.iteration, *grid)),
            _ => None,
        })
        .filter(|(_, grid)| context.grids[*grid as usize].dictionary().is_some())
        .collect();
    let of_features = baselines(tiles).filter(|tile| tile.prompts.start == 0).flat_map(|tile| {
        let section = section(share, tile);
        let works = section.works();
        let grids = with_tiles.range((tile.iteration, 0)..(tile.iteration + 1, 0));
        let means = |&(_, grid): &(u32, u32)| besides(slice::from_ref(share), &section, grid, &works).means.of;
        grids.map(means).collect::<Vec<_>>()
    });
    of_estimates.chain(of_features).collect()
}

impl Cutter {
    fn chosen(
        &mut self,
        section: &Section<'_>,
        grid: u32,
        strips: Vec<Strip>,
        works: &[Work<'_>],
        besides: &Besides,
    ) -> Result<(), PlanError> {
        let mut bundle = Bundle::default();
        for strip in strips {
            bundle.add(&mut Joined { cells: strip.cells.clone(), own: vec![(0, strip)] }, 1);
            let is_full = bundle.cost >= self.target && bundle.rows >= self.rows_wanted;
            if is_full || bundle.count == self.most_cells {
                self.push_bundle(section, grid, std::mem::take(&mut bundle), works, besides)?;
            }
        }
        if bundle.count > 0 { self.push_bundle(section, grid, bundle, works, besides) } else { Ok(()) }
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
