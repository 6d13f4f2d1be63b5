//! The section of each grid under each metric.

use std::fmt::Write as _;

use patchsweep_proto::results::{
    GridScores, STATUS_COMPUTED, STATUS_FAILED, STATUS_NOOP, STATUS_NOT_FINITE, STATUS_NOT_SAMPLED, STATUS_PENDING,
    SweepResults,
};

use super::maps::{Name, maps};
use super::{tables, text};
use crate::results::Failures;
use crate::results::figure::{Subject, View};
use crate::statistics::Statistics;

/// All grids, in at most some bytes as long as the tables alone take no more.
pub(super) fn sections(results: &SweepResults, budget: &mut usize) -> String {
    let failures = Failures::of(results);
    let statistics: Vec<_> = results.grids.iter().map(Statistics::of).collect();
    let texts: Vec<_> = results
        .grids
        .iter()
        .zip(&statistics)
        .map(|(scores, statistics)| {
            let notes = counted(scores, statistics) + &missing(results, scores, &failures);
            let lists = tables::lists(results, scores, statistics, "Strongest");
            [heading(results, scores), notes, lists]
        })
        .collect();
    *budget = budget.saturating_sub(texts.iter().flatten().map(String::len).sum());
    let mut html = String::new();
    for (number, (scores, statistics)) in results.grids.iter().zip(&statistics).enumerate() {
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
    format!(
        "<section class=\"grid\">\n<h2><code>{name}</code> <small>{component} over {axes}, effect on \
         <code>{metric}</code></small></h2>\n"
    )
}

/// How many cells there are of each kind.
fn counted(scores: &GridScores, statistics: &Statistics) -> String {
    let cells = scores.effect.len();
    let of = |status: u32| scores.status.iter().filter(|&&other| other == status).count();
    let significant = statistics.significant.iter().filter(|&&significant| significant == 1).count();
    let mut html = format!("<p class=\"counts\">{cells} cells: {} computed", of(STATUS_COMPUTED));
    if significant > 0 {
        let _ = write!(html, ", {significant} of them significant");
    }
    for (status, told) in [
        (STATUS_NOOP, "skipped as no-ops"),
        (STATUS_FAILED, "failed"),
        (STATUS_PENDING, "not computed yet"),
        (STATUS_NOT_SAMPLED, "not drawn by the check"),
        (STATUS_NOT_FINITE, "not a number"),
    ] {
        let count = of(status);
        if count > 0 {
            let _ = write!(html, "; {count} {told} ({})", text::percent(count, cells));
        }
    }
    html.push_str("</p>\n");
    html
}

/// Why cells have no score.
fn missing(results: &SweepResults, scores: &GridScores, failures: &Failures) -> String {
    let mut html = String::new();
    if let Some(told) = failures.of_grid(scores) {
        let _ = writeln!(html, "<p class=\"warning\">{}. They are dark grey.</p>", text::html(&told));
    }
    let without = scores.status.iter().filter(|&&status| status == STATUS_NOT_FINITE).count();
    if without > 0 {
        let name = text::html(&results.tensor_name(scores));
        let _ = writeln!(
            html,
            "<p class=\"warning\">{without} of {} cells are no finite number (status {STATUS_NOT_FINITE} in \
             <code>{name}.status</code>): an overflow, say. They are violet.</p>",
            scores.effect.len()
        );
    }
    html
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::results::example::{example, example_with_failures};

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
        assert!(
            html.contains("3 of 96 cells failed (status 3): out of memory; no answer. They are dark grey."),
            "{html}"
        );
        assert!(html.contains("1 of 96 cells are no finite number"), "{html}");
    }

    #[test]
    fn cells_of_each_kind_are_counted() {
        let mut scores = example_with_failures().grids.remove(0);
        for place in [40, 41, 42] {
            scores.status[place] = STATUS_NOOP;
        }
        scores.status[50] = STATUS_PENDING;
        let html = counted(&scores, &Statistics::of(&scores));
        assert!(html.contains("96 cells: 88 computed, "), "{html}");
        let rest = "; 3 skipped as no-ops (3 %); 3 failed (3 %); 1 not computed yet (1 %); 1 not a number (1 %)</p>";
        assert!(html.contains(rest), "{html}");
    }
}
