//! How the text was tokenized, so that people can judge whether it is what they meant.

use std::fmt::Write as _;

use patchsweep_core::results::SweepResults;
use serde::Deserialize;

use super::text;

/// What of the manifest this is made from; of sweeps from before these fields there is no section.
#[derive(Deserialize)]
struct Manifest {
    dataset: Dataset,
    iterations: Vec<Iteration>,
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
    let mut rows = String::new();
    for Iteration { label, answers } in manifest.iterations.iter().take(MOST_ITERATIONS) {
        let (label, [right, wrong]) = (text::html(label), [&answers.right, &answers.wrong].map(listed));
        let _ = writeln!(rows, "<tr><th scope=\"row\">{label}</th><td>{right}</td><td>{wrong}</td></tr>");
    }
    let prompt = &manifest.dataset.first_prompt;
    let shown = prompt.iter().take(MOST_POSITIONS).map(token).collect::<Vec<_>>().join(" ");
    let more = if prompt.len() > MOST_POSITIONS { " .." } else { "" };
    format!(
        "<section class=\"tokens\">\n<h2>Tokens</h2>\n<p>The first clean prompt, and the different answer tokens that are \
         scored, with their ids.</p>\n<p>{shown}{more}</p>\n<div class=\"wide\"><table>\n<thead><tr>\
         <th scope=\"col\">Iteration</th><th scope=\"col\">Right</th><th scope=\"col\">Wrong</th></tr></thead>\n<tbody>\n\
         {rows}</tbody></table></div>\n</section>\n"
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
    }
}
