//! The plan of a check: some cells of a sweep, drawn at random, each to be computed by plain forward passes; of grids that are
//! estimated some estimates, too.

use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::Arc;

use patchsweep_core::check::CheckOf;
use patchsweep_core::context::SweepContext;
use patchsweep_core::grid::{Grid, PatchValue};
use patchsweep_core::ids::TileId;
use patchsweep_core::length;
use patchsweep_core::tile::{Tile, TileWork};
use patchsweep_proto::wire::digest_of;

use super::Plan;
use super::cost::CostModel;
use super::draw;
use super::tiles::{TileSize, most_cells};

/// Which of a cell's scores.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Score {
    /// Effect and value.
    Effect,
    /// The estimated effect.
    Estimate,
}

impl Score {
    /// Which ones a tile of cells has; `None` of baselines and of what says which features are active.
    #[must_use]
    pub fn of(work: &TileWork) -> Option<Self> {
        match work {
            TileWork::Baseline | TileWork::Activity { .. } => None,
            TileWork::Patch { .. } => Some(Self::Effect),
            TileWork::Estimate { .. } => Some(Self::Estimate),
        }
    }
}

/// Which tile of a plan computes a cell.
#[derive(Debug)]
pub struct Origins<'a>(BTreeMap<(u32, u32, u32, Score), Vec<&'a Tile>>);

impl<'a> Origins<'a> {
    /// Of the cells of this plan.
    #[must_use]
    pub fn of(plan: &'a Plan) -> Self {
        let mut tiles: BTreeMap<_, Vec<&Tile>> = BTreeMap::new();
        for tile in &plan.tiles {
            if let (Some((grid, _)), Some(score)) = (tile.work.cells(), Score::of(&tile.work)) {
                tiles.entry((tile.iteration, tile.prompts.start, grid, score)).or_default().push(tile);
            }
        }
        Self(tiles)
    }

    /// The tile that computes a cell over the prompts that another tile begins with; `None` where none does.
    #[must_use]
    pub fn tile(&self, like: &Tile, grid: u32, score: Score, cell: u32) -> Option<TileId> {
        let tiles = self.0.get(&(like.iteration, like.prompts.start, grid, score))?;
        let behind = tiles.partition_point(|tile| ranges(tile).first().is_some_and(|first| first.start <= cell));
        let tile = tiles.get(behind.checked_sub(1)?)?;
        ranges(tile).iter().any(|range| range.contains(&cell)).then_some(tile.id)
    }
}

fn ranges(tile: &Tile) -> &[Range<u32>] {
    tile.work.cells().map_or(&[], |(_, cells)| cells)
}

impl Plan {
    /// A sweep of its own that computes only cells of this one which are drawn: of each grid, iteration and replicate some
    /// that were computed, and some that were not because they are no-ops; the same of what is estimated.
    ///
    /// Its tiles are cut so that what one of them holds was computed by one tile of this plan.
    #[must_use]
    pub fn check(&self, check: CheckOf) -> Self {
        let apart = self.with_replicates_apart();
        let mut context = SweepContext { per_prompt: false, ..SweepContext::clone(&apart.context) };
        // What is computed is known.
        context.grids = context.grids.into_iter().map(Grid::of_all_features).collect();
        for estimate in context.grids.iter_mut().filter_map(|grid| grid.estimate.as_mut()) {
            estimate.verify = None;
        }
        let drawn = apart.drawn(&check);
        let most = most_cells(&context, context.clean.prompts());
        let (tiles, costs) = Cutter { plan: &apart, origins: Origins::of(&apart), most }.cut(&drawn);
        let name = format!("{} check", self.name);
        let (digest, context) = (digest_of(&context), Arc::new(context));
        Self { name, context, digest, tiles, costs, check: Some(check), choice: None, ..apart }
    }

