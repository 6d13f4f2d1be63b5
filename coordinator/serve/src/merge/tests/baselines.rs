//! Clean and corrupted run: their standard errors, and the metric on each prompt.

use patchsweep_core::moments::Moments;

use super::*;

/// The example that keeps the metric on each prompt, or does not; replicated, its two iterations are one.
fn keeping(per_prompt: bool, replicates: u32, cut: (Option<u64>, Option<u32>)) -> Plan {
    let (tile_multiply_adds, tile_prompts) = cut;
    let mut plan = plan(Direction::Noising, PlanOptions { tile_multiply_adds, tile_prompts, for_gpus: false });
    let context = Arc::make_mut(&mut plan.context);
    (context.per_prompt, context.replicates) = (per_prompt, replicates);
    plan.iteration_labels.truncate(context.spec_iterations());
    plan
}

/// The metric of a run \[prompts\].
fn metrics(iteration: u32, run: usize) -> Vec<f32> {
    (0..PROMPTS).map(|prompt| unpatched(iteration, run, prompt)).collect()
}

fn standard_error(metrics: &[f32]) -> f64 {
    Moments::of(&metrics.iter().copied().map(f64::from).collect::<Vec<_>>()).standard_error()
}

fn runs(merged: &Merged) -> [(usize, &Baseline); 2] {
    [(CLEAN, &merged.clean[0]), (CORRUPTED, &merged.corrupted[0])]
}

#[test]
fn the_metric_on_each_prompt_is_that_of_the_tiles_and_its_standard_error_that_of_all() {
    for (cut, per_prompt) in CUTS.into_iter().flat_map(|cut| [(cut, false), (cut, true)]) {
        let merged = merged(&keeping(per_prompt, 1, cut));
        for (run, found) in runs(&merged) {
            assert_close(&found.stderr, (0..2).map(|iteration| standard_error(&metrics(iteration, run))));
            let kept = [metrics(0, run), metrics(1, run)].concat();
            assert_eq!(found.per_prompt, if per_prompt { kept } else { Vec::new() });
            assert_eq!(found.of_prompts(1), if per_prompt { metrics(1, run) } else { Vec::new() });
        }
    }
}

#[test]
fn replicates_are_averaged_on_each_prompt_before_these_are_compared() {
    for (cut, per_prompt) in CUTS.into_iter().flat_map(|cut| [(cut, false), (cut, true)]) {
        let mut plan = keeping(per_prompt, 2, cut);
        // Else all prompts would move alike.
        let moved = |iteration, run, prompt: u32| {
            unpatched(iteration, run, if iteration == 1 { PROMPTS - prompt } else { prompt })
        };
        let context = Arc::make_mut(&mut plan.context);
        context.metrics[0].normalize = false;
        let merged = merged_as(&plan, |tile| {
            let mut scores = scores(&plan, tile);
            if tile.work == TileWork::Baseline {
                let of_run =
                    |run| tile.prompts.clone().map(|prompt| moved(tile.iteration, run, prompt)).collect::<Vec<_>>();
                let both = [CLEAN, CORRUPTED].map(of_run);
                scores.scores = both.iter().map(|values| CellScore::of(values, &both[CLEAN])).collect();
                scores.by_prompt = if per_prompt { both.concat() } else { Vec::new() };
            }
            Some(TileOutcome::Scores(scores))
        });
        for (run, found) in runs(&merged) {
            let each =
                [0, 1].map(|iteration| (0..PROMPTS).map(|prompt| moved(iteration, run, prompt)).collect::<Vec<_>>());
            let averaged: Vec<f32> = each[0].iter().zip(&each[1]).map(|(a, b)| f32::midpoint(*a, *b)).collect();
            let squares: f64 = each.iter().map(|metrics| standard_error(metrics).powi(2)).sum();
            let (exact, conservative) = (standard_error(&averaged), (squares / 2.0).sqrt());
            assert!(exact < conservative - 1e-3);
            assert_close(&found.stderr, std::iter::once(if per_prompt { exact } else { conservative }));
            assert_eq!(found.per_prompt, if per_prompt { averaged } else { Vec::new() });
        }
    }
}

#[test]
fn equal_replicates_keep_their_bits() {
    let mut plan = keeping(true, 1, CUTS[0]);
    let context = Arc::make_mut(&mut plan.context);
    context.iterations.push(context.iterations[0].clone());
    context.replicates = 3;
    plan.iteration_labels.truncate(1);
    let section: Vec<Tile> = plan.tiles.iter().filter(|tile| tile.iteration == 0).cloned().collect();
    let copies = (0..3).flat_map(|iteration| section.iter().map(move |tile| Tile { iteration, ..tile.clone() }));
    plan.tiles = copies.zip(0..).map(|(tile, id)| Tile { id: TileId(id), ..tile }).collect();
    let third = |metric: f32| metric / 3.0;
    let merged = merged_as(&plan, |tile| {
        let mut scores = scores(&plan, &Tile { iteration: 0, ..tile.clone() });
        scores.by_prompt.iter_mut().for_each(|metric| *metric = third(*metric));
        Some(TileOutcome::Scores(scores))
    });
    let wanted: Vec<f32> = metrics(0, CLEAN).into_iter().map(third).collect();
    assert_eq!(merged.clean[0].per_prompt, wanted);
}

#[test]
fn a_tile_that_is_lost_leaves_nothing_of_its_iteration_s_baselines() {
    for outcome in [TileOutcome::GivenUp, TileOutcome::Pending] {
        let plan = keeping(true, 1, (None, Some(2)));
        let lost = last_baseline(&plan).id;
        let merged = merged_as(&plan, |tile| (tile.id == lost).then(|| outcome.clone()));
        for (run, found) in runs(&merged) {
            assert_eq!(found.of_prompts(0), metrics(0, run));
            assert!(
                found.of_prompts(1).iter().all(|metric| metric.is_nan())
                    && found.of_prompts(1).len() == PROMPTS as usize
            );
            assert_eq!([found.stderr[0].is_nan(), found.stderr[1].is_nan()], [false, true]);
        }
    }
}
