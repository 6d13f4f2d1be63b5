//! What only the whole context shows to be wrong.

use patchsweep_proto::context::{Iteration, StrayAnswer, SweepContext};
use patchsweep_proto::grid::PatchValue;
use patchsweep_proto::tokens::{MAX_PROMPTS, MAX_TOKEN_IDS};

use super::{Inputs, PlanError};

/// Refuses a context whose parts do not fit each other or the model.
pub(super) fn check(inputs: &Inputs<'_>, context: &SweepContext) -> Result<(), PlanError> {
    vocabulary(inputs, context)?;
    answers(inputs, context)?;
    effects(inputs, context)
}

/// A typing error in `samples` must not take the coordinator's memory, nor prompts that the model has no positions for; called before any of it is taken.
pub(super) fn size(inputs: &Inputs<'_>, prompts: usize, positions: usize) -> Result<(), PlanError> {
    let refuse = |message: String| Err(inputs.source.error(inputs.spec.dataset.span(), message).into());
    let ids = prompts.saturating_mul(positions).saturating_mul(1 + inputs.spec.iteration.len());
    if ids > MAX_TOKEN_IDS {
        return refuse(format!(
            "{ids} token ids over all iterations, more than the {MAX_TOKEN_IDS} that a sweep may have"
        ));
    }
    if prompts > MAX_PROMPTS {
        return refuse(format!("{prompts} prompts, more than the {MAX_PROMPTS} that a sweep may have"));
    }
    let most = inputs.config.shape.n_ctx;
    if positions > most as usize {
        return refuse(format!("prompts of {positions} tokens, but the model has {most} positions"));
    }
    Ok(())
}

fn vocabulary(inputs: &Inputs<'_>, context: &SweepContext) -> Result<(), PlanError> {
    let vocabulary = context.shape.d_vocab;
    let of = |i: &Iteration| [i.corrupted.ids(), &i.answers, &i.wrong_answers].into_iter().flatten().copied().max();
    match context.clean.ids().iter().copied().max().max(context.iterations.iter().filter_map(of).max()) {
        Some(id) if id >= vocabulary => {
            let message = format!("token id {id}, but the model's vocabulary ends at {}", vocabulary.saturating_sub(1));
            Err(PlanError::in_dataset(inputs, message))
        }
        _ => Ok(()),
    }
}

fn answers(inputs: &Inputs<'_>, context: &SweepContext) -> Result<(), PlanError> {
    match context.stray_answer() {
        None => Ok(()),
        Some(StrayAnswer::NoCandidate { iteration, prompt, answer, metric }) => {
            let token = inputs.token_name(answer);
            let message = format!(
                "the answer {token} of prompt {prompt} in iteration {iteration} is not among the candidates of metric \
                 `{metric}`"
            );
            Err(PlanError::in_dataset(inputs, message))
        }
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

/// A grid in which every effect of an iteration would be 0 is a mistake in the spec, not a finding.
///
/// Ablations change the scores of uncorrupted prompts too.
fn effects(inputs: &Inputs<'_>, context: &SweepContext) -> Result<(), PlanError> {
    let Some(grid) = context.grids.iter().find(|grid| grid.value == PatchValue::Other) else { return Ok(()) };
    for (index, spec) in inputs.spec.iteration.iter().enumerate() {
        if unchanged_prompts(context, index) == context.clean.prompts() {
            let message = format!(
                "no prompt is corrupted at or before the read position: every effect of grid `{}` would be 0",
                grid.name
            );
            return Err(inputs.source.error(spec.read.span(), message).into());
        }
    }
    Ok(())
}

/// Prompts that the corruption leaves as they are up to the last read position.
pub(super) fn unchanged_prompts(context: &SweepContext, iteration: usize) -> u32 {
    let last_read = context.iterations[iteration].last_read();
    let iteration = u32::try_from(iteration).unwrap_or(u32::MAX);
    let unchanged = |&prompt: &u32| {
        let first_corrupted = context.prompt_pair(iteration, prompt).first_corrupted();
        first_corrupted.is_none_or(|first| last_read.is_none_or(|read| first > read))
    };
    let count = (0..context.clean.prompts()).filter(unchanged).count();
    u32::try_from(count).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::super::example::{plan, refusal};

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
    fn what_is_corrupted_before_the_last_read_position_counts() {
        let plan = plan(&[("read = 3", "read = [1, 2]"), ("groups = [[1, 4]]", "groups = [[1, 4]]\ndistinct = true")]);
        assert_eq!(plan.unchanged_prompts(0), 0);
    }
}
