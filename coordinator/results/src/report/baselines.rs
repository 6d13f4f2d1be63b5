//! The table of clean and corrupted means, with their standard errors.

use std::fmt::Write as _;

use patchsweep_core::results::{Baseline, CellStatus, SweepResults};

use super::text;

pub(super) fn table(results: &SweepResults) -> String {
    let heads = "<th scope=\"col\">Metric</th><th scope=\"col\">Iteration</th><th scope=\"col\" class=\"n\">Clean</th>\
                 <th scope=\"col\" class=\"n\">Corrupted</th><th scope=\"col\" class=\"n\">Corrupted − clean</th>";
    let rows = rows(results);
    format!("<div class=\"wide\"><table>\n<thead><tr>{heads}</tr></thead>\n<tbody>\n{rows}</tbody>\n</table></div>\n")
}

fn rows(results: &SweepResults) -> String {
    let mut rows = String::new();
    for (metric, name) in results.metrics.iter().enumerate() {
        for (iteration, label) in results.iteration_labels.iter().enumerate() {
            let [clean, corrupted] = [&results.clean[metric], &results.corrupted[metric]];
            let cell = |value: f32, shown: String| match results.baseline_status(iteration, value) {
                CellStatus::Computed => shown,
                status => status.text().to_owned(),
            };
            let of_run =
                |run: &Baseline| cell(run.mean[iteration], text::effect(run.mean[iteration], run.stderr[iteration]));
            let difference = corrupted.mean[iteration] - clean.mean[iteration];
            let difference = cell(difference, text::number(difference, 4));
            let [clean, corrupted] = [clean, corrupted].map(of_run);
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixtures::{example, example_with_failures};

    #[test]
    fn each_iteration_has_its_baselines() {
        let rows = rows(&example());
        assert_eq!(rows.matches("<tr>").count(), 6);
        let first = "<td class=\"n\">3.218 ± 0.25</td><td class=\"n\">-2.337 ± 0.50</td><td class=\"n\">-5.555</td>";
        assert!(rows.contains(first), "{rows}");
    }

    #[test]
    fn a_baseline_that_failed_or_is_not_there_yet_says_so() {
        assert_eq!(
            rows(&example_with_failures()).matches("<td class=\"n\">failed</td>").count(),
            2 * 3,
            "both metrics"
        );
        let mut results = example();
        results.clean[0].mean[1] = f32::NAN;
        assert_eq!(rows(&results).matches("<td class=\"n\">not finite</td>").count(), 2, "and the difference");
        results.baselines[1] = CellStatus::Pending;
        assert_eq!(rows(&results).matches("<td class=\"n\">not computed yet</td>").count(), 2 * 3);
    }
}
