//! The table of clean and corrupted means.

use std::fmt::Write as _;

use patchsweep_core::results::{CellStatus, SweepResults};

use super::text;

pub(super) fn rows(results: &SweepResults) -> String {
    let mut rows = String::new();
    for (metric, name) in results.metrics.iter().enumerate() {
        for (iteration, label) in results.iteration_labels.iter().enumerate() {
            let (clean, corrupted) = (results.clean[metric][iteration], results.corrupted[metric][iteration]);
            let cell = |value: f32| match results.baseline_status(iteration, value) {
                CellStatus::Computed => text::number(value, 4),
                status => status.text().to_owned(),
            };
            let [clean, corrupted, difference] = [clean, corrupted, corrupted - clean].map(cell);
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
        assert!(rows.contains("<td class=\"n\">3.218</td><td class=\"n\">-2.337</td><td class=\"n\">-5.555</td>"));
    }

    #[test]
    fn a_baseline_that_failed_or_is_not_there_yet_says_so() {
        assert_eq!(
            rows(&example_with_failures()).matches("<td class=\"n\">failed</td>").count(),
            2 * 3,
            "both metrics"
        );
        let mut results = example();
        results.clean[0][1] = f32::NAN;
        assert_eq!(rows(&results).matches("<td class=\"n\">not finite</td>").count(), 2, "and the difference");
        results.baselines[1] = CellStatus::Pending;
        assert_eq!(rows(&results).matches("<td class=\"n\">not computed yet</td>").count(), 2 * 3);
    }
}