    /// The same tiles, but each replicate of an iteration is an iteration of its own: a cell that is drawn is drawn in one
    /// of them.
    #[must_use]
    pub fn with_replicates_apart(&self) -> Self {
        let replicates = self.context.replicates;
        if replicates == 1 {
            return self.clone();
        }
        let context = SweepContext { replicates: 1, ..SweepContext::clone(&self.context) };
        let of_iteration = |label: &String| {
            let label = label.clone();
            (0..replicates).map(move |replicate| format!("{label}, replicate {replicate}"))
        };
        let iteration_labels = self.iteration_labels.iter().flat_map(of_iteration).collect();
        let (digest, context) = (digest_of(&context), Arc::new(context));
        let choice = self.choice.as_ref().map(|choice| choice.of_replicates(replicates));
        Self { context, digest, iteration_labels, choice, ..self.clone() }
    }

    /// Cells by iteration, grid and score, ascending.
    fn drawn(&self, check: &CheckOf) -> BTreeMap<Stratum, Vec<u32>> {
        let mut live: BTreeMap<Stratum, Vec<Range<u32>>> = BTreeMap::new();
        for iteration in (0..).take(self.context.iterations.len()) {
            for (index, grid) in (0..).zip(&self.context.grids) {
                live.insert((iteration, index, Score::Effect), Vec::new());
                if grid.estimate.is_some() {
                    live.insert((iteration, index, Score::Estimate), Vec::new());
                }
            }
        }
        for tile in &self.tiles {
            if let (Some((grid, cells)), Some(score)) = (tile.work.cells(), Score::of(&tile.work)) {
                live.entry((tile.iteration, grid, score)).or_default().extend_from_slice(cells);
            }
        }
        let estimated: BTreeMap<(u32, u32), Vec<Range<u32>>> = live
            .iter()
            .filter(|(stratum, _)| stratum.2 == Score::Estimate)
            .map(|(stratum, ranges)| ((stratum.0, stratum.1), ranges.clone()))
            .collect();
        let live: Vec<_> = live.into_iter().map(|(stratum, ranges)| (stratum, union(ranges))).collect();
        let noops: Vec<Vec<Range<u32>>> = live
            .iter()
            .map(|(stratum, ranges)| {
                let cells = self.context.grids[stratum.1 as usize].extents().into_iter().product();
                // Which features are off is not known yet.
                if self.choice.is_none() && self.context.grids[stratum.1 as usize].chooses_features() {
                    return Vec::new();
                }
                // Cells that are estimated and not verified have no effect to hold anything to.
                match estimated.get(&(stratum.0, stratum.1)) {
                    None => complement(ranges, cells),
                    Some(others) => complement(&union([others.clone(), ranges.clone()].concat()), cells),
                }
            })
            .collect();
        let sizes = |ranges: &Vec<Range<u32>>| ranges.iter().map(|range| u64::from(range.end - range.start)).sum();
        let live_sizes: Vec<u64> = live.iter().map(|(_, ranges)| sizes(ranges)).collect();
        let noop_sizes: Vec<u64> = noops.iter().map(sizes).collect();
        let computed = draw::stratified(&live_sizes, check.cells.into(), check.seed);
        // Another seed, so that the two draws have nothing to do with each other.
        let left_out = draw::stratified(&noop_sizes, check.noops().into(), !check.seed);
        let mut drawn = BTreeMap::new();
        for (((stratum, live), noops), (computed, left_out)) in
            live.iter().zip(&noops).zip(computed.iter().zip(&left_out))
        {
            let mut cells: Vec<u32> = places(live, computed).chain(places(noops, left_out)).collect();
            cells.sort_unstable();
            drawn.insert(*stratum, cells);
        }
        drawn
    }
}

/// Iteration, grid, and which score.
type Stratum = (u32, u32, Score);

/// Ascending ranges without overlaps, of what any of these covers.
fn union(mut ranges: Vec<Range<u32>>) -> Vec<Range<u32>> {
    ranges.sort_by_key(|range| range.start);
    let mut merged: Vec<Range<u32>> = Vec::new();
    for range in ranges {
        match merged.last_mut() {
            Some(last) if range.start <= last.end => last.end = last.end.max(range.end),
            _ => merged.push(range),
        }
    }
    merged
}

