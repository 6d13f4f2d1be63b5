//! Effects on each prompt, and iterations that are there several times.

use patchsweep_core::moments::Moments;

use super::*;

/// The example with one iteration, whose replicates its two iterations become.
fn replicated(per_prompt: bool, options: PlanOptions) -> Plan {
    let mut plan = keeping(per_prompt, options);
    Arc::make_mut(&mut plan.context).replicates = 2;
    plan.iteration_labels.truncate(1);
    plan
}

fn keeping(per_prompt: bool, options: PlanOptions) -> Plan {
    let mut plan = plan(Direction::Noising, options);
    Arc::make_mut(&mut plan.context).per_prompt = per_prompt;
    plan
}

/// The effects of a cell \[prompts\].
fn effects(plan: &Plan, iteration: u32, place: u32) -> Vec<f64> {
    let effect = |prompt| {
        let (value, unpatched) = pass(plan, iteration, place, prompt);
        f64::from(value) - f64::from(unpatched)
    };
    (0..PROMPTS).map(effect).collect()
}

fn close(a: f32, b: f64) -> bool {
    (f64::from(a) - b).abs() <= 1e-5 * b.abs().max(1.0)
}

#[test]
fn the_effects_on_prompts_are_those_of_whole_passes_and_means_come_from_the_moments() {
    for (tile_multiply_adds, tile_prompts) in CUTS {
        let options = PlanOptions { tile_multiply_adds, tile_prompts, for_gpus: false };
        let (plan, without) = (keeping(true, options), merged(&keeping(false, options)));
        let merged = merged(&plan);
        let grid = &merged.grids[0];
        assert_eq!(grid.per_prompt.len(), 24 * PROMPTS as usize);
        for (iteration, place) in (0..2).flat_map(|iteration| (0..12).map(move |place| (iteration, place))) {
            let (at, wanted) = ((iteration * 12 + place) as usize, effects(&plan, iteration, place));
            assert!(grid.of_prompts(at).iter().zip(&wanted).all(|(&found, &wanted)| close(found, wanted)));
            let moments = Moments::of(&wanted);
            assert!(close(grid.effect[at], moments.mean) && close(grid.stderr[at], moments.standard_error()));
            if grid.status[at] == CellStatus::NoOp {
                assert!(grid.of_prompts(at).iter().all(|effect| effect.to_bits() == 0));
            }
        }
        let kept = GridScores { per_prompt: Vec::new(), ..grid.clone() };
        let clean = merged.clean.iter().map(|run| Baseline { per_prompt: Vec::new(), ..run.clone() }).collect();
        assert_eq!((&kept, &clean), (&without.grids[0], &without.clean), "keeping them changes nothing else");
    }
}

#[test]
fn replicates_become_one_row_with_their_mean_and_their_spread() {
    for per_prompt in [false, true] {
        for (tile_multiply_adds, tile_prompts) in CUTS {
            let options = PlanOptions { tile_multiply_adds, tile_prompts, for_gpus: false };
            let plan = replicated(per_prompt, options);
            let (together, apart) = (merged(&plan), merged(&keeping(per_prompt, options)));
            let (grid, apart_grid) = (&together.grids[0], &apart.grids[0]);
            assert_eq!((grid.effect.len(), together.clean[0].mean.len()), (12, 1));
            let mean = |list: &[f32], at: usize| f64::midpoint(list[at].into(), list[12 + at].into());
            for at in 0..12 {
                assert!(close(grid.effect[at], mean(&apart_grid.effect, at)));
                assert!(close(grid.value[at], mean(&apart_grid.value, at)));
                let half = f64::from(apart_grid.effect[at] - apart_grid.effect[12 + at]).abs() / 2.0;
                assert!(close(grid.between[at], half * 2.0f64.sqrt()), "of two numbers half their distance times √2");
                assert_eq!(grid.count[at], u64::from(PROMPTS));
                let noop = apart_grid.status[at] == CellStatus::NoOp && apart_grid.status[12 + at] == CellStatus::NoOp;
                assert_eq!(grid.status[at], if noop { CellStatus::NoOp } else { CellStatus::Computed });
                let place = u32::try_from(at).expect("small");
                let of = [effects(&plan, 0, place), effects(&plan, 1, place)];
                let averaged: Vec<f64> = of[0].iter().zip(&of[1]).map(|(a, b)| f64::midpoint(*a, *b)).collect();
                let exact = Moments::of(&averaged).standard_error();
                let squares = of.iter().map(|effects| Moments::of(effects).standard_error().powi(2)).sum::<f64>();
                let conservative = (squares / 2.0).sqrt();
                assert!(exact <= conservative + 1e-9);
                assert!(close(grid.stderr[at], if per_prompt { exact } else { conservative }));
                if per_prompt {
                    assert!(grid.of_prompts(at).iter().zip(&averaged).all(|(&found, &wanted)| close(found, wanted)));
                }
            }
            for (together, apart) in [(&together.clean, &apart.clean), (&together.corrupted, &apart.corrupted)] {
                let [first, second] = [0, 1].map(|iteration| apart[0].mean[iteration].into());
                assert!(close(together[0].mean[0], f64::midpoint(first, second)));
            }
            let [clean, corrupted] = [&together.clean, &together.corrupted].map(|run| f64::from(run[0].mean[0]));
            let normalized = |at: usize| (f64::from(grid.value[at]) - corrupted) / (clean - corrupted);
            assert!((0..12).all(|at| close(grid.normalized[at], normalized(at))));
        }
    }
}

