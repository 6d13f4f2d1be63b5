//! Which effects of an estimated grid are computed: those of the strongest estimates, and of a sample of all others.

use std::collections::BTreeSet;

use patchsweep_core::estimate::Verify;
use patchsweep_core::grid::Grid;
use patchsweep_core::length;

use super::Chosen;
use crate::draw;

/// The strongest by magnitude (of equal ones the first), and a draw of the others. A cell without an estimate may be as strong as any
/// other: it is never among the strongest, and is drawn from, so that what the sample says holds for it too.
pub(super) fn choose(
    grid: u32,
    iteration: u32,
    verify: Verify,
    candidates: BTreeSet<u32>,
    estimates: &[f32],
) -> Chosen {
    let count = length(candidates.len());
    let (mut rest, mut top): (Vec<u32>, Vec<u32>) =
        candidates.into_iter().partition(|&cell| estimates[cell as usize].is_nan());
    let without_estimate = length(rest.len());
    let strength = |&cell: &u32| estimates[cell as usize].abs();
    top.sort_by(|a, b| strength(b).total_cmp(&strength(a)).then(a.cmp(b)));
    rest.extend(top.split_off(top.len().min(verify.top as usize)));
    rest.sort_unstable();
    top.sort_unstable();
    let amount = rest.len().min(verify.sample as usize);
    // Grids and iterations draw independently of each other.
    let seed =
        verify.seed ^ (u64::from(grid) << 40 | u64::from(iteration) << 1 | 1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    let mut sample: Vec<u32> = draw::samples(rest.len(), amount, false, seed).into_iter().map(|at| rest[at]).collect();
    sample.sort_unstable();
    Chosen { grid, iteration, candidates: count, without_estimate, top, sample, unknown: Vec::new() }
}

/// One warning for each grid some of whose cells had no estimate, over all iterations.
pub(super) fn without_estimates(grids: &[Grid], chosen: &[Chosen]) -> Vec<String> {
    let of_grid = |(index, grid): (u32, &Grid)| {
        let own = || chosen.iter().filter(|chosen| chosen.grid == index);
        let lacking = own().map(|chosen| u64::from(chosen.without_estimate)).sum::<u64>();
        let all = own().map(|chosen| u64::from(chosen.candidates)).sum::<u64>();
        (lacking > 0).then(|| {
            format!(
                "{lacking} of {all} cells of grid `{}` had no estimate when `verify` chose, because it was no number or its tile was given \
                 up: they are not among the strongest, but the sample is drawn from them too, and `missed_at_most` counts them; \
                 where numbers overflow, compute with `dtype = \"float32\"`",
                grid.name
            )
        })
    };
    (0..).zip(grids).filter_map(of_grid).collect()
}

#[cfg(test)]
mod tests {
    use patchsweep_core::tile::Tile;

    use super::*;
    use crate::example::plan;
    use crate::{Choice, Findings, Plan};

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
    fn cells_without_an_estimate_are_drawn_from_like_all_that_are_not_among_the_strongest() {
        let estimates = [f32::NAN, 1.0, f32::NAN, 2.0, 3.0, 4.0];
        let chosen = |verify: &str| verified(&estimates, verify).choice.expect("chosen").chosen.remove(0);
        let Chosen { candidates, without_estimate, top, sample, .. } = chosen("{ top = 3, sample = 100 }");
        assert_eq!((candidates, without_estimate, top, sample), (6, 2, vec![3, 4, 5], vec![0, 1, 2]));
        let drawn = |seed: u32| chosen(&format!("{{ top = 3, sample = 1, seed = {seed} }}")).sample;
        let drawn: BTreeSet<_> = (0..40).map(drawn).collect();
        assert_eq!(drawn, [vec![0], vec![1], vec![2]].into(), "each of them may be drawn");
        assert_eq!(chosen("{ top = 5, sample = 0 }").top, [1, 3, 4, 5], "none is among the strongest");
    }

    #[test]
    fn a_plan_says_how_many_cells_had_no_estimate() {
        let warnings = |estimates: &[f32]| verified(estimates, "{ top = 1, sample = 1 }").warnings;
        let before = warnings(&[1.0; 6]);
        let [.., last] = &warnings(&[f32::NAN, 1.0, f32::NAN, 2.0, 3.0, 4.0])[..] else { panic!("a warning") };
        assert!(last.starts_with("2 of 6 cells of grid `z` had no estimate when `verify` chose"), "{last}");
        assert!(!before.contains(last));
    }
}
