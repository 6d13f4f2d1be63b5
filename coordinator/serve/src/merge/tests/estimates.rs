//! Grids that are estimated.

use patchsweep_core::estimate::{Estimate, Gradients, Verify};
use patchsweep_plan::Findings;

use super::*;

/// The example, estimated; `verify`: how many of the top.
fn estimated(verify: Option<u32>, options: PlanOptions) -> Plan {
    let verify = verify.map_or_else(String::new, |top| format!("verify = {{ top = {top}, sample = 2 }}\n"));
    let spec = patchsweep_plan::fixtures::SPEC.replace("axes", &format!("estimate = \"gradient\"\n{verify}axes"));
    let mut plan = patchsweep_plan::fixtures::plan_from(&spec, options);
    Arc::make_mut(&mut plan.context).metrics[0].normalize = true;
    plan
}

/// The plan that the estimates of the main metric decide, as the coordinator asks for it.
fn extended(plan: &Plan, merged: &Merged) -> Plan {
    let estimates: Vec<&[f32]> = merged.grids.iter().map(|grid| grid.estimate.as_slice()).collect();
    let activity = vec![Vec::new(); estimates.len()];
    plan.extended(&Findings { estimates, activity }).expect("few tiles")
}

#[test]
fn estimates_are_means_over_all_prompts_and_no_effects() {
    for (tile_multiply_adds, tile_prompts) in CUTS {
        let options = PlanOptions { tile_multiply_adds, tile_prompts, for_gpus: false };
        let (plan, computed) = (estimated(None, options), plan(Direction::Noising, options));
        let (grid, wanted) = (merged(&plan).grids.remove(0), merged(&computed).grids.remove(0));
        for at in 0..24 {
            // The made-up scores of a tile are the same, whatever it is of.
            assert!((grid.estimate[at] - wanted.effect[at]).abs() < 1e-3, "{at}");
            if wanted.status[at] == CellStatus::NoOp {
                assert_eq!((grid.status[at], grid.effect[at].to_bits()), (CellStatus::NoOp, 0));
                assert_eq!(grid.value[at].to_bits(), wanted.value[at].to_bits());
            } else {
                assert_eq!((grid.status[at], grid.count[at]), (CellStatus::NotDrawn, 0));
                assert!(grid.effect[at].is_nan() && grid.value[at].is_nan() && grid.normalized[at].is_nan());
            }
        }
        assert!(wanted.estimate.is_empty());
    }
}

#[test]
fn verified_cells_have_the_scores_of_a_sweep_without_estimates_and_all_others_stay() {
    for (tile_multiply_adds, tile_prompts) in CUTS {
        let options = PlanOptions { tile_multiply_adds, tile_prompts, for_gpus: false };
        let before = estimated(Some(3), options);
        assert!(before.awaits_choice());
        let first = merged(&before);
        let plan = extended(&before, &first);
        let wanted = merged(&super::plan(Direction::Noising, options)).grids.remove(0);
        let (grid, first) = (merged(&plan).grids.remove(0), &first.grids[0]);
        let chosen = plan.choice.clone().expect("chosen").chosen;
        assert_eq!(grid.estimate, first.estimate);
        for at in 0..24_u32 {
            let cells =
                chosen.iter().filter(|chosen| chosen.iteration == at / 12).flat_map(patchsweep_plan::Chosen::cells);
            let is_chosen = cells.into_iter().any(|cell| cell == at % 12);
            let at = at as usize;
            let of = |scores: &GridScores| [scores.effect[at], scores.value[at], scores.stderr[at]].map(f32::to_bits);
            if is_chosen {
                assert_eq!((of(&grid), grid.status[at]), (of(&wanted), CellStatus::Computed), "{at}");
                assert_eq!(grid.normalized[at].to_bits(), wanted.normalized[at].to_bits(), "{at}");
                assert_eq!(grid.count[at], u64::from(PROMPTS));
            } else {
                assert_eq!((of(&grid), grid.status[at]), (of(first), first.status[at]), "{at}");
            }
        }
    }
}

/// Baselines that are a hundred-thousandth apart, as float32 knows them by a few units of its last place.
#[test]
fn chosen_cells_are_normalized_by_unrounded_baselines() {
    for replicates in [1, 2] {
        let options = PlanOptions { tile_multiply_adds: None, tile_prompts: None, for_gpus: false };
        let near = |plan: &Plan, tile: &Tile| {
            let mut scores = scores(plan, tile);
            if tile.work == TileWork::Baseline {
                scores.scores[CLEAN].value.mean = 12.34567;
                scores.scores[CORRUPTED].value.mean = 12.34568;
            }
            TileOutcome::Scores(scores)
        };
        let merged = |plan: &Plan| merged_as(plan, |tile| Some(near(plan, tile)));
        let replicated = |mut plan: Plan| {
            Arc::make_mut(&mut plan.context).replicates = replicates;
            plan.iteration_labels.truncate(2 / replicates as usize);
            plan.kept_answers.truncate(2 / replicates as usize);
            plan
        };
        let before = replicated(estimated(Some(3), options));
        let plan = extended(&before, &merged(&before));
        let grid = merged(&plan).grids.remove(0);
        let wanted = merged(&replicated(super::plan(Direction::Noising, options))).grids.remove(0);
        // Those that are in a tile in each replicate: elsewhere they have these baselines, and in tiles the made-up ones.
        let is_like = |&at: &usize| {
            grid.status[at] == CellStatus::Computed && grid.value[at].to_bits() == wanted.value[at].to_bits()
        };
        let computed: Vec<usize> = (0..grid.status.len()).filter(is_like).collect();
        assert!(!computed.is_empty());
        for at in computed {
            assert!(wanted.normalized[at].is_finite());
            assert_eq!(grid.normalized[at].to_bits(), wanted.normalized[at].to_bits(), "{at}");
        }
    }
}

