//! Lists of the strongest cells.

use std::fmt::Write as _;

use patchsweep_core::results::{GridScores, SweepResults};

use super::text;
use crate::statistics::Statistics;
use crate::{TopCell, cell_label, top_cells};

/// Rows of a list.
pub(super) const TOP: usize = 5;

/// One list per iteration. `caption`: what their cells are.
pub(super) fn lists(results: &SweepResults, scores: &GridScores, statistics: &Statistics, caption: &str) -> String {
    let labels = results.iteration_labels.iter().enumerate();
    let list = |(iteration, label): (usize, &String)| {
        let cells = top_cells(scores, statistics, iteration, TOP);
        let rows: String = cells.iter().map(|cell| row(results, scores, iteration, cell)).collect();
        let between = if scores.between.is_empty() { "" } else { "<th scope=\"col\" class=\"n\">replicates</th>" };
        let label = text::html(label);
        format!(
            "<table class=\"top\"><caption>{caption}: {label}</caption>\n<thead><tr><th scope=\"col\">cell</th>\
             <th scope=\"col\" class=\"n\">mean ± s.e.</th><th scope=\"col\" class=\"n\">95 % interval</th>{between}\
             </tr></thead><tbody>\n{rows}</tbody></table>\n"
        )
    };
    let lists: String = labels.map(list).collect();
    // Positions have long names, and replicates a column more.
    let is_narrow = scores.between.is_empty() && scores.axes == ["layer", "head"];
    let class = if is_narrow { "lists" } else { "lists wider" };
    format!("<div class=\"{class}\">\n{lists}</div>\n")
}

fn row(results: &SweepResults, scores: &GridScores, iteration: usize, cell: &TopCell) -> String {
    let name = text::html(&cell_label(scores, &cell.indices, &results.token_labels));
    let sign = if cell.effect < 0.0 {
        " low"
    } else if cell.effect > 0.0 {
        " high"
    } else {
        ""
    };
    let effect = text::effect(cell.effect, cell.stderr);
    let interval = text::interval(cell.low, cell.high);
    let mark = if cell.is_significant { "<abbr title=\"significant\">*</abbr>" } else { "" };
    let mut html = format!(
        "<tr><td>{name}</td><td class=\"n{sign}\">{effect}</td><td class=\"n interval\">{interval}<span>{mark}</span></td>"
    );
    if let Some(between) = scores.between.get(iteration * scores.cells() + place(scores, &cell.indices)) {
        let spread = if between.is_nan() { String::new() } else { text::number(*between, 3) };
        let _ = write!(html, "<td class=\"n\">{spread}</td>");
    }
    html.push_str("</tr>\n");
    html
}

/// Row-major place of a cell in its iteration.
fn place(scores: &GridScores, indices: &[u32]) -> usize {
    scores.indices.iter().zip(indices).fold(0, |place, (along, index)| {
        place * along.len() + along.iter().position(|other| other == index).unwrap_or(0)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixtures::example;

    #[test]
    fn lists_hold_the_strongest_cells_with_their_signs_and_intervals() {
        let results = example();
        let z = &results.grids[1];
        let html = lists(&results, z, &Statistics::of(z), "Strongest");
        assert_eq!(html.matches("<table").count(), 3);
        assert_eq!(html.matches("<tr><td>").count(), 3 * TOP);
        assert!(html.contains("<td>0.0</td><td class=\"n low\">-4.000 ± 0.16</td>"), "{html}");
        assert!(html.contains("[-4.31, -3.69]<span><abbr title=\"significant\">*</abbr></span>"), "{html}");
        assert!(!html.contains("replicates"));
    }

    #[test]
    fn the_spread_between_replicates_stands_beside_that_between_prompts() {
        let mut results = example();
        let z = &mut results.grids[1];
        z.between = vec![0.5; z.effect.len()];
        z.between[0] = 0.25;
        let z = &results.grids[1];
        let html = lists(&results, z, &Statistics::of(z), "Strongest");
        assert!(html.contains("<div class=\"lists wider\">") && html.contains("replicates"));
        assert_eq!(html.matches("<td class=\"n\">0.25</td>").count(), 1, "{html}");
    }

    #[test]
    fn places_are_those_of_restricted_grids_too() {
        let mut grid = example().grids.remove(1);
        grid.indices = vec![vec![8, 9], vec![1, 5, 11]];
        assert_eq!(place(&grid, &[9, 5]), 4);
    }
}
