//! What only the whole context shows to be wrong.

use std::collections::BTreeSet;

use patchsweep_core::context::{StrayAnswer, SweepContext};
use patchsweep_core::grid::{Grid, PatchValue};
use patchsweep_core::length;
use patchsweep_core::tile::{BASELINE_CELLS, Tile};
use patchsweep_core::tokens::{MAX_PROMPTS, MAX_TOKEN_IDS};

use super::{Inputs, PlanError};
use crate::spec::{Spanned, Spec};

/// Most scores, cells over all iterations and grids under each metric: at 20 bytes each, results within the 1 GiB that
/// may be sent.
const MOST_SCORES: u64 = 50_000_000;

/// Numbers of each score in results, whatever is kept of the prompts.
const NUMBERS_PER_SCORE: u64 = 5;

/// Most numbers in results that hold what is kept of each prompt, of all replicates: 400 MB, which a program that merges,
/// sends or reads them has in memory at once.
const MOST_KEPT: u64 = 100_000_000;

/// Refuses a context whose parts do not fit each other or the model.
pub(super) fn unfit(inputs: &Inputs<'_>, context: &SweepContext) -> Result<(), PlanError> {
    scores(inputs, context)?;
    answers(inputs, context)?;
    estimates(inputs, context)?;
    effects(inputs, context)
}

/// Neither a typing error in `samples` nor prompts that the model has no positions for may take the coordinator's memory;
/// called before any of it is taken.
pub(super) fn size(inputs: &Inputs<'_>, prompts: usize, positions: usize) -> Result<(), PlanError> {
    let dataset = &inputs.spec.dataset;
    let refuse = |message: String| Err(inputs.source.error(dataset.span(), message).into());
    if prompts > MAX_PROMPTS {
        let span = dataset.get_ref().samples.as_ref().map_or_else(|| dataset.span(), Spanned::span);
        let message = format!("{prompts} prompts, more than the {MAX_PROMPTS} that a sweep may have; draw `samples`");
        return Err(inputs.source.error(span, message).into());
    }
    let ids = prompts.saturating_mul(positions).saturating_mul(1 + runs(inputs.spec));
    if ids > MAX_TOKEN_IDS {
        return refuse(format!(
            "{ids} token ids over all iterations, more than the {MAX_TOKEN_IDS} that a sweep may have"
        ));
    }
    let most = inputs.config.architecture.n_ctx;
    if positions > most as usize {
        return refuse(format!("prompts of {positions} tokens, but the model has {most} positions"));
    }
    Ok(())
}

/// Iterations with all their replicates.
fn runs(spec: &Spec) -> usize {
    let replicates = spec.corruption.as_ref().and_then(|corruption| corruption.get_ref().replicates.as_ref());
    spec.iteration.len().saturating_mul(replicates.map_or(1, |replicates| *replicates.get_ref() as usize))
}

/// Results must fit what is sent at once, and the memory of a program that holds them.
fn scores(inputs: &Inputs<'_>, context: &SweepContext) -> Result<(), PlanError> {
    scores_of(inputs, context, context.iterations.len() as u64)?;
    kept_prompts(inputs, context)
}

/// As [`scores`], for what is kept beside them.
fn kept_prompts(inputs: &Inputs<'_>, context: &SweepContext) -> Result<(), PlanError> {
    let Some(given) = inputs.spec.per_prompt.as_ref().filter(|given| *given.get_ref()) else { return Ok(()) };
    let cells = context.grids.iter().map(|grid| grid.cell_count().map_or(u64::MAX, u64::from));
    let each = (context.iterations.len() as u64).saturating_mul(context.metrics.len() as u64);
    let scores = cells.fold(BASELINE_CELLS as u64, u64::saturating_add).saturating_mul(each);
    let prompts = u64::from(context.clean.prompts());
    if scores.saturating_mul(prompts + NUMBERS_PER_SCORE) <= MOST_KEPT {
        return Ok(());
    }
    let kept = scores.saturating_mul(prompts);
    let message = format!(
        "{kept} numbers of prompts (cells and both baselines, x iterations x metrics x prompts), too many for results of at most {MOST_KEPT} numbers; \
         leave `per_prompt` out, restrict the grids, or draw fewer `samples`"
    );
    Err(inputs.source.error(given.span(), message).into())
}

