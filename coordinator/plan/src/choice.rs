//! Which cells are computed, where tiles decide it: of estimated grids the strongest, of grids over features those that are
//! active. It is known when those tiles are there, and planned then, as tiles behind the others.

use std::collections::BTreeSet;
use std::ops::Range;

use patchsweep_core::estimate::Verify;
use patchsweep_core::grid::{Axis, Grid};
use patchsweep_core::length;
use patchsweep_core::tile::TileWork;

use super::{Plan, PlanError, draw, tiles};

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
    /// Cells that these were chosen from: those that were estimated, or of which it is known whether they are active.
    pub candidates: u32,
    /// Those with the strongest estimates, or all that are active and can change a score; ascending.
    pub top: Vec<u32>,
    /// Of estimated cells some that were drawn from the others, ascending.
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

    /// The plan with the tiles of the cells that are computed by what the others found.
    pub fn extended(&self, findings: &Findings<'_>) -> Result<Self, PlanError> {
        let mut chosen = Vec::new();
        for iteration in 0..length(self.context.spec_iterations()) {
            for (index, grid) in (0..).zip(&self.context.grids) {
                if let Some(verify) = grid.verify() {
                    let estimates = self.of_iteration(findings.estimates[index as usize], iteration);
                    let candidates =
                        self.estimated(index, iteration).filter(|&cell| !estimates[cell as usize].is_nan());
                    chosen.push(choose(index, iteration, verify, candidates.collect(), estimates));
                }
                if grid.chooses_features() {
                    let activity = self.of_iteration(&findings.activity[index as usize], iteration);
                    chosen.push(self.active(index, iteration, activity));
                }
            }
        }
        let choosing = (0..).zip(&self.context.grids).filter(|(_, grid)| grid.chooses_features());
        let features = choosing.map(|(index, grid)| active_features(index, grid, &findings.activity[index as usize]));
        let (more, costs) = tiles::chosen_cells(&self.context, &self.tiles, &chosen)?;
        let choice = Choice { first: length(self.tiles.len()), chosen, features: features.collect() };
        let mut plan = Self { choice: Some(choice), ..self.clone() };
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
    fn estimated(&self, grid: u32, iteration: u32) -> impl Iterator<Item = u32> + use<> {
        let of_grid = |tile: &&patchsweep_core::tile::Tile| {
            self.context.spec_iteration(tile.iteration) == iteration as usize
                && matches!(tile.work, TileWork::Estimate { grid: other, .. } if other == grid)
        };
        let ranges = self.tiles.iter().filter(of_grid).filter_map(|tile| Some(tile.work.cells()?.1.to_vec()));
        let cells: BTreeSet<u32> = ranges.flatten().flat_map(|range: Range<u32>| range).collect();
        cells.into_iter()
    }

    /// The cells of active features that can change the score of a prompt.
    fn active(&self, grid: u32, iteration: u32, activity: &[Activity]) -> Chosen {
        let candidates = length(activity.iter().filter(|&&activity| activity != Activity::Unknown).count());
        let live = tiles::live_cells(&self.context, &self.tiles, grid, iteration);
        let which = |wanted| live.iter().copied().filter(|&cell| activity[cell as usize] == wanted).collect();
        let (top, unknown) = (which(Activity::On), which(Activity::Unknown));
        Chosen { grid, iteration, candidates, top, sample: Vec::new(), unknown }
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

/// The strongest by magnitude (of equal ones the first), and a draw of the others.
fn choose(grid: u32, iteration: u32, verify: Verify, candidates: Vec<u32>, estimates: &[f32]) -> Chosen {
    let count = length(candidates.len());
    let mut order = candidates;
    let strength = |&cell: &u32| estimates[cell as usize].abs();
    order.sort_by(|a, b| strength(b).total_cmp(&strength(a)).then(a.cmp(b)));
    let mut rest = order.split_off(order.len().min(verify.top as usize));
    rest.sort_unstable();
    order.sort_unstable();
    let amount = rest.len().min(verify.sample as usize);
    // Grids and iterations draw independently of each other.
    let seed =
        verify.seed ^ (u64::from(grid) << 40 | u64::from(iteration) << 1 | 1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    let mut sample: Vec<u32> = draw::samples(rest.len(), amount, false, seed).into_iter().map(|at| rest[at]).collect();
    sample.sort_unstable();
    Chosen { grid, iteration, candidates: count, top: order, sample, unknown: Vec::new() }
}

#[cfg(test)]
mod tests {
    use patchsweep_core::status::PlanOptions;
    use patchsweep_core::tile::Tile;

    use super::*;
    use crate::example::plan;

    fn verified(estimates: &[f32], verify: &str) -> Plan {
        let keys = format!("estimate = \"gradient\"\nverify = {verify}\naxes");
        let plan = plan(&[("axes", &keys)]);
        assert!(plan.awaits_choice());
        plan.extended(&Findings { estimates: vec![estimates], activity: vec![Vec::new()] }).expect("a plan")
    }

    #[test]
    fn the_strongest_and_a_sample_of_the_others_are_computed_behind_all_other_tiles() {
        // 3 layers and 2 heads.
        let estimates = [0.1, -3.0, 2.0, 0.0, -0.2, 2.0];
        let plan = verified(&estimates, "{ top = 2, sample = 2, seed = 3 }");
        let Choice { first, chosen, .. } = plan.choice.clone().expect("chosen");
        let [Chosen { grid: 0, iteration: 0, candidates, top, sample, .. }] = chosen.as_slice() else {
            panic!("{chosen:?}")
        };
        assert_eq!((top.as_slice(), *candidates, sample.len()), ([1, 2].as_slice(), 6, 2));
        assert!(sample.iter().all(|cell| !top.contains(cell)) && sample.is_sorted());
        let (before, behind) = plan.tiles.split_at(first as usize);
        assert!(before.iter().all(|tile| !tile.is_patch()) && behind.iter().all(Tile::is_patch));
        let computed: BTreeSet<u32> =
            behind.iter().flat_map(|tile| tile.work.cells().expect("cells").1.iter().cloned().flatten()).collect();
        assert_eq!(computed.into_iter().collect::<Vec<_>>(), chosen[0].cells());
        assert!(plan.tiles.iter().enumerate().all(|(index, tile)| tile.id.0 as usize == index));
        assert_eq!((plan.costs.len(), plan.awaits_choice()), (plan.tiles.len(), false));
    }

    #[test]
    fn equal_estimates_and_seeds_choose_alike_and_other_seeds_otherwise() {
        let estimates = [0.5; 6];
        let sample = |seed: u32| {
            let plan = verified(&estimates, &format!("{{ top = 1, sample = 2, seed = {seed} }}"));
            plan.choice.expect("chosen").chosen.remove(0).sample
        };
        assert_eq!(sample(1), sample(1));
        assert!((2..20).any(|seed| sample(seed) != sample(1)));
    }

    #[test]
    fn there_are_no_more_than_there_are_and_none_without_an_estimate() {
        let estimates = [f32::NAN, 1.0, f32::NAN, 2.0, 3.0, 4.0];
        let chosen = verified(&estimates, "{ top = 3, sample = 100 }").choice.expect("chosen").chosen.remove(0);
        assert_eq!((chosen.candidates, chosen.top, chosen.sample), (4, vec![3, 4, 5], vec![1]));
    }

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
    fn where_no_feature_is_active_results_have_all_of_them() {
        let plan = chosen_by(&[]);
        assert_eq!(plan.shown_grid(0).extents(), [3, 6]);
        let first = plan.choice.as_ref().expect("chosen").first;
        assert_eq!((plan.tiles.len(), plan.awaits_choice()), (first as usize, false));
    }
}
