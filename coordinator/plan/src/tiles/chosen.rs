//! Tiles that compute the cells which other tiles decided on.

use std::collections::BTreeSet;
use std::ops::Range;
use std::slice;

use patchsweep_core::context::SweepContext;
use patchsweep_core::length;
use patchsweep_core::status::PlanOptions;
use patchsweep_core::tile::{Tile, TileWork};

use super::alike::first_alike;
use super::cutter::{Bundle, Cutter};
use super::means::{Besides, MeansKey, besides};
use super::messages::most_cells;
use super::sections::{Section, Stretch};
use super::share::Share;
use super::size::Aim;
use super::strips::Joined;
use crate::PlanError;
use crate::choice::Chosen;
use crate::region::{Region, Strip};

/// The tiles of chosen cells behind those of a plan, over its ranges of prompts, and their multiply-adds. Where a cell can
/// change the score of none of a range's prompts it costs nothing, but is there: the range has no other tile to say so.
pub(crate) fn chosen_cells(
    context: &SweepContext,
    options: PlanOptions,
    tiles: &[Tile],
    chosen: &[Chosen],
) -> Result<(Vec<Tile>, Vec<u64>), PlanError> {
    let share = share(context, tiles);
    let of_section = |section: &Section<'_>| -> Vec<(u32, Vec<Strip>)> {
        let iteration = context.spec_iteration(section.iteration);
        let here = chosen.iter().filter(|chosen| chosen.iteration as usize == iteration);
        let strips = |chosen: &Chosen| {
            let region = Region::new(context, &context.grids[chosen.grid as usize], &section.works[0]);
            (chosen.grid, one_by_one(&chosen.cells(), region.strips()))
        };
        here.map(strips).collect()
    };
    let sections = || baselines(tiles).map(|tile| section(&share, tile));
    let everything = || {
        let strips = sections().flat_map(|section| of_section(&section)).flat_map(|(_, strips)| strips);
        strips.fold(0, |sum: u64, strip| sum.saturating_add(strip.each))
    };
    let mut cutter = Cutter::new(Aim::of(options, everything));
    cutter.most_cells = most_cells(context, share.most_prompts);
    cutter.before = length(tiles.len());
    cutter.means_of = means_made(context, tiles, &share);
    for section in sections() {
        for (grid, strips) in of_section(&section) {
            let besides = besides(slice::from_ref(&share), &section, grid);
            cutter.chosen(&section, grid, strips, &besides)?;
        }
    }
    Ok(cutter.finish())
}

/// Cells of a grid that can change the score of a prompt in one of the spec's iterations, ascending.
pub(crate) fn live_cells(context: &SweepContext, tiles: &[Tile], grid: u32, iteration: u32) -> BTreeSet<u32> {
    let share = share(context, tiles);
    let here = baselines(tiles).filter(|tile| context.spec_iteration(tile.iteration) == iteration as usize);
    let of_section = |tile: &Tile| -> Vec<Range<u32>> {
        let region = Region::new(context, &context.grids[grid as usize], &section(&share, tile).works[0]);
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
    Section::new(tile.iteration, vec![stretch])
}

/// The means that a plan's tiles made: of activations for estimates, of features for the grids all of whose cells are computed.
fn means_made(context: &SweepContext, tiles: &[Tile], share: &Share<'_>) -> BTreeSet<MeansKey> {
    let of_estimates = share.alike.iter().map(|&alike| MeansKey { corrupted: vec![alike], features: None });
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
        let grids = with_tiles.range((tile.iteration, 0)..(tile.iteration + 1, 0));
        let means = |&(_, grid): &(u32, u32)| besides(slice::from_ref(share), &section, grid).means.of;
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
        besides: &Besides,
    ) -> Result<(), PlanError> {
        let mut bundle = Bundle::default();
        for strip in strips {
            bundle.add(&mut Joined { cells: strip.cells.clone(), own: vec![(0, strip)] }, 1);
            let is_full = bundle.cost >= self.aim.multiply_adds && bundle.rows >= self.aim.rows;
            if is_full || bundle.count == self.most_cells {
                self.push_bundle(section, grid, std::mem::take(&mut bundle), besides)?;
            }
        }
        if bundle.count > 0 { self.push_bundle(section, grid, bundle, besides) } else { Ok(()) }
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
