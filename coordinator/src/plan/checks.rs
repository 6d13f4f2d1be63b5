//! What only the whole context shows to be wrong.

use patchsweep_proto::context::{Iteration, StrayAnswer, SweepContext};
use patchsweep_proto::tokens::{MAX_TOKEN_IDS, TokenMatrix};

use super::{Inputs, PlanError};

/// Refuses a context whose parts do not fit each other or the model.
pub(super) fn check(inputs: &Inputs<'_>, context: &SweepContext) -> Result<(), PlanError> {
    positions(inputs, context)?;
    vocabulary(inputs, context)?;
    answers(inputs, context)?;
    effects(inputs, context)
}

fn positions(inputs: &Inputs<'_>, context: &SweepContext) -> Result<(), PlanError> {
    let (tokens, most) = (context.clean.positions(), context.shape.n_ctx);
    if tokens <= most {
        return Ok(());
    }
    let message = format!("prompts of {tokens} tokens, but the model has {most} positions");
    Err(inputs.source.error(inputs.spec.dataset.span(), message).into())
}

/// A typing error in `samples` must not take the coordinator's memory; called before any of it is taken.
pub(super) fn size(inputs: &Inputs<'_>, prompts: usize, positions: usize) -> Result<(), PlanError> {
    let ids = prompts.saturating_mul(positions).saturating_mul(1 + inputs.spec.iteration.len());
    if ids <= MAX_TOKEN_IDS {
        return Ok(());
    }
    let message = format!("{ids} token ids over all iterations, more than the {MAX_TOKEN_IDS} that a sweep may have");
    Err(inputs.source.error(inputs.spec.dataset.span(), message).into())
}

fn vocabulary(inputs: &Inputs<'_>, context: &SweepContext) -> Result<(), PlanError> {
    let vocabulary = context.shape.d_vocab;
    let others = context.iterations.iter().flat_map(|i| i.corrupted.ids().iter().chain(&i.answers));
    match context.clean.ids().iter().chain(others).max() {
        Some(id) if *id >= vocabulary => {
            let message = format!("token id {id}, but the model's vocabulary ends at {}", vocabulary.saturating_sub(1));
            Err(in_dataset(inputs, message))
        }
        _ => Ok(()),
    }
}

fn answers(inputs: &Inputs<'_>, context: &SweepContext) -> Result<(), PlanError> {
    let Some(StrayAnswer { iteration, prompt, answer, metric }) = context.stray_answer() else { return Ok(()) };
    let token = inputs.tokenizer.map_or_else(|| answer.to_string(), |t| format!("`{}`", t.token_text(answer)));
    let message = format!(
        "the answer {token} of prompt {prompt} in iteration {iteration} is not among the candidates of metric `{metric}`"
    );
    Err(in_dataset(inputs, message))
}

/// An iteration in which every effect would be 0 is a mistake in the spec, not a finding.
fn effects(inputs: &Inputs<'_>, context: &SweepContext) -> Result<(), PlanError> {
    for (iteration, spec) in context.iterations.iter().zip(&inputs.spec.iteration) {
        if unchanged_prompts(&context.clean, iteration) == context.clean.prompts() {
            let message = "no prompt is corrupted at or before the read position: every effect would be 0";
            return Err(inputs.source.error(spec.read.span(), message.to_owned()).into());
        }
    }
    Ok(())
}

/// Prompts that the corruption leaves as they are up to the read position.
pub(super) fn unchanged_prompts(clean: &TokenMatrix, iteration: &Iteration) -> u32 {
    let read = iteration.read as usize;
    let unchanged = |&prompt: &u32| clean.row(prompt)[..=read] == iteration.corrupted.row(prompt)[..=read];
    let count = (0..clean.prompts()).filter(unchanged).count();
    u32::try_from(count).unwrap_or(u32::MAX)
}

fn in_dataset(inputs: &Inputs<'_>, message: String) -> PlanError {
    PlanError::DatasetFile { file: inputs.spec.dataset_file().to_owned(), message }
}
