//! Which cells are computed, where tiles decide it: of estimated grids the strongest, of grids over features those that are
//! active. It is known when those tiles are there, and planned then, as tiles behind the others.

use std::collections::BTreeSet;
use std::ops::Range;

use patchsweep_core::grid::{Axis, Grid};
use patchsweep_core::length;
use patchsweep_core::tile::TileWork;

use super::{Plan, PlanError, tiles};

mod strongest;

use strongest::{choose, without_estimates};

/// The part of a plan that its first tiles decided.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Choice {
    /// The first of the other tiles.
    pub first: u32,
    /// Which cells these compute, for each grid and iteration that has any.
    pub chosen: Vec<Chosen>,
    /// Which features are in the results, for each grid that chooses them.
    pub features: Vec<ActiveFeatures>,
}

/// The cells of a grid in one of the spec's iterations whose effects are computed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Chosen {
    /// Index in the context's grids.
    pub grid: u32,
    /// Index of the spec's iteration.
    pub iteration: u32,
    /// Cells that these were chosen from: those that are estimated, also where the estimate is missing, or of which it is known
    /// whether they are active.
    pub candidates: u32,
    /// Of estimated cells those that had no estimate then, so that they could not be among the strongest.
    pub without_estimate: u32,
    /// Those with the strongest estimates, or all that are active and can change a score; ascending.
    pub top: Vec<u32>,
    /// Of estimated cells some that were drawn from all others, those without an estimate among them; ascending.
    pub sample: Vec<u32>,
    /// Of cells of features those that can change a score, but of which nobody knew whether they are active; ascending.
    pub unknown: Vec<u32>,
}

/// The features of a grid that are active in any iteration. Where none is, they are all of them: a tensor has a cell.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ActiveFeatures {
    /// Index in the context's grids.
    pub grid: u32,
    /// Their numbers, ascending.
    pub features: Vec<u32>,
}

/// Whether a cell's features are active in the clean or the corrupted run of a prompt, at one of its positions.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Activity {
    /// In none.
    #[default]
    Off,
    /// The tile that would say so was given up.
    Unknown,
    /// In at least one.
    On,
}

/// What the first tiles of a sweep found.
#[derive(Debug)]
pub struct Findings<'a> {
    /// Of each grid the estimates under the main metric \[iterations, axes..\], NaN where there is none; of one without `verify` they
    /// do not matter.
    pub estimates: Vec<&'a [f32]>,
    /// Of each grid which cells are active \[iterations, axes..\]; of one that does not choose its features nothing.
    pub activity: Vec<Vec<Activity>>,
}

impl Chosen {
    /// All of them, ascending.
    #[must_use]
    pub fn cells(&self) -> Vec<u32> {
        let cells: BTreeSet<u32> = self.top.iter().chain(&self.sample).copied().collect();
        cells.into_iter().collect()
    }
}

impl Choice {
    /// The same of a plan in which each replicate of an iteration is an iteration of its own.
    pub(crate) fn of_replicates(&self, replicates: u32) -> Self {
        let each = |chosen: &Chosen| {
            let first = chosen.iteration * replicates;
            let chosen = chosen.clone();
            (first..first + replicates).map(move |iteration| Chosen { iteration, ..chosen.clone() })
        };
        Self { chosen: self.chosen.iter().flat_map(each).collect(), ..self.clone() }
    }

    /// How many cells of a grid there are of which nobody knew whether they are active, over the spec's iterations.
    #[must_use]
    pub fn unknown(&self, grid: u32) -> u64 {
        self.chosen.iter().filter(|chosen| chosen.grid == grid).map(|chosen| chosen.unknown.len() as u64).sum()
    }

    /// The cells of a grid in one of the spec's iterations.
    #[must_use]
    pub fn of(&self, grid: u32, iteration: u32) -> Option<&Chosen> {
        self.chosen.iter().find(|chosen| (chosen.grid, chosen.iteration) == (grid, iteration))
    }
}

impl Plan {
    /// Whether tiles are still to come, which others decide.
    #[must_use]
    pub fn awaits_choice(&self) -> bool {
        self.choice.is_none() && self.context.grids.iter().any(Grid::is_chosen_from)
    }

