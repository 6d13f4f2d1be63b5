//! The section of each grid under each metric.

use std::fmt::Write as _;

use patchsweep_core::results::{CellStatus, GridScores, Look, SweepResults};

use super::maps::{Name, maps};
use super::{tables, text};
use crate::figure::{Subject, View};
use crate::statistics::Statistics;
use crate::{Analysed, Failures, NotFinite};

/// All grids, in at most some bytes as long as the tables alone take no more.
pub(super) fn sections(analysed: &Analysed<'_>, budget: &mut usize) -> String {
    let results = analysed.results();
    let (failures, not_finite) = (Failures::of(results), NotFinite::of(results));
    let texts: Vec<_> = analysed
        .grids()
        .map(|(scores, statistics)| {
            let notes = counted(scores, statistics) + &missing(scores, &failures, &not_finite);
            let lists = tables::lists(results, scores, statistics, "Strongest");
            [heading(results, scores), notes, lists]
        })
        .collect();
    *budget = budget.saturating_sub(texts.iter().flatten().map(String::len).sum());
    let mut html = String::new();
    for (number, (scores, statistics)) in analysed.grids().enumerate() {
        let subject = Subject { results, scores, statistics, quantity: "effect" };
        let metric = &results.metrics[scores.metric];
        let name = Name { id: format!("heatmap-{number}"), metric, class: "heatmap" };
        let figure = maps(subject, &View::of(scores), &name, budget);
        let [heading, notes, lists] = &texts[number];
        html.extend([heading, notes, figure.as_str(), lists, "</section>\n"]);
    }
    html
}

fn heading(results: &SweepResults, scores: &GridScores) -> String {
    let metric = text::html(&results.metrics[scores.metric]);
    let (name, axes) = (text::html(&scores.grid), text::html(&scores.axes.join(" × ")));
    let component = if scores.component == scores.grid {
        String::new()
    } else {
        format!(" of <code>{}</code>", text::html(&scores.component))
    };
    let writes = if scores.writes.is_empty() { String::new() } else { format!(" ({})", text::html(&scores.writes)) };
    format!(
        "<section class=\"grid\">\n<h2><code>{name}</code> <small>{component}{writes} over {axes}, effect on \
         <code>{metric}</code></small></h2>\n"
    )
}

/// How many cells there are of each kind.
fn counted(scores: &GridScores, statistics: &Statistics) -> String {
    let cells = scores.effect.len();
    let of = |status| scores.status.iter().filter(|&&other| other == status).count();
    let significant = statistics.significant.iter().filter(|&&significant| significant == 1).count();
    let computed = CellStatus::Computed;
    let mut html = format!("<p class=\"counts\">{cells} cells: {} {}", of(computed), computed.text());
    if significant > 0 {
        let _ = write!(html, ", {significant} of them significant");
    }
    for status in CellStatus::ALL.into_iter().filter(|&status| status != computed) {
        let count = of(status);
        if count > 0 {
            let _ = write!(html, "; {count} {} ({})", status.text(), text::percent(count, cells));
        }
    }
    html.push_str("</p>\n");
    html
}

/// Why cells have no score.
fn missing(scores: &GridScores, failures: &Failures, not_finite: &NotFinite<'_>) -> String {
    let messages =
        [(CellStatus::Failed, failures.of_grid(scores)), (CellStatus::NotFinite, not_finite.of_grid(scores))];
    let warning = |(status, message): (CellStatus, Option<String>)| {
        let (Look { colour, .. }, message) = (status.look()?, text::html(&message?));
        Some(format!("<p class=\"warning\">{message}. They are {colour}.</p>\n"))
    };
    let cells = messages.into_iter().filter_map(warning);
    let estimates = not_finite.of_estimates(scores).into_iter();
    cells.chain(estimates.map(|message| format!("<p class=\"warning\">{}.</p>\n", text::html(&message)))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixtures::{example, example_with_failures};

    #[test]
    fn cells_without_a_score_are_announced() {
        let results = example();
        let (failures, not_finite) = (Failures::of(&results), NotFinite::of(&results));
        let html = missing(&results.grids[0], &failures, &not_finite);
        assert!(html.contains("1 of 96 cells are not finite (status 1): ") && html.contains("violet"), "{html}");
        assert_eq!(missing(&results.grids[1], &failures, &not_finite), "");
    }

    #[test]
    fn cells_that_failed_are_announced_with_the_reason_beside_those_without_a_score() {
        let results = example_with_failures();
        let html = missing(&results.grids[0], &Failures::of(&results), &NotFinite::of(&results));
        let failed = "3 of 96 cells failed (status 3): out of memory; no answer. They are dark grey.";
        assert!(html.contains(failed), "{html}");
        assert!(html.contains("1 of 96 cells are not finite"), "{html}");
    }

    #[test]
    fn estimates_that_are_no_numbers_are_announced() {
        let mut results = example();
        let scores = &mut results.grids[1];
        scores.estimate = scores.effect.clone();
        scores.estimate[3] = f32::NAN;
        let html = missing(&results.grids[1], &Failures::of(&results), &NotFinite::of(&results));
        assert!(html.starts_with("<p class=\"warning\">1 of 48 estimates are not finite: "), "{html}");
    }

    #[test]
    fn cells_of_each_kind_are_counted() {
        let mut scores = example_with_failures().grids.remove(0);
        for place in [40, 41, 42] {
            scores.status[place] = CellStatus::NoOp;
        }
        (scores.status[50], scores.status[51]) = (CellStatus::Pending, CellStatus::NotDrawn);
        let html = counted(&scores, &Statistics::of(&scores));
        assert!(html.contains("96 cells: 87 computed, "), "{html}");
        let rest = "; 1 not finite (1 %); 3 skipped as no-op (3 %); 3 failed (3 %); 1 not computed yet (1 %); \
                    1 not drawn by check or `verify` (1 %)</p>";
        assert!(html.contains(rest), "{html}");
    }
}