fn scores_of(inputs: &Inputs<'_>, context: &SweepContext, iterations: u64) -> Result<(), PlanError> {
    let each = iterations.saturating_mul(context.metrics.len() as u64);
    let of_grid = |grid: &Grid| grid.cell_count().map_or(u64::MAX, u64::from).saturating_mul(each);
    let scores = context.grids.iter().map(of_grid).fold(0, u64::saturating_add);
    if scores <= MOST_SCORES {
        return Ok(());
    }
    let largest = inputs.spec.grid.iter().zip(&context.grids).max_by_key(|(_, grid)| of_grid(grid));
    let span = largest.map_or_else(|| inputs.spec.name.span(), |(given, _)| given.place());
    let message = format!(
        "{scores} scores (cells x iterations x metrics), more than the {MOST_SCORES} that a sweep may have; restrict \
         the grids, for instance with `layers`, or submit several sweeps"
    );
    Err(inputs.source.error(span, message).into())
}

fn answers(inputs: &Inputs<'_>, context: &SweepContext) -> Result<(), PlanError> {
    match context.stray_answer() {
        None => Ok(()),
        Some(StrayAnswer::NoCandidate { iteration, prompt, answer, metric }) => {
            let token = inputs.token_name(answer);
            let prompt = context.groups.number(length(prompt));
            let iteration = iteration / context.replicates as usize;
            let message = format!(
                "the answer {token} of prompt {prompt} in iteration {iteration} is not among the candidates of metric \
                 `{metric}`"
            );
            Err(PlanError::in_dataset(inputs, message))
        }
        Some(stray @ StrayAnswer::NoAnswer { .. }) => Err(PlanError::in_dataset(inputs, stray.to_string())),
        Some(StrayAnswer::NoWrongAnswer { metric }) => {
            let wrong = match &inputs.spec.dataset.get_ref().tokens {
                Some(_) => "the token file needs `wrong`, like `answers`",
                None => "the dataset needs a column `wrong`, in a .csv file",
            };
            let message = format!("metric `{metric}` needs a wrong answer for each prompt: {wrong}");
            let place = context.metrics.iter().position(|other| other.name == metric);
            let span = place.map_or_else(|| inputs.spec.name.span(), |place| inputs.spec.metric[place].kind.span());
            Err(inputs.source.error(span, message).into())
        }
    }
}

/// Estimates that are nothing but rounding are no guess of any effect.
fn estimates(inputs: &Inputs<'_>, context: &SweepContext) -> Result<(), PlanError> {
    let Some((grid, metric)) = context.vanishing_estimate() else { return Ok(()) };
    let given = &inputs.spec.grid[grid];
    let (grid, metric) = (&context.grids[grid], &context.metrics[metric].name);
    let instead = if grid.has_ablation() { "" } else { "use `estimate = \"integrated\"`, " };
    let message = format!(
        "`{metric}` is least in the clean run, which is patched here: its gradient there is 0, and so would be every estimate of \
         grid `{}`; {instead}take another metric, or patch the corrupted run with `direction = \"denoising\"`",
        grid.name
    );
    let span = given.estimate.as_ref().map_or_else(|| given.place(), Spanned::span);
    Err(inputs.source.error(span, message).into())
}

