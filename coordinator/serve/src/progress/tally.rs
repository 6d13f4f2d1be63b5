//! Counts what is done of each grid, tile by tile.

use patchsweep_core::ids::TileId;
use patchsweep_core::length;
use patchsweep_core::status::{BASELINES, GridProgress};
use patchsweep_core::tile::BASELINE_CELLS;
use patchsweep_plan::Plan;

/// How far each grid of a sweep is. A tile costs as much time as it has cells; reading the counts costs nothing.
#[derive(Clone, Debug)]
pub struct Tally {
    /// The baselines, then every grid.
    grids: Vec<GridProgress>,
    /// Tiles without scores that each cell is in, one list for each of `grids` \[iterations of the spec, cells\]; both
    /// cells of an iteration's baselines share one number.
    missing: Vec<Vec<u32>>,
}

impl Tally {
    /// Of a sweep of which nothing is done.
    #[must_use]
    pub fn new(plan: &Plan) -> Self {
        let iterations = plan.context.spec_iterations();
        let cells = |grid: &patchsweep_core::grid::Grid| grid.cells() as usize;
        let sizes = std::iter::once(1).chain(plan.context.grids.iter().map(cells));
        let names = std::iter::once(BASELINES).chain(plan.context.grids.iter().map(|grid| grid.name.as_str()));
        let untouched = |name: &str| GridProgress { name: name.to_owned(), ..GridProgress::default() };
        let mut tally = Self {
            grids: names.map(untouched).collect(),
            missing: sizes.map(|cells| vec![0; iterations * cells]).collect(),
        };
        for tile in 0..plan.tiles.len() {
            tally.change(plan, tile, |missing| {
                *missing += 1;
                false
            });
            let grid = &mut tally.grids[index(plan, tile)];
            grid.tiles_total += 1;
            grid.multiply_adds_total = grid.multiply_adds_total.saturating_add(plan.costs[tile]);
        }
        // Of a grid that chooses its features those that are in the results.
        let shown = (0..).zip(&plan.context.grids).map(|(index, _)| cells(&plan.shown_grid(index)));
        let shown = std::iter::once(1).chain(shown);
        for (index, ((grid, missing), cells)) in tally.grids.iter_mut().zip(&tally.missing).zip(shown).enumerate() {
            let weight = weight(index);
            let in_tiles = missing.iter().filter(|&&missing| missing > 0).count() as u64 * weight;
            // What a check did not draw is none of its cells.
            grid.cells_total = if plan.check.is_some() { in_tiles } else { (iterations * cells) as u64 * weight };
            let unknown = index.checked_sub(1).zip(plan.choice.as_ref());
            let unknown = unknown.map_or(0, |(grid, choice)| choice.unknown(length(grid)));
            grid.cells_noop = grid.cells_total - in_tiles - unknown;
        }
        tally
    }

    /// A tile's scores are kept; called once for each tile.
    pub fn finish(&mut self, plan: &Plan, tile: TileId) {
        let tile = tile.0 as usize;
        if tile >= plan.tiles.len() {
            return;
        }
        let whole = self.change(plan, tile, |missing| {
            *missing = missing.saturating_sub(1);
            *missing == 0
        });
        let index = index(plan, tile);
        let grid = &mut self.grids[index];
        grid.cells_done += whole * weight(index);
        grid.tiles_done += 1;
        grid.multiply_adds_done = grid.multiply_adds_done.saturating_add(plan.costs[tile]);
    }

    /// The baselines, then every grid.
    #[must_use]
    pub fn grids(&self) -> &[GridProgress] {
        &self.grids
    }

    /// Cells over all grids and iterations, and how many of them no tile computes; baselines do not count.
    #[must_use]
    pub fn cells(&self) -> (u64, u64) {
        let grids = self.grids.iter().skip(1);
        grids.fold((0, 0), |(total, noop), grid| (total + grid.cells_total, noop + grid.cells_noop))
    }

