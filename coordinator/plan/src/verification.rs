//! Which effects of estimated cells are computed: known when the estimates are, and planned then, as tiles behind the others.

use std::collections::BTreeSet;
use std::ops::Range;

use patchsweep_core::estimate::Verify;
use patchsweep_core::length;
use patchsweep_core::tile::TileWork;

use super::{Plan, PlanError, draw, tiles};

/// The part of a plan that the estimates decided.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Verification {
    /// The first of its tiles.
    pub first: u32,
    /// Which cells it computes, for each grid and iteration that has any.
    pub chosen: Vec<Chosen>,
}

/// The cells of a grid in one of the spec's iterations whose effects are computed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Chosen {
    /// Index in the context's grids.
    pub grid: u32,
    /// Index of the spec's iteration.
    pub iteration: u32,
    /// Cells that were estimated: those that these were chosen from.
    pub candidates: u32,
    /// Those with the strongest estimates, ascending.
    pub top: Vec<u32>,
    /// Drawn from the others, ascending.
    pub sample: Vec<u32>,
}

impl Chosen {
    /// All of them, ascending.
    #[must_use]
    pub fn cells(&self) -> Vec<u32> {
        let cells: BTreeSet<u32> = self.top.iter().chain(&self.sample).copied().collect();
        cells.into_iter().collect()
    }
}

impl Plan {
    /// Whether tiles are still to come, which the estimates decide.
    #[must_use]
    pub fn awaits_estimates(&self) -> bool {
        self.verification.is_none() && self.context.grids.iter().any(|grid| grid.verify().is_some())
    }

    /// The plan with the tiles that verify its estimates.
    ///
    /// `estimates` \[grids\]: of each grid the estimates under the main metric \[iterations, axes..\], NaN where there is none;
    /// of one without `verify` they do not matter.
    pub fn verified(&self, estimates: &[&[f32]]) -> Result<Self, PlanError> {
        let mut chosen = Vec::new();
        for iteration in 0..length(self.context.spec_iterations()) {
            for (grid, estimates) in (0..).zip(estimates) {
                let Some(verify) = self.context.grids[grid as usize].verify() else { continue };
                let cells = estimates.len() / self.context.spec_iterations();
                let of_iteration = &estimates[iteration as usize * cells..][..cells];
                let candidates = self.estimated(grid, iteration).filter(|&cell| !of_iteration[cell as usize].is_nan());
                chosen.push(choose(grid, iteration, verify, candidates.collect(), of_iteration));
            }
        }
        let (more, costs) = tiles::verify(&self.context, &self.tiles, &chosen)?;
        let first = length(self.tiles.len());
        let mut plan = Self { verification: Some(Verification { first, chosen }), ..self.clone() };
        plan.tiles.extend(more);
        plan.costs.extend(costs);
        Ok(plan)
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
    Chosen { grid, iteration, candidates: count, top: order, sample }
}

#[cfg(test)]
mod tests {
    use patchsweep_core::tile::Tile;

    use super::*;
    use crate::example::plan;

    fn verified(estimates: &[f32], verify: &str) -> Plan {
        let keys = format!("estimate = \"gradient\"\nverify = {verify}\naxes");
        let plan = plan(&[("axes", &keys)]);
        assert!(plan.awaits_estimates());
        plan.verified(&[estimates]).expect("a plan")
    }

    #[test]
    fn the_strongest_and_a_sample_of_the_others_are_computed_behind_all_other_tiles() {
        // 3 layers and 2 heads.
        let estimates = [0.1, -3.0, 2.0, 0.0, -0.2, 2.0];
        let plan = verified(&estimates, "{ top = 2, sample = 2, seed = 3 }");
        let Verification { first, chosen } = plan.verification.clone().expect("chosen");
        let [Chosen { grid: 0, iteration: 0, candidates, top, sample }] = chosen.as_slice() else {
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
        assert_eq!((plan.costs.len(), plan.awaits_estimates()), (plan.tiles.len(), false));
    }

    #[test]
    fn equal_estimates_and_seeds_choose_alike_and_other_seeds_otherwise() {
        let estimates = [0.5; 6];
        let sample = |seed: u32| {
            let plan = verified(&estimates, &format!("{{ top = 1, sample = 2, seed = {seed} }}"));
            plan.verification.expect("chosen").chosen.remove(0).sample
        };
        assert_eq!(sample(1), sample(1));
        assert!((2..20).any(|seed| sample(seed) != sample(1)));
    }

    #[test]
    fn there_are_no_more_than_there_are_and_none_without_an_estimate() {
        let estimates = [f32::NAN, 1.0, f32::NAN, 2.0, 3.0, 4.0];
        let chosen = verified(&estimates, "{ top = 3, sample = 100 }").verification.expect("chosen").chosen.remove(0);
        assert_eq!((chosen.candidates, chosen.top, chosen.sample), (4, vec![3, 4, 5], vec![1]));
    }
}