#[test]
fn an_estimate_that_is_lost_is_no_number_and_its_cells_say_why() {
    let plan = estimated(Some(2), PlanOptions::default());
    let is_estimate = |tile: &Tile| matches!(tile.work, TileWork::Estimate { .. }) && tile.iteration == 1;
    let lost = merged_as(&plan, |tile| is_estimate(tile).then_some(TileOutcome::GivenUp));
    let grid = &lost.grids[0];
    for at in 12..24 {
        let failed = grid.status[at] == CellStatus::Failed;
        assert_eq!(grid.estimate[at].is_nan(), failed, "{at}");
        assert!(failed || grid.status[at] == CellStatus::NoOp);
    }
    let chosen = extended(&plan, &lost).choice.expect("chosen").chosen;
    let counts = chosen.iter().map(|chosen| (chosen.top.len(), chosen.sample.len())).collect::<Vec<_>>();
    assert_eq!(counts, [(2, 2), (0, 2)], "nothing to go by, but to be drawn from");
}

/// What the manifest says of the spec's iteration 1.
fn verified(plan: &Plan, merged: &Merged) -> serde_json::Value {
    let chosen = &plan.choice.as_ref().expect("chosen").chosen;
    crate::verification::verification(plan, chosen, merged)[1].clone()
}

#[test]
fn cells_without_an_estimate_count_among_those_that_may_have_been_missed() {
    let before = estimated(Some(1), PlanOptions::default());
    let is_estimate = |tile: &Tile| matches!(tile.work, TileWork::Estimate { .. }) && tile.iteration == 1;
    // All but two of the cells are the strongest there are, and their estimates are no numbers.
    let overflown = |tile: &Tile| {
        is_estimate(tile).then(|| {
            let mut scores = scores(&before, tile);
            let numbers = scores.scores.len() - 2;
            scores.scores[..numbers].iter_mut().for_each(|score| score.effect.mean = f64::NAN);
            TileOutcome::Scores(scores)
        })
    };
    let first = merged_as(&before, overflown);
    let live = first.grids[0].status[12..].iter().filter(|&&status| status != CellStatus::NoOp).count();
    let plan = extended(&before, &first);
    let (merged, all) = (merged_as(&plan, overflown), merged(&plan));
    let entry = verified(&plan, &merged);
    assert_eq!((entry["estimated"].clone(), entry["without_estimate"].clone()), (live.into(), (live - 2).into()));
    let computed = (12..24).filter(|&at| merged.grids[0].status[at] == CellStatus::Computed);
    let (with, without): (Vec<usize>, Vec<usize>) = computed.partition(|&at| !merged.grids[0].estimate[at].is_nan());
    assert!(with.len() + without.len() == 3 && !without.is_empty(), "one of the top, and two that were drawn");
    let unseen = (live - 2 - without.len()) as u64;
    assert!(entry["missed_at_most"].as_u64().expect("a bound") >= unseen, "{entry}");
    // The estimates come when the sweep goes on; the choice was made.
    assert_eq!(verified(&plan, &all), entry);
}

#[test]
fn estimates_are_means_over_replicates() {
    let mut plan = estimated(None, PlanOptions::default());
    let context = Arc::make_mut(&mut plan.context);
    context.replicates = 2;
    context.grids[0].estimate = Some(Estimate {
        gradients: Gradients::AtBase,
        recompute_pattern: false,
        verify: Some(Verify { top: 2, sample: 1, seed: 0 }),
    });
    plan.iteration_labels.truncate(1);
    plan.kept_answers.truncate(1);
    let apart = merged(&plan.with_replicates_apart()).grids.remove(0);
    let merged = merged(&plan);
    let grid = &merged.grids[0];
    for cell in 0..12 {
        let mean = f32::midpoint(apart.estimate[cell], apart.estimate[12 + cell]);
        assert!((grid.estimate[cell] - mean).abs() <= 1e-3, "{cell}");
    }
    let verified = extended(&plan, &merged);
    let of_verified = super::merged(&verified).grids.remove(0);
    let computed = of_verified.status.iter().filter(|&&status| status == CellStatus::Computed).count();
    assert_eq!((computed, of_verified.estimate == grid.estimate), (3, true));
}