/// A grid in which every effect of an iteration would be 0 is a mistake in the spec, not a finding.
///
/// Ablations change the scores of uncorrupted prompts too.
fn effects(inputs: &Inputs<'_>, context: &SweepContext) -> Result<(), PlanError> {
    let Some(grid) = context.grids.iter().find(|grid| !grid.has_ablation()) else { return Ok(()) };
    for (index, spec) in inputs.spec.iteration.iter().enumerate() {
        let all = u64::from(context.clean.prompts()) * u64::from(context.replicates);
        if u64::from(unchanged_prompts(context, index)) == all {
            let message = format!(
                "no prompt is corrupted at or before the read position: every effect of grid `{}` would be 0",
                grid.name
            );
            return Err(inputs.source.error(spec.read.span(), message).into());
        }
    }
    Ok(())
}

/// A knockout of whose grid no cell is in a tile changes nothing: a mistake in the spec, too.
pub(super) fn knockouts(inputs: &Inputs<'_>, context: &SweepContext, tiles: &[Tile]) -> Result<(), PlanError> {
    let live: BTreeSet<u32> = tiles.iter().filter_map(|tile| tile.work.cells()).map(|(grid, _)| grid).collect();
    let is_dead = |(index, grid): &(u32, &Grid)| grid.value == PatchValue::Knockout && !live.contains(index);
    let Some((index, grid)) = (0..).zip(&context.grids).find(is_dead) else { return Ok(()) };
    let given = &inputs.spec.grid[index as usize];
    let message = format!(
        "no cell of grid `{}` can change a score: positions attend to none behind them, one that all it attends to would be taken from \
         is left as it is, and what nobody reads does not count; give other `src_positions` or `dest_positions`, or leave this grid out",
        grid.name
    );
    let span = given.src_positions.as_ref().map_or_else(|| given.place(), Spanned::span);
    Err(inputs.source.error(span, message).into())
}

/// Prompts that the corruption leaves as they are up to the last read position, in all replicates of one of the spec's
/// iterations together.
pub(super) fn unchanged_prompts(context: &SweepContext, iteration: usize) -> u32 {
    let first = length(iteration).saturating_mul(context.replicates);
    (first..first + context.replicates).map(|run| unchanged_in(context, run)).sum()
}

fn unchanged_in(context: &SweepContext, iteration: u32) -> u32 {
    context.parts().map(|part| unchanged_in_part(&part.context, iteration)).sum()
}

fn unchanged_in_part(context: &SweepContext, iteration: u32) -> u32 {
    let last_read = context.iterations[iteration as usize].last_read();
    let unchanged = |&prompt: &u32| {
        let first_corrupted = context.prompt_pair(iteration, prompt).first_corrupted();
        first_corrupted.is_none_or(|first| last_read.is_none_or(|read| first > read))
    };
    let count = (0..context.clean.prompts()).filter(unchanged).count();
    length(count)
}

#[cfg(test)]
mod tests {
    use patchsweep_core::tokens::TokenMatrix;

    use super::super::example::{DATASET, config, plan, plan_of, refusal, spec};
    use super::*;
    use crate::spec::Source;

    const UNTOUCHED: (&str, &str) = ("corrupt = [2]", "corrupt = []");
    const ABLATION: (&str, &str) = ("axes", "ablate = \"zero\"\naxes");

    #[test]
    fn an_iteration_that_corrupts_nothing_is_for_ablations_only() {
        let refused = refusal(&[UNTOUCHED]);
        assert!(refused.contains("line 15, column 8: no prompt is corrupted at or before the read"), "{refused}");
        assert!(refusal(&[("corrupt = [2]", "corrupt = [3]"), ("read = 3", "read = [2, 1]")]).contains("grid `z`"));
        assert_eq!(plan(&[UNTOUCHED, ABLATION]).unchanged_prompts(0), 4);
        let patched = ("[[grid]]", "[[grid]]\nname = \"patched\"\ncomponent = \"v\"\naxes = [\"layer\"]\n[[grid]]");
        let ablated = ("component = \"z\"", "ablate = \"zero\"\ncomponent = \"z\"");
        let refused = refusal(&[UNTOUCHED, ablated, patched]);
        assert!(refused.contains("every effect of grid `patched` would be 0"), "{refused}");
    }

