//! How the text was tokenized, so that people can judge whether it is what they meant.

use patchsweep_core::results::SweepResults;
use serde::Deserialize;

use super::text;

/// What of the manifest this is made from; of sweeps from before these fields there is no section.
#[derive(Deserialize)]
struct Manifest {
    dataset: Dataset,
    iterations: Vec<Iteration>,
    #[serde(default)]
    metrics: Vec<Metric>,
}

#[derive(Deserialize)]
struct Metric {
    sets: Option<Sets>,
}

/// Of a metric of kind `difference`.
#[derive(Deserialize)]
struct Sets {
    metric: String,
    of: String,
    right: Set,
    wrong: Option<Set>,
}

#[derive(Deserialize)]
struct Set {
    reduce: String,
    first_prompt: Tokens,
    largest: usize,
}

#[derive(Deserialize)]
struct Dataset {
    first_prompt: Vec<Token>,
}

#[derive(Deserialize)]
struct Iteration {
    label: String,
    answers: Answers,
}

#[derive(Deserialize)]
struct Answers {
    right: Tokens,
    wrong: Tokens,
}

#[derive(Deserialize)]
struct Tokens {
    tokens: Vec<Token>,
    count: usize,
}

#[derive(Deserialize)]
struct Token {
    id: u32,
    text: Option<String>,
}

/// Most tokens of a prompt; more are in the manifest.
const MOST_POSITIONS: usize = 1024;

/// Most iterations; likewise.
const MOST_ITERATIONS: usize = 100;

/// Empty where the manifest does not say it.
pub(super) fn section(results: &SweepResults) -> String {
    serde_json::from_str(&results.manifest).map(|manifest| html(&manifest)).unwrap_or_default()
}

fn html(manifest: &Manifest) -> String {
    let prompt = &manifest.dataset.first_prompt;
    let shown = prompt.iter().take(MOST_POSITIONS).map(token).collect::<Vec<_>>().join(" ");
    let more = if prompt.len() > MOST_POSITIONS { " .." } else { "" };
    format!(
        "<section class=\"tokens\">\n<h2>Tokens</h2>\n<p>The first clean prompt, and the tokens that are scored, with their \
         ids.</p>\n<p>{shown}{more}</p>\n{}{}</section>\n",
        table("Iteration", &answers(manifest)),
        table("Metric, first prompt", &sets(manifest)),
    )
}

/// A row for each iteration whose answers are scored.
fn answers(manifest: &Manifest) -> String {
    let scored = manifest.iterations.iter().filter(|iteration| iteration.answers.right.count > 0);
    let row = |Iteration { label, answers }: &Iteration| row(label, &listed(&answers.right), &listed(&answers.wrong));
    scored.take(MOST_ITERATIONS).map(row).collect()
}

/// A row for each metric that scores sets of tokens.
fn sets(manifest: &Manifest) -> String {
    let side = |set: &Set| {
        let tokens = listed(&set.first_prompt);
        if set.largest == 1 { tokens } else { format!("{} of {tokens}", text::html(&set.reduce)) }
    };
    let sets = manifest.metrics.iter().filter_map(|metric| metric.sets.as_ref());
    let row = |sets: &Sets| {
        let wrong = sets.wrong.as_ref().map(side).unwrap_or_default();
        row(&format!("{} ({})", sets.metric, sets.of), &side(&sets.right), &wrong)
    };
    sets.map(row).collect()
}

fn row(label: &str, right: &str, wrong: &str) -> String {
    format!("<tr><th scope=\"row\">{}</th><td>{right}</td><td>{wrong}</td></tr>\n", text::html(label))
}

/// Right and wrong tokens; nothing where there are no rows.
fn table(first: &str, rows: &str) -> String {
    if rows.is_empty() {
        return String::new();
    }
    format!(
        "<div class=\"wide\"><table>\n<thead><tr><th scope=\"col\">{first}</th><th scope=\"col\">Right</th>\
         <th scope=\"col\">Wrong</th></tr></thead>\n<tbody>\n{rows}</tbody></table></div>\n"
    )
}

fn listed(tokens: &Tokens) -> String {
    let shown: Vec<String> = tokens.tokens.iter().map(token).collect();
    let more = if tokens.count > shown.len() { format!(" .. ({})", tokens.count) } else { String::new() };
    shown.join(" ") + &more
}

fn token(token: &Token) -> String {
    match &token.text {
        Some(words) => format!("<code>{}</code>&nbsp;{}", text::html(&format!("{words:?}")), token.id),
        None => token.id.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixtures::example;

    #[test]
    fn prompt_and_answers_are_listed_with_their_ids() {
        let mut results = example();
        assert_eq!(section(&results), "", "an older manifest");
        results.manifest = r#"{"dataset": {"first_prompt": [{"id": 0, "text": "<s>"}, {"id": 7, "text": null}]},
            "iterations": [{"label": "one", "answers": {
                "right": {"tokens": [{"id": 5, "text": " A"}], "count": 9}, "wrong": {"tokens": [], "count": 0}}}]}"#
            .to_owned();
        let section = section(&results);
        assert!(section.contains("<p><code>&quot;&lt;s&gt;&quot;</code>&nbsp;0 7</p>"), "{section}");
        assert!(section.contains("<td><code>&quot; A&quot;</code>&nbsp;5 .. (9)</td><td></td>"), "{section}");
        assert!(!section.contains("Metric, first prompt"), "{section}");
    }

    #[test]
    fn sets_of_tokens_are_listed_with_what_is_made_of_them() {
        let mut results = example();
        results.manifest = r#"{"dataset": {"first_prompt": []}, "iterations": [{"label": "one", "answers": {
                "right": {"tokens": [], "count": 0}, "wrong": {"tokens": [], "count": 0}}}],
            "metrics": [{"name": "kl", "sets": null}, {"name": "mass", "sets": {"metric": "mass", "of": "prob",
                "right": {"reduce": "sum", "sets": 9, "largest": 2,
                    "first_prompt": {"tokens": [{"id": 5, "text": " A"}], "count": 2}},
                "wrong": {"reduce": "sum", "sets": 1, "largest": 1,
                    "first_prompt": {"tokens": [{"id": 6, "text": null}], "count": 1}}}}]}"#
            .to_owned();
        let section = section(&results);
        let row =
            "<th scope=\"row\">mass (prob)</th><td>sum of <code>&quot; A&quot;</code>&nbsp;5 .. (2)</td><td>6</td>";
        assert!(section.contains(row), "{section}");
        assert!(!section.contains("Iteration"), "no answers are scored: {section}");
    }
}
