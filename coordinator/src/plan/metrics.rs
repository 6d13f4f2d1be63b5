//! Metrics: their candidates become token ids.

use std::collections::BTreeSet;

use patchsweep_proto::metric::{Metric, MetricKind};

use super::{Inputs, PlanError, names};
use crate::spec::schema::{self, Candidates};

const KINDS: &[&str] = &["logit_diff_max"];

pub(super) fn read(inputs: &Inputs<'_>) -> Result<Vec<Metric>, PlanError> {
    let mut metrics: Vec<Metric> = Vec::new();
    for metric in &inputs.spec.metric {
        let kind = metric.kind.get_ref();
        if !KINDS.contains(&kind.as_str()) {
            let message = format!("unknown metric `{kind}`");
            return Err(inputs.source.word_error(metric.kind.span(), message, kind, KINDS).into());
        }
        let name = metric.name.as_ref().unwrap_or(&metric.kind);
        names::check(inputs.source, name)?;
        if metrics.iter().any(|other| other.name == *name.get_ref()) {
            let message = format!("two metrics are called `{}`; give one a `name`", name.get_ref());
            return Err(inputs.source.error(name.span(), message).into());
        }
        let kind = MetricKind::LogitDiffMax { candidates: candidates(inputs, metric)? };
        metrics.push(Metric { name: name.get_ref().clone(), kind });
    }
    if metrics.is_empty() {
        let message = "a sweep needs at least one `[[metric]]`".to_owned();
        return Err(inputs.source.error(inputs.spec.name.span(), message).into());
    }
    Ok(metrics)
}

fn candidates(inputs: &Inputs<'_>, metric: &schema::Metric) -> Result<Vec<u32>, PlanError> {
    let source = inputs.source;
    let (span, ids) = match (&metric.candidates, &metric.candidate_ids) {
        (Some(texts), None) => (texts.span(), text_ids(inputs, texts)?),
        (None, Some(ids)) => (ids.span(), ids.get_ref().clone()),
        _ => {
            let message = "give either `candidates` (text) or `candidate_ids` (token ids)".to_owned();
            return Err(source.error(metric.kind.span(), message).into());
        }
    };
    let vocabulary = inputs.config.shape.d_vocab;
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

fn text_ids(inputs: &Inputs<'_>, texts: &toml::Spanned<Candidates>) -> Result<Vec<u32>, PlanError> {
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
        let ids = tokenizer.encode_one(text).map_err(|error| refuse(error.message))?;
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