    /// Whether effects of estimated cells are computed, as far as estimates choose them.
    #[must_use]
    pub fn verifies(&self) -> bool {
        self.context.grids.iter().any(|grid| grid.verify().is_some())
    }

    /// The plan with the tiles of the cells that are computed by what the others found.
    pub fn extended(&self, findings: &Findings<'_>) -> Result<Self, PlanError> {
        let mut chosen = Vec::new();
        for iteration in 0..length(self.context.spec_iterations()) {
            for (index, grid) in (0..).zip(&self.context.grids) {
                if let Some(verify) = grid.verify() {
                    let estimates = self.of_iteration(findings.estimates[index as usize], iteration);
                    chosen.push(choose(index, iteration, verify, self.estimated(index, iteration), estimates));
                }
                if grid.chooses_features() {
                    let activity = self.of_iteration(&findings.activity[index as usize], iteration);
                    chosen.push(self.active(index, iteration, activity));
                }
            }
        }
        let choosing = (0..).zip(&self.context.grids).filter(|(_, grid)| grid.chooses_features());
        let features = choosing.map(|(index, grid)| active_features(index, grid, &findings.activity[index as usize]));
        let (more, costs) = tiles::chosen_cells(&self.context, self.options, &self.tiles, &chosen)?;
        let choice = Choice { first: length(self.tiles.len()), chosen, features: features.collect() };
        let warnings = without_estimates(&self.context.grids, &choice.chosen);
        let mut plan = Self { choice: Some(choice), ..self.clone() };
        plan.warnings.extend(warnings);
        plan.tiles.extend(more);
        plan.costs.extend(costs);
        Ok(plan)
    }

    /// A grid as its results have it: of one that chooses its features, once they are chosen, over these.
    ///
    /// # Panics
    /// When there is no such grid, or when its features are not those of the grid.
    #[must_use]
    pub fn shown_grid(&self, index: u32) -> Grid {
        let grid = self.context.grids[index as usize].clone();
        let features = self.choice.iter().flat_map(|choice| &choice.features).find(|features| features.grid == index);
        match features {
            Some(of_grid) => {
                grid.restricted(Axis::Feature, of_grid.features.clone()).expect("features of the grid, ascending")
            }
            None => grid,
        }
    }

    /// What a grid has of one of the spec's iterations.
    fn of_iteration<'a, T>(&self, all: &'a [T], iteration: u32) -> &'a [T] {
        let cells = all.len() / self.context.spec_iterations();
        &all[iteration as usize * cells..][..cells]
    }

    /// Cells of a grid that are estimated over some prompts of one of the spec's iterations, ascending.
    fn estimated(&self, grid: u32, iteration: u32) -> BTreeSet<u32> {
        let of_grid = |tile: &&patchsweep_core::tile::Tile| {
            self.context.spec_iteration(tile.iteration) == iteration as usize
                && matches!(tile.work, TileWork::Estimate { grid: other, .. } if other == grid)
        };
        let ranges = self.tiles.iter().filter(of_grid).filter_map(|tile| Some(tile.work.cells()?.1.to_vec()));
        ranges.flatten().flat_map(|range: Range<u32>| range).collect()
    }

    /// The cells of active features that can change the score of a prompt.
    fn active(&self, grid: u32, iteration: u32, activity: &[Activity]) -> Chosen {
        let candidates = length(activity.iter().filter(|&&activity| activity != Activity::Unknown).count());
        let live = tiles::live_cells(&self.context, &self.tiles, grid, iteration);
        let which = |wanted| live.iter().copied().filter(|&cell| activity[cell as usize] == wanted).collect();
        let (top, unknown) = (which(Activity::On), which(Activity::Unknown));
        Chosen { grid, iteration, candidates, without_estimate: 0, top, sample: Vec::new(), unknown }
    }
}

/// Features that are active in some cell, or of which that is not known.
///
/// `activity`: \[iterations, axes..\], of which features are the last.
fn active_features(index: u32, grid: &Grid, activity: &[Activity]) -> ActiveFeatures {
    let all = grid.indices(Axis::Feature);
    let mut found = vec![false; all.len()];
    for of_position in activity.chunks(all.len()) {
        found.iter_mut().zip(of_position).for_each(|(found, &activity)| *found |= activity != Activity::Off);
    }
    let features: Vec<u32> = all.iter().zip(found).filter_map(|(&feature, found)| found.then_some(feature)).collect();
    ActiveFeatures { grid: index, features: if features.is_empty() { all.to_vec() } else { features } }
}

