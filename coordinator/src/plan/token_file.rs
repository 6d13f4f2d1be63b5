//! Prompts as token ids outright: for other tools, and for exact comparison with them.

use patchsweep_proto::context::Iteration;
use patchsweep_proto::tokens::TokenMatrix;
use serde::Deserialize;
use toml::Spanned;

use super::dataset::Prompts;
use super::{Inputs, PlanError, checks, experiments};
use crate::spec::schema;

/// The JSON file that `tokens = "…"` names.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct TokenFile {
    /// \[prompts\]\[positions\]
    clean: Vec<Vec<u32>>,
    /// \[iterations\]\[prompts\]\[positions\]
    corrupted: Vec<Vec<Vec<u32>>>,
    /// \[prompts\]\[iterations\]
    answers: Vec<Vec<u32>>,
}

pub(super) fn read(inputs: &Inputs<'_>) -> Result<Prompts, PlanError> {
    let spec = inputs.spec;
    let dataset = spec.dataset.get_ref();
    let refuse = |message: String| PlanError::DatasetFile { file: spec.dataset_file().to_owned(), message };
    if let Some(corruption) = &spec.corruption {
        let message = "token ids are corrupted already: leave `[corruption]` out".to_owned();
        return Err(inputs.source.error(corruption.span(), message).into());
    }
    let spans = [
        ("samples", dataset.samples.as_ref().map(Spanned::span)),
        ("replace", dataset.replace.as_ref().map(Spanned::span)),
        ("seed", dataset.seed.as_ref().map(Spanned::span)),
        ("prepend_bos", dataset.prepend_bos.as_ref().map(Spanned::span)),
    ];
    if let Some((key, Some(span))) = spans.into_iter().find(|(_, span)| span.is_some()) {
        let message = format!("token ids are taken as they are: leave `{key}` out");
        return Err(inputs.source.error(span, message).into());
    }
    let file: TokenFile = serde_json::from_str(inputs.dataset)
        .map_err(|error| refuse(format!("not JSON with `clean`, `corrupted` and `answers` token ids: {error}")))?;
    let clean = TokenMatrix::from_rows(&file.clean).map_err(|error| refuse(format!("clean: {error}")))?;
    checks::size(inputs, file.clean.len(), clean.positions() as usize)?;
    if file.corrupted.len() != spec.iteration.len() {
        let (found, wanted) = (file.corrupted.len(), spec.iteration.len());
        return Err(refuse(format!("{found} corrupted lists, but the spec has {wanted} iterations")));
    }
    if file.answers.len() != file.clean.len() {
        return Err(refuse(format!(
            "{} lists of answers for {} prompts: give one list per prompt",
            file.answers.len(),
            file.clean.len()
        )));
    }
    let mut iterations = Vec::new();
    for (index, (rows, iteration)) in file.corrupted.iter().zip(&spec.iteration).enumerate() {
        let corrupted = TokenMatrix::from_rows(rows).map_err(|error| refuse(format!("corrupted[{index}]: {error}")))?;
        if (corrupted.prompts(), corrupted.positions()) != (clean.prompts(), clean.positions()) {
            return Err(refuse(format!(
                "corrupted[{index}] is [{}, {}], but the clean prompts are [{}, {}]",
                corrupted.prompts(),
                corrupted.positions(),
                clean.prompts(),
                clean.positions()
            )));
        }
        check_corrupt(inputs, iteration, &clean, &corrupted)?;
        let read = experiments::position(inputs, &iteration.read, *iteration.read.get_ref(), clean.positions())?;
        let answer = iteration.answer.as_ref().map_or(index, |answer| *answer.get_ref() as usize);
        let answers = file.answers.iter().enumerate().map(|(prompt, answers)| {
            let missing = || {
                refuse(format!("answers[{prompt}] has no entry {answer}: give each prompt one answer per iteration"))
            };
            answers.get(answer).copied().ok_or_else(missing)
        });
        iterations.push(Iteration { corrupted, read, answers: answers.collect::<Result<_, _>>()? });
    }
    experiments::at_least_one(inputs, &iterations)?;
    let label = |&id: &u32| inputs.tokenizer.map_or_else(|| id.to_string(), |t| t.token_text(id));
    let labels = clean.row(0).iter().map(label).collect();
    Ok(Prompts { clean, experiments: iterations, labels })
}

/// `corrupt` may be left out; where it is given, tokens must not differ anywhere else.
fn check_corrupt(
    inputs: &Inputs<'_>,
    iteration: &schema::Iteration,
    clean: &TokenMatrix,
    corrupted: &TokenMatrix,
) -> Result<(), PlanError> {
    let Some(corrupt) = &iteration.corrupt else { return Ok(()) };
    let allowed = experiments::positions(inputs, corrupt, clean.positions())?;
    for prompt in 0..clean.prompts() {
        let pairs = clean.row(prompt).iter().zip(corrupted.row(prompt));
        let differs = (0..).zip(pairs).find(|(pos, (a, b))| a != b && !allowed.contains(pos));
        if let Some((pos, _)) = differs {
            let message = format!("prompt {prompt} of the token file differs at position {pos}, which `corrupt` lacks");
            return Err(inputs.source.error(corrupt.span(), message).into());
        }
    }
    Ok(())
}