#[test]
fn a_tile_lost_in_one_replicate_fails_its_cells_and_no_others() {
    let mut random = ChaCha8Rng::seed_from_u64(11);
    for round in 0..60 {
        let (tile_multiply_adds, tile_prompts) = CUTS[round % CUTS.len()];
        let plan = replicated(round % 2 == 0, PlanOptions { tile_multiply_adds, tile_prompts, for_gpus: false });
        let share = random.random_range(0.0..=0.5);
        let lost: Vec<bool> = plan.tiles.iter().map(|_| random.random_bool(share)).collect();
        let (whole, part) = (merged(&plan), merged_without(&plan, |tile| lost[tile.id.0 as usize]));
        let (wanted, found) = (&whole.grids[0], &part.grids[0]);
        for place in 0..12u32 {
            let at = place as usize;
            let failed = [0, 1].into_iter().any(|replicate| touched(&plan, &lost, replicate, place));
            assert_eq!(found.status[at], if failed { CellStatus::Failed } else { wanted.status[at] }, "round {round}");
            let known = |number: f32| if failed { f32::NAN.to_bits() } else { number.to_bits() };
            assert_eq!(found.effect[at].to_bits(), known(wanted.effect[at]));
            assert_eq!(found.between[at].to_bits(), known(wanted.between[at]));
            assert_eq!(found.stderr[at].is_nan(), failed);
            if plan.context.per_prompt {
                let pairs = found.of_prompts(at).iter().zip(wanted.of_prompts(at));
                assert!(pairs.into_iter().all(|(found, wanted)| found.to_bits() == known(*wanted)));
            }
        }
    }
}

#[test]
fn a_baseline_that_is_no_number_in_one_replicate_is_none_in_the_mean() {
    let plan =
        replicated(false, PlanOptions { tile_multiply_adds: Some(3000), tile_prompts: Some(2), for_gpus: false });
    let (merged, whole) = (merged_with_odd_baseline(&plan), merged(&plan));
    assert!(merged.clean[0].mean[0].is_nan() && merged.clean[0].stderr[0].is_nan());
    let (grid, last) = (&merged.grids[0], &whole.grids[0]);
    let noops: Vec<usize> = (0..12).filter(|&at| last.status[at] == CellStatus::NoOp).collect();
    assert!(!noops.is_empty());
    for at in noops {
        assert_eq!(grid.status[at], CellStatus::NotFinite);
        assert!(grid.effect[at].is_nan() && grid.between[at].is_nan());
    }
}

#[test]
fn a_cell_that_failed_keeps_no_effects_of_the_prompts_that_were_computed() {
    let plan = keeping(true, PlanOptions { tile_multiply_adds: Some(1), tile_prompts: Some(2), for_gpus: false });
    let lost = plan.tiles.iter().rfind(|tile| tile.work != TileWork::Baseline).expect("a patch").id;
    let grid = merged_without(&plan, |tile| tile.id == lost).grids.remove(0);
    let failed: Vec<usize> = (0..24).filter(|&at| grid.status[at] == CellStatus::Failed).collect();
    assert_eq!(failed.len(), 1);
    assert!(grid.of_prompts(failed[0]).iter().all(|effect| effect.is_nan()));
    assert!((0..24).filter(|at| !failed.contains(at)).all(|at| grid.of_prompts(at).iter().all(|e| e.is_finite())));
}

#[test]
fn numbers_of_other_prompts_than_the_tile_s_do_not_fit() {
    let plan = keeping(true, PlanOptions::default());
    let unasked = keeping(false, PlanOptions::default());
    assert_eq!(plan.tiles[0].work, TileWork::Baseline);
    for tile in [&plan.tiles[0], plan.tiles.last().expect("a tile")] {
        let mut short = scores(&plan, tile);
        refuse_scores(&plan, tile.id, &short).expect("as many as wanted");
        short.by_prompt.pop();
        let refused = refuse_scores(&plan, tile.id, &short).expect_err("too few").to_string();
        assert!(refused.contains("numbers of single prompts given, not"), "{refused}");
        assert!(refuse_scores(&unasked, tile.id, &scores(&plan, tile)).is_err());
    }
}
