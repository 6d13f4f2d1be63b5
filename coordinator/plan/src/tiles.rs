//! Cuts a sweep into tiles of about equal cost.

mod activity;
mod alike;
mod chosen;
mod cutter;
mod estimates;
mod means;
mod messages;
mod sections;
mod share;
mod size;
mod strips;

use patchsweep_core::context::SweepContext;
use patchsweep_core::grid::Grid;
use patchsweep_core::status::PlanOptions;
use patchsweep_core::tile::{Tile, TileWork};

pub(crate) use self::chosen::{chosen_cells, live_cells};
use self::cutter::Cutter;
use self::means::besides;
pub(crate) use self::messages::most_cells;
use self::sections::{Section, Stretch, Width, ranges, sections};
use self::share::{Share, see_means};
pub(crate) use self::size::Aim;
use super::PlanError;

const MOST_TILES: usize = 1_000_000;

/// Grids of all iterations and ranges of prompts, most of which give at least one tile; refused before they are counted.
const MOST_REGIONS: usize = 4 * MOST_TILES;

/// All tiles in merging order, and the multiply-adds of each where runs are made once and a tile's cells fit one batch: for
/// each iteration and range of prompts the baselines, then the live cells of grid after grid in row-major order.
pub fn cut(context: &SweepContext, options: PlanOptions) -> Result<(Vec<Tile>, Vec<u64>), PlanError> {
    let mut shares: Vec<Share<'_>> = context.parts().map(|part| Share::of(part, options)).collect();
    if let [_, _, ..] = shares.as_slice() {
        see_means(context, &mut shares);
    }
    let count: usize = shares.iter().map(Share::ranges).fold(0, usize::saturating_add);
    let count = count.saturating_mul(context.iterations.len());
    if count.saturating_mul(context.grids.len()) > MOST_REGIONS {
        return Err(PlanError::TooManyTiles { most: MOST_TILES });
    }
    let aim = Aim::of(options, || multiply_adds(context, &shares));
    let mut cutter = Cutter::new(aim);
    let ranges = ranges(context, &shares, Width::of(context, options), aim);
    if ranges.len().saturating_mul(context.iterations.len()) > MOST_TILES {
        return Err(PlanError::TooManyTiles { most: MOST_TILES });
    }
    for section in sections(context, &ranges) {
        cutter.most_cells = most_cells(context, section.most_prompts());
        cutter.push(&section, TileWork::Baseline, section.baseline_cost())?;
        if let [work] = section.works.as_slice() {
            cutter.estimates(&section, work)?;
            cutter.activity(&section, work)?;
        }
        for grid in computed(context) {
            cutter.patches(&section, grid, &besides(&shares, &section, grid))?;
        }
    }
    Ok(cutter.finish())
}

fn multiply_adds(context: &SweepContext, shares: &[Share<'_>]) -> u64 {
    // Regions are made twice rather than kept: a sweep may have very many.
    let stretches: Vec<Vec<Stretch<'_>>> =
        shares.iter().flat_map(Share::stretches).map(|stretch| vec![stretch]).collect();
    let of_section = |section: Section<'_>| {
        let costs = computed(context).flat_map(|grid| section.regions(grid)).map(|region| region.cost());
        costs.fold(0, u64::saturating_add)
    };
    sections(context, &stretches).map(of_section).fold(0, u64::saturating_add)
}

/// The grids all of whose effects are computed.
fn computed(context: &SweepContext) -> impl Iterator<Item = u32> {
    let is_computed = |(_, grid): &(u32, &Grid)| grid.estimate.is_none() && !grid.chooses_features();
    (0..).zip(&context.grids).filter(is_computed).map(|(index, _)| index)
}

#[cfg(test)]
mod tests;
