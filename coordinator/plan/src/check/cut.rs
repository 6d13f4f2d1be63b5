//! The tiles of a check.

use std::collections::BTreeMap;
use std::ops::Range;

use patchsweep_core::grid::PatchValue;
use patchsweep_core::ids::TileId;
use patchsweep_core::length;
use patchsweep_core::status::PlanOptions;
use patchsweep_core::tile::{Tile, TileWork};

use super::drawn::Stratum;
use super::{Origins, Score};
use crate::Plan;
use crate::cost::CostModel;
use crate::ranges::append;
use crate::tiles::Aim;

/// Cuts drawn cells into tiles.
pub(super) struct Cutter<'a> {
    pub(super) plan: &'a Plan,
    pub(super) origins: Origins<'a>,
    /// Most cells of a tile.
    pub(super) most: u32,
}

/// Cells of one tile.
#[derive(Default)]
struct Bundle {
    cells: Vec<Range<u32>>,
    count: u32,
    /// The tile that computed them; no-ops go with any.
    origin: Option<TileId>,
}

impl Cutter<'_> {
    /// Tiles and their costs: section by section of the plan, each section's grids in order.
    pub(super) fn cut(&self, drawn: &BTreeMap<Stratum, Vec<u32>>) -> (Vec<Tile>, Vec<u64>) {
        let sections: Vec<&Tile> = self.plan.tiles.iter().filter(|tile| tile.work == TileWork::Baseline).collect();
        let cells = |section: &Tile| -> u64 {
            let of_iteration = drawn.iter().filter(|(stratum, _)| stratum.iteration == section.iteration);
            of_iteration.map(|(&stratum, cells)| cells.len() as u64 * self.passes(stratum)).sum()
        };
        let all = sections.iter().map(|section| self.pass(section).saturating_mul(cells(section)));
        // A size that was given is one of other work: each tile here makes the clean and the corrupted run besides.
        let options = PlanOptions { tile_multiply_adds: None, ..self.plan.options };
        let aim = Aim::of(options, || all.fold(0, u64::saturating_add));
        let (mut tiles, mut costs) = (Vec::new(), Vec::new());
        for section in sections {
            for (&stratum, cells) in drawn.range(Stratum::all_of(section.iteration)) {
                for bundle in self.bundles(section, stratum, cells, aim) {
                    let id = TileId(length(tiles.len()));
                    costs.push(self.cost(section, stratum, bundle.count));
                    let (grid, cells, plain) = (stratum.grid, bundle.cells, true);
                    let work = match stratum.score {
                        Score::Effect => TileWork::Patch { grid, cells, plain },
                        Score::Estimate => TileWork::Estimate { grid, cells, plain },
                    };
                    tiles.push(Tile { id, work, ..section.clone() });
                }
            }
        }
        (tiles, costs)
    }

    /// Whole runs of one cell.
    fn passes(&self, stratum: Stratum) -> u64 {
        let grid = &self.plan.context.grids[stratum.grid as usize];
        match (stratum.score, grid.estimate) {
            (Score::Estimate, Some(estimate)) => {
                // The pattern that comes of what is written is of a run of its own.
                let makes_pattern = estimate.recompute_pattern || grid.value == PatchValue::Knockout;
                2 * u64::from(estimate.steps()) + u64::from(makes_pattern)
            }
            _ => grid.passes().into(),
        }
    }

    fn bundles(&self, section: &Tile, stratum: Stratum, cells: &[u32], aim: Aim) -> Vec<Bundle> {
        let most = aim.multiply_adds / self.pass(section).saturating_mul(self.passes(stratum)).max(1);
        let most = u32::try_from(most).unwrap_or(u32::MAX).clamp(1, self.most);
        let mut bundles: Vec<Bundle> = Vec::new();
        for &cell in cells {
            let origin = self.origins.tile(section, stratum.grid, stratum.score, cell);
            let fits = |bundle: &Bundle| {
                bundle.count < most && (origin.is_none() || bundle.origin.is_none() || bundle.origin == origin)
            };
            if !bundles.last().is_some_and(fits) {
                bundles.push(Bundle::default());
            }
            if let Some(bundle) = bundles.last_mut() {
                bundle.add(cell, origin);
            }
        }
        bundles
    }

    /// Multiply-adds of one whole run of a section's prompts.
    fn pass(&self, section: &Tile) -> u64 {
        let context = &self.plan.context;
        let model = CostModel::of(context);
        let pass = |prompt| model.full_pass(length(context.clean.row(prompt).len()));
        section.prompts.clone().map(pass).fold(0, u64::saturating_add)
    }

    /// Of the cells' runs, clean and corrupted run, and the mean over all prompts where it is taken.
    fn cost(&self, section: &Tile, stratum: Stratum, cells: u32) -> u64 {
        let context = &self.plan.context;
        let passes = self.passes(stratum);
        let own = self.pass(section).saturating_mul(u64::from(cells) * passes + 2);
        let takes_mean = context.grids[stratum.grid as usize].writes_value(PatchValue::Mean);
        let everyone = if takes_mean { u64::from(context.clean.prompts()) } else { 0 };
        own.saturating_add(CostModel::of(context).full_pass(context.clean.positions()).saturating_mul(everyone))
    }
}

impl Bundle {
    fn add(&mut self, cell: u32, origin: Option<TileId>) {
        self.count += 1;
        self.origin = self.origin.or(origin);
        append(&mut self.cells, cell..cell + 1);
    }
}
