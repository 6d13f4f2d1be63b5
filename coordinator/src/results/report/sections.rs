//! The parts of the page that are made of results.

use std::fmt::Write as _;

use patchsweep_proto::results::{GridScores, STATUS_FAILED, SweepResults};

use super::figure::{Detail, Figure, figure};
use super::text;
use crate::results::{Failures, cell_label, top_cells};
use crate::statistics::Statistics;

const TOP: usize = 5;

/// The table of clean and corrupted means.
pub(super) fn baselines(results: &SweepResults) -> String {
    let failures = Failures::of(results);
    let mut rows = String::new();
    for (metric, name) in results.metrics.iter().enumerate() {
        for (iteration, label) in results.iteration_labels.iter().enumerate() {
            let (clean, corrupted) = (results.clean[metric][iteration], results.corrupted[metric][iteration]);
            let has_failed = failures.has_lost_baseline(iteration);
            let cell = |value| if has_failed { "failed".to_owned() } else { text::number(value, 4) };
            let cells = [clean, corrupted, corrupted - clean].map(cell);
            let [clean, corrupted, difference] = cells;
            let (name, label) = (text::html(name), text::html(label));
            let _ = writeln!(
                rows,
                "<tr><td><code>{name}</code></td><th scope=\"row\">{label}</th><td class=\"n\">{clean}</td>\
                 <td class=\"n\">{corrupted}</td><td class=\"n\">{difference}</td></tr>"
            );
        }
    }
    rows
}

/// All figures with their tables, in at most some bytes as long as the tables alone take no more.
pub(super) fn grids(results: &SweepResults, budget: usize) -> String {
    let failures = Failures::of(results);
    let parts: Vec<_> = results.grids.iter().map(|scores| Part::new(results, scores, &failures)).collect();
    let tables: usize = parts.iter().map(Part::len).sum();
    let mut left = budget.saturating_sub(tables);
    let mut html = String::new();
    for (number, (scores, part)) in results.grids.iter().zip(&parts).enumerate() {
        let figure = drawn(results, scores, number, left);
        left = left.saturating_sub(figure.len());
        html.extend([part.heading.as_str(), &figure, &part.tables]);
    }
    html
}

/// What surrounds a figure.
struct Part {
    heading: String,
    tables: String,
}

impl Part {
    fn new(results: &SweepResults, scores: &GridScores, failures: &Failures) -> Self {
        let metric = text::html(&results.metrics[scores.metric]);
        let axes = text::html(&scores.axes.join(" × "));
        let name = text::html(&scores.grid);
        let component = if scores.component == scores.grid {
            String::new()
        } else {
            format!(" of <code>{}</code>", text::html(&scores.component))
        };
        let heading = format!(
            "<section class=\"grid\">\n<h2><code>{name}</code> <small>{component} over {axes}, effect on \
             <code>{metric}</code></small></h2>\n{}",
            missing(results, scores, failures)
        );
        let statistics = Statistics::of(scores);
        let lists: String = results
            .iteration_labels
            .iter()
            .enumerate()
            .map(|(iteration, label)| list(results, scores, &statistics, (iteration, label)))
            .collect();
        Self { heading, tables: format!("<div class=\"lists\">\n{lists}</div>\n</section>\n") }
    }

    fn len(&self) -> usize {
        self.heading.len() + self.tables.len()
    }
}

/// What is grey on the maps.
fn missing(results: &SweepResults, scores: &GridScores, failures: &Failures) -> String {
    let mut html = String::new();
    if let Some(told) = failures.of_grid(scores) {
        let _ = writeln!(html, "<p class=\"warning\">{}. They are grey.</p>", text::html(&told));
    }
    let is_missing = |(effect, &status): (&f32, &u32)| effect.is_nan() && status != STATUS_FAILED;
    let without = scores.effect.iter().zip(&scores.status).filter(|&cell| is_missing(cell)).count();
    if without > 0 {
        let name = text::html(&results.tensor_name(scores));
        let _ = writeln!(
            html,
            "<p class=\"warning\">{without} of {} cells have no score and are grey; the tensor \
             <code>{name}.status</code> says why.</p>",
            scores.effect.len()
        );
    }
    html
}

