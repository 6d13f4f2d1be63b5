//! Metrics by their names in specs.

use patchsweep_core::metric::{Metric, MetricKind};
use patchsweep_core::tokens::MAX_TOKEN_IDS;

use super::prompts::Prompts;
use super::{Inputs, PlanError, candidates, differences, names};
use crate::spec::schema::{self, METRIC_KINDS, TokenSet};
use crate::spec::{MOST_METRICS, Spanned, Spec};

const LOGIT_DIFF: &str = "logit_diff";
const KL: &str = "kl";
const DIFFERENCE: &str = "difference";

/// Whether anything asks for right answers: a metric that scores them, or a corruption that goes by them.
pub(super) fn need_answers(spec: &Spec) -> bool {
    let distinct = spec.corruption.as_ref().and_then(|corruption| corruption.get_ref().distinct.as_ref());
    let scores = |metric: &schema::Metric| ![KL, DIFFERENCE].contains(&metric.kind.get_ref().as_str());
    distinct.is_some_and(|distinct| *distinct.get_ref()) || spec.metric.iter().any(scores)
}

/// Whether some metric compares with a wrong answer.
pub(super) fn need_wrong_answers(spec: &Spec) -> bool {
    spec.metric.iter().any(|metric| metric.kind.get_ref() == LOGIT_DIFF)
}

/// The columns that sets of tokens stand in.
pub(super) fn columns(spec: &Spec) -> impl Iterator<Item = &Spanned<String>> {
    let sets = spec.metric.iter().flat_map(|metric| [&metric.right, &metric.wrong]);
    sets.flatten().filter_map(|set: &Spanned<TokenSet>| set.get_ref().column.as_ref())
}

/// A metric of the spec; what of it stands in the dataset is still missing.
pub(super) struct Named<'a> {
    name: &'a Spanned<String>,
    kind: Kind<'a>,
    normalize: bool,
}

enum Kind<'a> {
    Ready(MetricKind),
    Difference(differences::Given<'a>),
}

/// Metrics as the spec has them; at least one.
pub(super) fn read<'a>(inputs: &Inputs<'a>) -> Result<Vec<Named<'a>>, PlanError> {
    if let Some(beyond) = inputs.spec.metric.get(MOST_METRICS) {
        let message = format!("more than {MOST_METRICS} metrics: submit the others as another sweep");
        return Err(inputs.source.error(beyond.kind.span(), message).into());
    }
    let mut metrics: Vec<Named<'a>> = Vec::new();
    for metric in &inputs.spec.metric {
        let kind = kind(inputs, metric)?;
        let name = metric.name.as_ref().unwrap_or(&metric.kind);
        names::refuse(inputs.source, name.span(), name.get_ref())?;
        if metrics.iter().any(|other| other.name.get_ref() == name.get_ref()) {
            let message = format!("two metrics are called `{}`; give one a `name`", name.get_ref());
            return Err(inputs.source.error(name.span(), message).into());
        }
        metrics.push(Named { name, kind, normalize: metric.normalize });
    }
    if metrics.is_empty() {
        let message = "a sweep needs at least one `[[metric]]`".to_owned();
        return Err(inputs.source.error(inputs.spec.name.span(), message).into());
    }
    Ok(metrics)
}

/// The metrics of these prompts.
pub(super) fn over(inputs: &Inputs<'_>, named: Vec<Named<'_>>, prompts: &Prompts) -> Result<Vec<Metric>, PlanError> {
    let mut room = MAX_TOKEN_IDS;
    let metric = |Named { name, kind, normalize }: Named<'_>| {
        let kind = match kind {
            Kind::Ready(kind) => kind,
            Kind::Difference(given) => MetricKind::Difference(given.over(inputs, prompts, name, &mut room)?),
        };
        Ok(Metric { name: name.get_ref().clone(), kind, normalize })
    };
    named.into_iter().map(metric).collect()
}