    #[test]
    fn a_knockout_none_of_whose_cells_changes_anything_is_refused() {
        let with = |keys: &str| {
            let grid = format!("component = \"pattern\"\nablate = \"knockout\"\n{keys}");
            plan_of(&spec(&[("component = \"z\"\naxes = [\"layer\", \"head\"]", &grid)]), DATASET)
        };
        for dead in [
            "src_positions = [0, 1, 2, 3]\naxes = [\"layer\", \"head\"]",
            "dest_positions = [1]\nsrc_positions = [2]\naxes = [\"layer\", \"head\"]",
            "dest_positions = [0]\naxes = [\"layer\", \"src_pos\"]",
            "src_positions = [0, 1, 2, 3]\nestimate = \"gradient\"\naxes = [\"layer\", \"head\"]",
        ] {
            let refused = with(dead).expect_err(dead);
            assert!(refused.contains("no cell of grid `pattern` can change a score"), "{refused}");
        }
        let refused = with("src_positions = [0, 1, 2, 3]\naxes = [\"layer\", \"head\"]").expect_err("all of them");
        assert!(refused.contains("line 19, column 17: no cell"), "{refused}");
        // One cell of many is enough.
        for live in [
            "src_positions = [0, 1, 2]\naxes = [\"layer\", \"head\"]",
            "dest_positions = [0, 1]\naxes = [\"layer\", \"dest_pos\", \"src_pos\"]",
            "src_positions = [1]\nestimate = \"gradient\"\naxes = [\"layer\", \"head\"]",
        ] {
            with(live).expect(live);
        }
    }

    #[test]
    fn estimates_of_the_divergence_from_the_run_that_is_patched_are_refused() {
        let estimate = |keys: &str| ("axes", format!("{keys}\naxes"));
        let (kl, gradient) = (("kind = \"prob\"", "kind = \"kl\""), estimate("estimate = \"gradient\""));
        let gradient = (gradient.0, gradient.1.as_str());
        let refused = refusal(&[kl, gradient]);
        assert!(refused.contains("line 18, column 12: `kl` is least in the clean run"), "{refused}");
        assert!(
            refused.contains("every estimate of grid `z`; use `estimate = \"integrated\"`, take another"),
            "{refused}"
        );
        // Under a second metric as well.
        let second = ("kind = \"prob\"", "kind = \"prob\"\n[[metric]]\nkind = \"kl\"\nname = \"distance\"");
        assert!(refusal(&[second, gradient]).contains("`distance` is least"));
        let ablated = estimate("estimate = \"gradient\"\nablate = \"zero\"");
        assert!(refusal(&[kl, (ablated.0, &ablated.1)]).contains("grid `z`; take another metric, or patch"));
        let integrated = estimate("estimate = \"integrated\"");
        plan(&[kl, (integrated.0, &integrated.1)]);
        plan(&[kl, gradient, ("schema = 1", "schema = 1\ndirection = \"denoising\"")]);
        plan(&[kl]);
    }

    #[test]
    fn more_prompts_than_a_sweep_may_have_are_refused_at_the_samples() {
        let source = Source::new(spec(&[("path = \"d.csv\"", "path = \"d.csv\"\nsamples = 1000001")]));
        let (parsed, config) = (Spec::parse(&source).expect("a spec"), config());
        let inputs = Inputs { source: &source, spec: &parsed, dataset: "", config: &config, tokenizer: None };
        for prompts in [MAX_PROMPTS - 1, MAX_PROMPTS] {
            size(&inputs, prompts, 4).expect("few enough");
        }
        let refused = size(&inputs, MAX_PROMPTS + 1, 4).expect_err("too many").to_string();
        assert!(refused.contains("line 8, column 11: 1048577 prompts, more than the 1048576"), "{refused}");
    }