/// `iteration`: with its label.
fn list(
    results: &SweepResults,
    scores: &GridScores,
    statistics: &Statistics,
    (iteration, label): (usize, &str),
) -> String {
    let mut rows = String::new();
    for cell in top_cells(scores, statistics, iteration, TOP) {
        let name = text::html(&cell_label(scores, &cell.indices, &results.token_labels));
        let effect = text::effect(cell.effect, cell.stderr);
        let sign = if cell.effect < 0.0 {
            " low"
        } else if cell.effect > 0.0 {
            " high"
        } else {
            ""
        };
        let _ = writeln!(rows, "<tr><td>{name}</td><td class=\"n{sign}\">{effect}</td></tr>");
    }
    let label = text::html(label);
    format!("<table><caption>Strongest: {label}</caption><tbody>\n{rows}</tbody></table>\n")
}

fn drawn(results: &SweepResults, scores: &GridScores, number: usize, budget: usize) -> String {
    for detail in [Detail::Full, Detail::Effect] {
        // Not made to be thrown away, where that is clear beforehand.
        if scores.effect.len().saturating_mul(detail.least_bytes()) > budget {
            continue;
        }
        let html = element(results, scores, number, &figure(results, scores, detail));
        if html.len() <= budget {
            return html;
        }
    }
    "<p class=\"warning\">The heat maps of this grid are too large for this page; the tensors have all cells.</p>\n"
        .to_owned()
}

fn element(results: &SweepResults, scores: &GridScores, number: usize, figure: &Figure) -> String {
    let label = text::html(&format!("Heat maps of {}, one per iteration", results.tensor_name(scores)));
    let (width, height, json) = (figure.width, figure.height, text::script_json(&figure.json));
    format!(
        "<div class=\"figure\" role=\"img\" aria-label=\"{label}\" data-json=\"figure-{number}\" \
         style=\"max-width:{width}px;height:{height}px\"></div>\n\
         <script type=\"application/json\" id=\"figure-{number}\">{json}</script>\n"
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::results::example::{example, example_with_failures};

    #[test]
    fn each_iteration_has_its_baselines() {
        let rows = baselines(&example());
        assert_eq!(rows.matches("<tr>").count(), 6);
        assert!(rows.contains("<td class=\"n\">3.218</td><td class=\"n\">-2.337</td><td class=\"n\">-5.555</td>"));
    }

    #[test]
    fn lists_hold_the_strongest_cells_with_their_signs() {
        let results = example();
        let list = list(&results, &results.grids[1], &Statistics::of(&results.grids[1]), (0, "Iteration 0"));
        assert_eq!(list.matches("<tr>").count(), TOP);
        assert!(list.contains("<td>0.0</td><td class=\"n low\">-4.000 ± 0.16</td>"), "{list}");
    }

    #[test]
    fn cells_without_a_score_are_announced() {
        let results = example();
        let failures = Failures::of(&results);
        let html = missing(&results, &results.grids[0], &failures);
        assert!(html.contains("1 of 96 cells") && html.contains("resid_pre.status"));
        assert_eq!(missing(&results, &results.grids[1], &failures), "");
    }

    #[test]
    fn cells_that_failed_are_announced_with_the_reason_beside_those_without_a_score() {
        let results = example_with_failures();
        let html = missing(&results, &results.grids[0], &Failures::of(&results));
        assert!(html.contains("3 of 96 cells failed (status 3): out of memory; no answer. They are grey."), "{html}");
        assert!(html.contains("1 of 96 cells have no score"), "{html}");
    }

    #[test]
    fn a_baseline_that_failed_says_so() {
        let rows = baselines(&example_with_failures());
        assert_eq!(rows.matches("<td class=\"n\">failed</td>").count(), 2 * 3, "under both metrics");
    }

    #[test]
    fn figures_lose_their_details_before_they_are_left_out() {
        let results = example();
        let scores = &results.grids[0];
        let full = drawn(&results, scores, 0, usize::MAX);
        let less = drawn(&results, scores, 0, full.len() - 1);
        assert!(full.contains("customdata") && !less.contains("customdata") && less.contains("figure-0"));
        assert!(drawn(&results, scores, 0, less.len() - 1).contains("too large"));
        assert!(drawn(&results, scores, 0, 0).contains("too large"));
    }
}