/// What lies between ascending ranges.
fn complement(ranges: &[Range<u32>], end: u32) -> Vec<Range<u32>> {
    let starts = std::iter::once(0).chain(ranges.iter().map(|range| range.end));
    let ends = ranges.iter().map(|range| range.start).chain([end]);
    starts.zip(ends).map(|(start, end)| start..end).filter(|range| !range.is_empty()).collect()
}

/// The numbers at some ascending places of the numbers in some ranges.
fn places<'a>(ranges: &'a [Range<u32>], places: &'a [u64]) -> impl Iterator<Item = u32> + 'a {
    let mut ranges = ranges.iter();
    let mut current = 0..0;
    let mut before = 0;
    places.iter().filter_map(move |&place| {
        while place - before >= u64::from(current.end - current.start) {
            before += u64::from(current.end - current.start);
            current = ranges.next()?.clone();
        }
        Some(current.start + u32::try_from(place - before).ok()?)
    })
}

struct Cutter<'a> {
    plan: &'a Plan,
    origins: Origins<'a>,
    /// Most cells of a tile.
    most: u32,
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
    fn cut(&self, drawn: &BTreeMap<Stratum, Vec<u32>>) -> (Vec<Tile>, Vec<u64>) {
        let sections: Vec<&Tile> = self.plan.tiles.iter().filter(|tile| tile.work == TileWork::Baseline).collect();
        let cells = |section: &Tile| -> u64 {
            let of_iteration = drawn.iter().filter(|(stratum, _)| stratum.0 == section.iteration);
            of_iteration.map(|(stratum, cells)| cells.len() as u64 * self.passes(stratum.1, stratum.2)).sum()
        };
        let all = sections.iter().map(|section| self.pass(section).saturating_mul(cells(section)));
        let target = TileSize::ON_CPU.target(all.fold(0, u64::saturating_add));
        let (mut tiles, mut costs) = (Vec::new(), Vec::new());
        for section in sections {
            let (first, last) = ((section.iteration, 0, Score::Effect), (section.iteration, u32::MAX, Score::Estimate));
            for (&(_, grid, score), cells) in drawn.range(first..=last) {
                for bundle in self.bundles(section, (grid, score), cells, target) {
                    let id = TileId(length(tiles.len()));
                    costs.push(self.cost(section, (grid, score), bundle.count));
                    let (cells, plain) = (bundle.cells, true);
                    let work = match score {
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
    fn passes(&self, grid: u32, score: Score) -> u64 {
        let grid = &self.plan.context.grids[grid as usize];
        match (score, grid.estimate) {
            (Score::Estimate, Some(estimate)) => {
                2 * u64::from(estimate.steps()) + u64::from(estimate.recompute_pattern)
            }
            _ => grid.passes().into(),
        }
    }

    fn bundles(&self, section: &Tile, (grid, score): (u32, Score), cells: &[u32], target: u64) -> Vec<Bundle> {
        let most = target / self.pass(section).saturating_mul(self.passes(grid, score)).max(1);
        let most = u32::try_from(most).unwrap_or(u32::MAX).clamp(1, self.most);
        let mut bundles: Vec<Bundle> = Vec::new();
        for &cell in cells {
            let origin = self.origins.tile(section, grid, score, cell);
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
    fn cost(&self, section: &Tile, (grid, score): (u32, Score), cells: u32) -> u64 {
        let context = &self.plan.context;
        let passes = self.passes(grid, score);
        let own = self.pass(section).saturating_mul(u64::from(cells) * passes + 2);
        let takes_mean = context.grids[grid as usize].writes_value(PatchValue::Mean);
        let everyone = if takes_mean { u64::from(context.clean.prompts()) } else { 0 };
        own.saturating_add(CostModel::of(context).full_pass(context.clean.positions()).saturating_mul(everyone))
    }
}

impl Bundle {
    fn add(&mut self, cell: u32, origin: Option<TileId>) {
        self.count += 1;
        self.origin = self.origin.or(origin);
        match self.cells.last_mut() {
            Some(last) if last.end == cell => last.end = cell + 1,
            _ => self.cells.push(cell..cell + 1),
        }
    }
}

#[cfg(test)]
mod tests;
