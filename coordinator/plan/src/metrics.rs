//! Metrics by their names in specs.

use patchsweep_core::metric::{Metric, MetricKind};

use super::{Inputs, PlanError, candidates, names};
use crate::spec::MOST_METRICS;
use crate::spec::schema::{self, METRIC_KINDS};

const LOGIT_DIFF: &str = "logit_diff";

/// Whether some metric compares with a wrong answer.
pub(super) fn need_wrong_answers(inputs: &Inputs<'_>) -> bool {
    inputs.spec.metric.iter().any(|metric| metric.kind.get_ref() == LOGIT_DIFF)
}

pub(super) fn read(inputs: &Inputs<'_>) -> Result<Vec<Metric>, PlanError> {
    if let Some(beyond) = inputs.spec.metric.get(MOST_METRICS) {
        let message = format!("more than {MOST_METRICS} metrics: submit the others as another sweep");
        return Err(inputs.source.error(beyond.kind.span(), message).into());
    }
    let mut metrics: Vec<Metric> = Vec::new();
    for metric in &inputs.spec.metric {
        let kind = kind(inputs, metric)?;
        let name = metric.name.as_ref().unwrap_or(&metric.kind);
        names::refuse(inputs.source, name.span(), name.get_ref())?;
        if metrics.iter().any(|other| other.name == *name.get_ref()) {
            let message = format!("two metrics are called `{}`; give one a `name`", name.get_ref());
            return Err(inputs.source.error(name.span(), message).into());
        }
        metrics.push(Metric { name: name.get_ref().clone(), kind, normalize: metric.normalize });
    }
    if metrics.is_empty() {
        let message = "a sweep needs at least one `[[metric]]`".to_owned();
        return Err(inputs.source.error(inputs.spec.name.span(), message).into());
    }
    Ok(metrics)
}

fn kind(inputs: &Inputs<'_>, metric: &schema::Metric) -> Result<MetricKind, PlanError> {
    let word = metric.kind.get_ref().as_str();
    let kind = match word {
        "logit_diff_max" => return Ok(MetricKind::LogitDiffMax { candidates: candidates::read(inputs, metric)? }),
        "logit_diff_mean" => return Ok(MetricKind::LogitDiffMean { candidates: candidates::read(inputs, metric)? }),
        LOGIT_DIFF => MetricKind::LogitDiff,
        "logprob" => MetricKind::Logprob,
        "prob" => MetricKind::Prob,
        "kl" => MetricKind::Kl,
        _ => {
            let message = format!("unknown metric `{word}`");
            return Err(inputs.source.word_error(metric.kind.span(), message, word, &METRIC_KINDS).into());
        }
    };
    candidates::refuse(inputs, metric)?;
    Ok(kind)
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