    /// Changes the numbers of a tile's cells; says for how many `change` says yes.
    fn change(&mut self, plan: &Plan, tile: usize, change: impl Fn(&mut u32) -> bool) -> u64 {
        let index = index(plan, tile);
        let tile = &plan.tiles[tile];
        // Once cells are chosen, those are none of the grid's that only it has.
        if tile.is_activity() && plan.choice.is_some() {
            return 0;
        }
        let missing = &mut self.missing[index];
        let context = &plan.context;
        let per_iteration = missing.len() / context.spec_iterations();
        let of_iteration = &mut missing[context.spec_iteration(tile.iteration) * per_iteration..][..per_iteration];
        let Some((_, cells)) = tile.work.cells() else {
            return of_iteration.iter_mut().filter_map(|missing| change(missing).then_some(1)).sum();
        };
        let mut yes = 0;
        for range in cells {
            let range = range.start as usize..range.end as usize;
            yes += of_iteration[range].iter_mut().filter_map(|missing| change(missing).then_some(1)).sum::<u64>();
        }
        yes
    }
}

/// Which of the `grids` a tile counts for.
fn index(plan: &Plan, tile: usize) -> usize {
    plan.tiles[tile].work.cells().map_or(0, |(grid, _)| 1 + grid as usize)
}

/// Cells that one number stands for.
fn weight(index: usize) -> u64 {
    if index == 0 { BASELINE_CELLS as u64 } else { 1 }
}

#[cfg(test)]
mod tests {
    use patchsweep_core::status::PlanOptions;
    use patchsweep_plan::fixtures;

    use super::*;

    fn plan() -> Plan {
        // Tiles of a few cells over ranges of two prompts, some of which lack cells that others have.
        fixtures::plan(PlanOptions { tile_multiply_adds: Some(3000), tile_prompts: Some(2), for_gpus: false })
    }

    #[test]
    fn totals_are_those_of_the_plan() {
        let plan = plan();
        let tally = Tally::new(&plan);
        let [baselines, grid] = tally.grids() else { panic!("one grid") };
        let summary = plan.summarize().remove(0);
        assert_eq!((baselines.name.as_str(), baselines.cells_total, baselines.tiles_total), (BASELINES, 4, 6));
        assert_eq!((grid.cells_total, grid.cells_noop), (summary.cells, summary.noops));
        assert_eq!(u64::from(grid.tiles_total), summary.tiles);
        assert_eq!(grid.multiply_adds_total, summary.multiply_adds);
        assert_eq!(tally.cells(), (24, 10));
        assert_eq!((grid.cells_done, grid.tiles_done, grid.multiply_adds_done), (0, 0, 0));
    }

    #[test]
    fn a_cell_is_done_when_all_of_its_tiles_are() {
        let plan = plan();
        let mut tally = Tally::new(&plan);
        // Every cell's tiles, counted one by one.
        let is_done = |done: usize, iteration: u32, cell: u32| {
            let mut tiles = plan.tiles.iter().filter(|tile| tile.iteration == iteration && has(tile, cell)).peekable();
            tiles.peek().is_some() && tiles.all(|tile| (tile.id.0 as usize) < done)
        };
        for done in 0..=plan.tiles.len() {
            let cells = (0..2).flat_map(|iteration| (0..12).map(move |cell| (iteration, cell)));
            let wanted = cells.filter(|&(iteration, cell)| is_done(done, iteration, cell)).count() as u64;
            assert_eq!(tally.grids()[1].cells_done, wanted, "{done} tiles");
            if let Some(next) = plan.tiles.get(done) {
                tally.finish(&plan, next.id);
            }
        }
        for grid in tally.grids() {
            assert_eq!((grid.cells_done, grid.tiles_done), (grid.cells_total - grid.cells_noop, grid.tiles_total));
            assert_eq!(grid.multiply_adds_done, grid.multiply_adds_total);
        }
    }

    fn has(tile: &patchsweep_core::tile::Tile, cell: u32) -> bool {
        tile.work.cells().is_some_and(|(_, cells)| cells.iter().any(|range| range.contains(&cell)))
    }

    #[test]
    fn a_tile_that_the_plan_has_not_changes_nothing() {
        let plan = plan();
        let mut tally = Tally::new(&plan);
        let before = tally.grids().to_vec();
        tally.finish(&plan, TileId(u32::MAX));
        assert_eq!(tally.grids(), before);
    }
}
