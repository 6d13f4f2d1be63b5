//! What a figure says that it shows.

use patchsweep_core::results::SweepResults;
use serde_json::Value;

use super::{Subject, View};

/// Above the figure, and for readers who cannot see it.
pub(super) fn heading(subject: Subject<'_>, view: View) -> String {
    let Subject { results, scores, quantity, .. } = subject;
    let metric = &results.metrics[scores.metric];
    let shown = match (view, quantity) {
        (View::Effect | View::Significance, "effect") => format!("effect on {metric}"),
        (View::Effect | View::Significance, other) => format!("{other} of effects on {metric}"),
        (View::Value, _) => format!("patched {metric}"),
        (View::Normalized, _) => format!("normalized {metric}"),
        (View::Estimate, _) => format!("estimated effect on {metric}"),
    };
    let condition = if view == View::Significance { ", where significant" } else { "" };
    format!("{} ({}): {shown}{condition}", scores.grid, scores.axes.join(" × "))
}

/// Above the colour bar: what the colours are, and their unit where they have one.
pub(super) fn quantity(subject: Subject<'_>, view: View) -> [String; 2] {
    let unit = || unit(subject.results, subject.scores.metric).to_owned();
    match view {
        View::Effect | View::Significance => [subject.quantity.to_owned(), unit()],
        View::Value => ["value".to_owned(), unit()],
        View::Normalized => ["normalized".to_owned(), String::new()],
        View::Estimate => ["estimate".to_owned(), unit()],
    }
}

/// Of a metric, by its kind in the manifest.
fn unit(results: &SweepResults, metric: usize) -> &'static str {
    let manifest: Value = serde_json::from_str(&results.manifest).unwrap_or_default();
    let metrics = manifest["metrics"].as_array().map(Vec::as_slice).unwrap_or_default();
    let named = metrics.iter().find(|described| described["name"] == results.metrics[metric]);
    match named.and_then(|described| described["kind"].as_str()) {
        Some("difference") if named.is_some_and(|described| described["sets"]["of"] != "prob") => "nats",
        Some("logit_diff" | "logit_diff_max" | "logit_diff_mean" | "logprob" | "kl") => "nats",
        _ => "",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixtures::example;
    use crate::statistics::Statistics;

    #[test]
    fn figures_say_what_they_show_and_its_unit() {
        let mut results = example();
        results.manifest =
            r#"{"metrics":[{"name":"logit_diff","kind":"logit_diff"},{"name":"prob","kind":"prob"}]}"#.to_owned();
        let mut differences = results.clone();
        differences.manifest = r#"{"metrics":[{"name":"logit_diff","kind":"difference","sets":{"of":"logprob"}},
            {"name":"prob","kind":"difference","sets":{"of":"prob"}}]}"#
            .to_owned();
        assert_eq!((unit(&differences, 0), unit(&differences, 1)), ("nats", ""));
        let scores = &results.grids[1];
        let statistics = &Statistics::of(scores);
        let subject = Subject { results: &results, scores, statistics, quantity: "effect" };
        assert_eq!(heading(subject, View::Effect), "z (layer × head): effect on logit_diff");
        assert_eq!(heading(subject, View::Value), "z (layer × head): patched logit_diff");
        let difference = Subject { quantity: "difference", ..subject };
        let words = "z (layer × head): difference of effects on logit_diff, where significant";
        assert_eq!(heading(difference, View::Significance), words);
        assert_eq!(quantity(subject, View::Value), ["value", "nats"]);
        assert_eq!(quantity(subject, View::Normalized), ["normalized", ""]);
        assert_eq!(quantity(Subject { scores: &results.grids[3], ..subject }, View::Effect), ["effect", ""]);
    }
}