    #[test]
    fn more_token_ids_than_a_sweep_may_have_are_refused_at_the_dataset() {
        let source = Source::new(spec(&[]));
        let (parsed, mut config) = (Spec::parse(&source).expect("a spec"), config());
        config.architecture.n_ctx = 64;
        let inputs = Inputs { source: &source, spec: &parsed, dataset: "", config: &config, tokenizer: None };
        // Clean and, in the one iteration, corrupted.
        let most = MAX_TOKEN_IDS / 2 / 64;
        for prompts in [most - 1, most] {
            size(&inputs, prompts, 64).expect("few enough");
        }
        let refused = size(&inputs, most + 1, 64).expect_err("too many").to_string();
        assert!(
            refused.contains("line 6, column 1: 33554560 token ids over all iterations, more than the 33554432"),
            "{refused}"
        );
    }

    #[test]
    fn more_scores_than_a_sweep_may_have_are_refused_at_the_largest_grid() {
        // 3 layers x 4 positions x 2 heads = 24 cells, and 6 of `z`: 30 in an iteration, under each metric.
        let grids = ("[[grid]]", "[[grid]]\ncomponent = \"v\"\naxes = [\"layer\", \"pos\", \"head\"]\n[[grid]]");
        let context = plan(&[grids]).context;
        let source = Source::new(spec(&[grids]));
        let (parsed, config) = (Spec::parse(&source).expect("a spec"), config());
        let inputs = Inputs { source: &source, spec: &parsed, dataset: "", config: &config, tokenizer: None };
        for (copies, fits) in [(1_666_665, true), (1_666_666, true), (1_666_667, false)] {
            let checked = scores_of(&inputs, &context, copies);
            assert_eq!(checked.is_ok(), fits, "{copies} iterations of 30 cells");
            if let Err(refused) = checked {
                let refused = refused.to_string();
                assert!(refused.contains("line 17, column 13: 50000010 scores"), "{refused}");
                assert!(refused.contains("`layers`, or submit several sweeps"), "{refused}");
            }
        }
    }

    #[test]
    fn more_numbers_of_prompts_than_results_hold_are_refused_at_the_key() {
        let kept = ("[model]", "per_prompt = true\n[model]");
        let context = |prompts: u32| {
            let mut context = SweepContext::clone(&plan(&[kept]).context);
            context.clean = TokenMatrix::from_flat(prompts, 1, vec![0; prompts as usize]).expect("a matrix");
            // 6 cells, and the baselines.
            context.iterations = vec![context.iterations[0].clone(); 100];
            context
        };
        let source = Source::new(spec(&[kept]));
        let (parsed, config) = (Spec::parse(&source).expect("a spec"), config());
        let inputs = Inputs { source: &source, spec: &parsed, dataset: "", config: &config, tokenizer: None };
        kept_prompts(&inputs, &context(124_995)).expect("few enough");
        let refused = kept_prompts(&inputs, &context(124_996)).expect_err("too many").to_string();
        assert!(refused.contains("line 4, column 14: 99996800 numbers of prompts (cells and"), "{refused}");
        assert!(refused.contains("leave `per_prompt` out"), "{refused}");
        let source = Source::new(spec(&[]));
        let parsed = Spec::parse(&source).expect("a spec");
        kept_prompts(&Inputs { source: &source, spec: &parsed, ..inputs }, &context(1 << 20)).expect("not kept");
    }

    #[test]
    fn replicates_count_as_iterations_do() {
        let source = Source::new(spec(&[("groups", "replicates = 8\ngroups")]));
        let (parsed, config) = (Spec::parse(&source).expect("a spec"), config());
        let inputs = Inputs { source: &source, spec: &parsed, dataset: "", config: &config, tokenizer: None };
        let most = MAX_TOKEN_IDS / 9 / 8;
        size(&inputs, most, 8).expect("few enough");
        assert!(size(&inputs, most + 1, 8).is_err());
    }

    #[test]
    fn what_is_corrupted_before_the_last_read_position_counts() {
        let plan = plan(&[("read = 3", "read = [1, 2]"), ("groups = [[1, 4]]", "groups = [[1, 4]]\ndistinct = true")]);
        assert_eq!(plan.unchanged_prompts(0), 0);
    }
}
