//! Iterations: which positions are corrupted, which position and answer are scored.

use patchsweep_proto::context::Iteration;
use patchsweep_proto::tokens::TokenMatrix;
use toml::Spanned;

use super::{Inputs, PlanError, draw};
use crate::spec::schema;

/// Iterations whose corrupted tokens come from other prompts (`kind = "permute"`).
///
/// `answers`: token ids of each prompt's answer \[prompts\]\[tokens\].
pub(super) fn permuted(
    inputs: &Inputs<'_>,
    clean: &TokenMatrix,
    answers: &[Vec<u32>],
) -> Result<Vec<Iteration>, PlanError> {
    let source = inputs.source;
    let Some(corruption) = &inputs.spec.corruption else {
        let message = "prompts from text need a `[corruption]`".to_owned();
        return Err(source.error(inputs.spec.dataset.span(), message).into());
    };
    let corruption = corruption.get_ref();
    if corruption.kind.get_ref() != "permute" {
        let kind = corruption.kind.get_ref();
        let message = format!("unknown corruption `{kind}`");
        return Err(source.word_error(corruption.kind.span(), message, kind, &["permute"]).into());
    }
    let groups = groups(inputs, corruption, clean.positions())?;
    let permutations = draw::permutations(answers.len(), groups.len(), corruption.seed);
    let mut iterations = Vec::new();
    for iteration in &inputs.spec.iteration {
        let Some(corrupt) = &iteration.corrupt else {
            let message = "this iteration needs `corrupt`, the positions to corrupt".to_owned();
            return Err(source.error(iteration.read.span(), message).into());
        };
        let mut rows: Vec<Vec<u32>> = (0..clean.prompts()).map(|prompt| clean.row(prompt).to_vec()).collect();
        for pos in positions(inputs, corrupt, clean.positions())? {
            let Some(group) = groups.iter().position(|group| group.contains(&pos)) else {
                let message = format!("position {pos} is in none of the corruption's groups");
                return Err(source.error(corrupt.span(), message).into());
            };
            for (row, &other) in rows.iter_mut().zip(&permutations[group]) {
                let other = clean.row(u32::try_from(other).unwrap_or(u32::MAX));
                row[pos as usize] = other[pos as usize];
            }
        }
        let corrupted =
            TokenMatrix::from_rows(&rows).map_err(|error| source.error(corrupt.span(), error.to_string()))?;
        let answer = answer_index(inputs, iteration, answers[0].len())?;
        iterations.push(Iteration {
            corrupted,
            read: position(inputs, &iteration.read, *iteration.read.get_ref(), clean.positions())?,
            answers: answers.iter().map(|tokens| tokens[answer]).collect(),
        });
    }
    at_least_one(inputs, &iterations)?;
    Ok(iterations)
}

/// A spec without iterations has nothing to do.
pub(super) fn at_least_one(inputs: &Inputs<'_>, iterations: &[Iteration]) -> Result<(), PlanError> {
    if iterations.is_empty() {
        let message = "a sweep needs at least one `[[iteration]]`".to_owned();
        return Err(inputs.source.error(inputs.spec.name.span(), message).into());
    }
    Ok(())
}

fn groups(
    inputs: &Inputs<'_>,
    corruption: &schema::Corruption,
    length: u32,
) -> Result<Vec<std::ops::Range<u32>>, PlanError> {
    let mut groups: Vec<std::ops::Range<u32>> = Vec::new();
    for group in &corruption.groups {
        let &[start, end] = group.get_ref().as_slice() else {
            let message = "a group is two positions, its first and the one after its last, like [0, 6]".to_owned();
            return Err(inputs.source.error(group.span(), message).into());
        };
        if start >= end || end > length {
            let message = format!("group {start}..{end} is empty or ends after the prompts' {length} positions");
            return Err(inputs.source.error(group.span(), message).into());
        }
        if groups.iter().any(|other| start < other.end && other.start < end) {
            let message = format!("group {start}..{end} overlaps another one");
            return Err(inputs.source.error(group.span(), message).into());
        }
        groups.push(start..end);
    }
    Ok(groups)
}

/// Several positions, from the start or negative from the end.
pub(super) fn positions(inputs: &Inputs<'_>, given: &Spanned<Vec<i64>>, length: u32) -> Result<Vec<u32>, PlanError> {
    given.get_ref().iter().map(|&pos| position(inputs, given, pos, length)).collect()
}

/// One position, from the start or negative from the end.
pub(super) fn position<T>(inputs: &Inputs<'_>, place: &Spanned<T>, given: i64, length: u32) -> Result<u32, PlanError> {
    let from_start = if given < 0 { given + i64::from(length) } else { given };
    u32::try_from(from_start).ok().filter(|&pos| pos < length).ok_or_else(|| {
        let message = format!(
            "position {given} is out of range: the prompts have {length} tokens (0 to {}, or -{length} to -1)",
            length - 1
        );
        inputs.source.error(place.span(), message).into()
    })
}

fn answer_index(inputs: &Inputs<'_>, iteration: &schema::Iteration, tokens: usize) -> Result<usize, PlanError> {
    match &iteration.answer {
        None if tokens == 1 => Ok(0),
        None => {
            let message =
                format!("the answers have {tokens} tokens each, counted from 0; say which one with `answer = …`");
            Err(inputs.source.error(iteration.read.span(), message).into())
        }
        Some(answer) if (*answer.get_ref() as usize) < tokens => Ok(*answer.get_ref() as usize),
        Some(answer) => {
            let message =
                format!("no answer token {}: the answers have {tokens} each, counted from 0", answer.get_ref());
            Err(inputs.source.error(answer.span(), message).into())
        }
    }
}