fn kind<'a>(inputs: &Inputs<'a>, metric: &'a schema::Metric) -> Result<Kind<'a>, PlanError> {
    let word = metric.kind.get_ref().as_str();
    if word != DIFFERENCE {
        differences::refuse(inputs, metric)?;
    }
    let kind = match word {
        "logit_diff_max" => MetricKind::LogitDiffMax { candidates: candidates::read(inputs, metric)? },
        "logit_diff_mean" => MetricKind::LogitDiffMean { candidates: candidates::read(inputs, metric)? },
        LOGIT_DIFF => MetricKind::LogitDiff,
        "logprob" => MetricKind::Logprob,
        "prob" => MetricKind::Prob,
        KL => MetricKind::Kl,
        DIFFERENCE => {
            candidates::refuse(inputs, metric)?;
            return Ok(Kind::Difference(differences::read(inputs, metric)?));
        }
        _ => {
            let message = format!("unknown metric `{word}`");
            return Err(inputs.source.word_error(metric.kind.span(), message, word, &METRIC_KINDS).into());
        }
    };
    if kind.candidates().is_empty() {
        candidates::refuse(inputs, metric)?;
    }
    Ok(Kind::Ready(kind))
}

#[cfg(test)]
mod tests {
    use patchsweep_core::metric::MetricKind;

    use super::super::example::{plan, plan_of, refusal, spec};

    const CANDIDATES: [u32; 3] = [6, 7, 8];

    #[test]
    fn more_metrics_than_a_message_takes_are_refused() {
        let metrics = |count: usize| {
            let metric = |number| format!("[[metric]]\nname = \"m{number}\"\nkind = \"prob\"\n");
            (0..count).map(metric).collect::<String>()
        };
        let of = |count| [("[[metric]]\nkind = \"prob\"\n", metrics(count))];
        for count in [crate::spec::MOST_METRICS - 1, crate::spec::MOST_METRICS] {
            let [(from, to)] = of(count);
            assert_eq!(plan(&[(from, &to)]).context.metrics.len(), count);
        }
        let [(from, to)] = of(crate::spec::MOST_METRICS + 1);
        let refused = refusal(&[(from, &to)]);
        assert!(refused.contains("more than 100 metrics: submit the others as another sweep"), "{refused}");
    }

    #[test]
    fn every_kind_is_read() {
        let metrics = [
            "kind = \"logit_diff_max\"\ncandidates = \"x-z\"\nnormalize = true",
            "kind = \"logit_diff_mean\"\ncandidate_ids = [6, 7, 8]",
            "kind = \"logit_diff\"",
            "kind = \"logprob\"",
            "kind = \"kl\"",
            "kind = \"prob\"",
        ];
        let plan = plan(&[("kind = \"prob\"", &metrics.join("\n[[metric]]\n"))]);
        let kinds: Vec<MetricKind> = plan.context.metrics.iter().map(|metric| metric.kind.clone()).collect();
        let wanted = [
            MetricKind::LogitDiffMax { candidates: CANDIDATES.to_vec() },
            MetricKind::LogitDiffMean { candidates: CANDIDATES.to_vec() },
            MetricKind::LogitDiff,
            MetricKind::Logprob,
            MetricKind::Kl,
            MetricKind::Prob,
        ];
        assert_eq!(kinds, wanted);
        let normalized: Vec<bool> = plan.context.metrics.iter().map(|metric| metric.normalize).collect();
        assert_eq!(normalized, [true, false, false, false, false, false]);
        assert_eq!(plan.context.iterations[0].wrong_answers, [7, 8, 6, 8]);
    }

    #[test]
    fn candidates_belong_to_the_metrics_that_compare_with_them() {
        let missing = refusal(&[("\"prob\"", "\"logit_diff_mean\"")]);
        assert!(missing.contains("line 12, column 8: give either `candidates` (text)"), "{missing}");
        let stray = refusal(&[("\"prob\"", "\"prob\"\ncandidates = \"x-z\"")]);
        assert!(stray.contains("line 13, column 14: metric `prob` has no candidates"), "{stray}");
        let stray = refusal(&[("\"prob\"", "\"kl\"\ncandidate_ids = [6, 7]")]);
        assert!(
            stray.contains("line 13, column 17: metric `kl` has no candidates: leave `candidate_ids` out"),
            "{stray}"
        );
    }

    #[test]
    fn a_logit_difference_needs_wrong_answers() {
        let spec = spec(&[("\"prob\"", "\"logit_diff\"\nname = \"to_wrong\"")]);
        let refused = plan_of(&spec, "prompt,answer\na b c,x\nb c d,y\n").expect_err("is refused");
        assert!(
            refused.contains("line 12, column 8: metric `to_wrong` needs a wrong answer for each prompt"),
            "{refused}"
        );
        assert!(refused.contains("a column `wrong`, in a .csv file"), "{refused}");
    }
}