#[cfg(test)]
mod tests {
    use patchsweep_core::status::PlanOptions;
    use patchsweep_core::tile::Tile;

    use super::*;

    /// Iteration 0 reads position 2, iteration 1 position 1.
    fn of_features() -> Plan {
        crate::fixtures::plan_of_features(PlanOptions {
            tile_multiply_adds: Some(1),
            tile_prompts: None,
            for_gpus: false,
        })
    }

    /// \[iterations, pos, feature\], all off but for some.
    fn chosen_by(places: &[([usize; 3], Activity)]) -> Plan {
        let mut activity = vec![Activity::Off; 2 * 3 * 6];
        for ([iteration, pos, feature], found) in places {
            activity[(iteration * 3 + pos) * 6 + feature] = *found;
        }
        of_features().extended(&Findings { estimates: vec![&[]], activity: vec![activity] }).expect("few tiles")
    }

    #[test]
    fn what_is_active_is_asked_of_all_cells_up_to_the_last_read_position() {
        let plan = of_features();
        assert!(plan.awaits_choice());
        let asked = plan.tiles.iter().filter(|tile| tile.is_activity());
        let asked: Vec<_> =
            asked.map(|tile| (tile.iteration, tile.cell_count(), tile.scores_per_cell(&plan.context))).collect();
        assert_eq!(asked, [(0, 18, 1), (1, 12, 1)]);
        assert!(!plan.tiles.iter().any(Tile::is_patch), "nothing is computed before that");
        assert!(plan.multiply_adds() > 0);
    }

    #[test]
    fn cells_of_active_features_are_computed_and_results_have_these_features() {
        let plan = chosen_by(&[
            ([0, 1, 2], Activity::On),
            ([0, 2, 4], Activity::Unknown),
            ([1, 0, 5], Activity::On),
            // Comes after what is read: it is in the results, and changes nothing.
            ([1, 2, 0], Activity::On),
        ]);
        let Choice { first, chosen, features } = plan.choice.clone().expect("chosen");
        assert_eq!(features, [ActiveFeatures { grid: 0, features: vec![0, 2, 4, 5] }]);
        let of_iterations: Vec<_> =
            chosen.iter().map(|chosen| (chosen.candidates, chosen.cells(), chosen.unknown.clone())).collect();
        assert_eq!(of_iterations, [(17, vec![8], vec![16]), (18, vec![5], vec![])]);
        assert_eq!(plan.shown_grid(0).extents(), [3, 4]);
        let (before, behind) = plan.tiles.split_at(first as usize);
        assert!(before.iter().all(|tile| !tile.is_patch()) && behind.iter().all(Tile::is_patch));
        assert_eq!(behind.iter().map(Tile::cell_count).collect::<Vec<_>>(), [1, 1]);
        let summary = plan.summarize().remove(0);
        assert_eq!((summary.cells, summary.noops), (24, 21), "of one nobody knows");
        assert_eq!(of_features().summarize()[0].noops, 6, "what comes after the last read position");
    }

    #[test]
    fn chosen_cells_are_cut_as_the_sweep_was() {
        let activity = vec![Activity::On; 2 * 3 * 6];
        let tiles = |tile_multiply_adds| {
            let options = PlanOptions { tile_multiply_adds, ..PlanOptions::default() };
            let findings = Findings { estimates: vec![&[]], activity: vec![activity.clone()] };
            let plan = crate::fixtures::plan_of_features(options).extended(&findings).expect("few tiles");
            plan.tiles.iter().filter(|tile| tile.is_patch()).map(Tile::cell_count).collect::<Vec<_>>()
        };
        assert!(tiles(Some(1)).iter().all(|&cells| cells == 1));
        assert_eq!(tiles(None).len(), 2, "one for each iteration");
    }

    #[test]
    fn where_no_feature_is_active_results_have_all_of_them() {
        let plan = chosen_by(&[]);
        assert_eq!(plan.shown_grid(0).extents(), [3, 6]);
        let first = plan.choice.as_ref().expect("chosen").first;
        assert_eq!((plan.tiles.len(), plan.awaits_choice()), (first as usize, false));
    }
}
