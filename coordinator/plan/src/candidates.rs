//! Candidate answers: text becomes token ids.

use std::collections::BTreeSet;

use super::{Inputs, PlanError};
use crate::spec::Spanned;
use crate::spec::schema::{self, Candidates};

/// The token ids of a metric that compares the answer with candidates.
pub(super) fn read(inputs: &Inputs<'_>, metric: &schema::Metric) -> Result<Vec<u32>, PlanError> {
    let source = inputs.source;
    let (span, ids) = match (&metric.candidates, &metric.candidate_ids) {
        (Some(texts), None) => (texts.span(), text_ids(inputs, texts)?),
        (None, Some(ids)) => (ids.span(), ids.get_ref().clone()),
        _ => {
            let message = "give either `candidates` (text) or `candidate_ids` (token ids)".to_owned();
            return Err(source.error(metric.kind.span(), message).into());
        }
    };
    let vocabulary = inputs.config.architecture.d_vocab;
    if let Some(id) = ids.iter().find(|&&id| id >= vocabulary) {
        let message = format!("candidate id {id} is outside the model's vocabulary of {vocabulary}");
        return Err(source.error(span, message).into());
    }
    if ids.iter().collect::<BTreeSet<_>>().len() < ids.len() {
        return Err(source.error(span, "a candidate is listed twice".to_owned()).into());
    }
    if ids.len() < 2 {
        return Err(source.error(span, "a logit difference needs at least two candidates".to_owned()).into());
    }
    Ok(ids)
}

/// Refuses candidates of a metric that has none.
pub(super) fn refuse(inputs: &Inputs<'_>, metric: &schema::Metric) -> Result<(), PlanError> {
    let texts = metric.candidates.as_ref().map(|texts| ("candidates", texts.span()));
    let ids = metric.candidate_ids.as_ref().map(|ids| ("candidate_ids", ids.span()));
    let Some((key, span)) = texts.or(ids) else { return Ok(()) };
    let message = format!("metric `{}` has no candidates: leave `{key}` out", metric.kind.get_ref());
    Err(inputs.source.error(span, message).into())
}

fn text_ids(inputs: &Inputs<'_>, texts: &Spanned<Candidates>) -> Result<Vec<u32>, PlanError> {
    let refuse = |message: String| PlanError::from(inputs.source.error(texts.span(), message));
    let tokenizer = inputs
        .tokenizer
        .ok_or_else(|| refuse("the model's folder has no tokenizer.json: give `candidate_ids`".to_owned()))?;
    let texts = match texts.get_ref() {
        Candidates::List(list) => list.clone(),
        Candidates::Range(range) => expand(range)
            .ok_or_else(|| refuse(format!("`{range}` is not a range like \"A-Z\"; or give a list of strings")))?,
    };
    let id = |text: &String| {
        let ids = tokenizer.encode_answer(text).map_err(|error| refuse(error.message))?;
        match ids[..] {
            [id] => Ok(id),
            _ => Err(refuse(format!("candidate `{text}` is {} tokens, not one", ids.len()))),
        }
    };
    texts.iter().map(id).collect()
}

/// `A-Z` to its characters.
fn expand(range: &str) -> Option<Vec<String>> {
    let mut chars = range.chars();
    let (first, dash, last) = (chars.next()?, chars.next()?, chars.next()?);
    if dash != '-' || chars.next().is_some() || first > last {
        return None;
    }
    Some((first..=last).map(String::from).collect())
}

#[cfg(test)]
mod tests {
    use super::expand;

    #[test]
    fn ranges_of_characters_expand() {
        assert_eq!(expand("A-D").map(|letters| letters.concat()), Some("ABCD".to_owned()));
        assert!(["A", "AZ", "Z-A", "A-ZZ", ""].into_iter().all(|range| expand(range).is_none()));
    }
}
