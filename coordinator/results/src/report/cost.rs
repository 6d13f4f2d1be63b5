//! How long the sweep took, and what it would have taken with one forward pass per cell.

use std::fmt::Write as _;
use std::time::Duration;

use patchsweep_core::results::SweepResults;
use serde::Deserialize;

use super::text;

/// What of the manifest this is made from; of sweeps from before some field there is no section.
#[derive(Deserialize)]
struct Manifest {
    grids: Vec<Grid>,
    run: Run,
}

#[derive(Deserialize)]
struct Grid {
    name: String,
    cells: u64,
    noops: u64,
    multiply_adds: u64,
    multiply_adds_naive: f64,
}

#[derive(Deserialize)]
struct Run {
    seconds: f64,
    executed_multiply_adds: u64,
    workers: Vec<serde::de::IgnoredAny>,
}

/// Empty where the manifest does not say it.
pub(super) fn section(results: &SweepResults) -> String {
    serde_json::from_str(&results.manifest).map(|manifest| html(&manifest)).unwrap_or_default()
}

fn html(manifest: &Manifest) -> String {
    let mut rows = String::new();
    for grid in &manifest.grids {
        let (planned, naive) = (amount(grid.multiply_adds), scientific(grid.multiply_adds_naive));
        let (cells, noops, share) = (grid.cells, grid.noops, share(grid.noops, grid.cells));
        let (name, times) = (text::html(&grid.name), times(grid.multiply_adds_naive, grid.multiply_adds));
        let _ = writeln!(
            rows,
            "<tr><th scope=\"row\"><code>{name}</code></th><td class=\"n\">{cells}</td><td class=\"n\">{noops} ({share})</td>\
             <td class=\"n\">{planned}</td><td class=\"n\">{naive}</td><td class=\"n\">{times}</td></tr>"
        );
    }
    format!(
        "<section class=\"cost\">\n<h2>Cost</h2>\n<p>{}</p>\n<div class=\"wide\"><table>\n<thead><tr><th scope=\"col\">Grid</th>\
         <th scope=\"col\" class=\"n\">Cells</th><th scope=\"col\" class=\"n\">Skipped as no-ops</th>\
         <th scope=\"col\" class=\"n\">Multiply-adds</th><th scope=\"col\" class=\"n\">One pass per cell</th>\
         <th scope=\"col\" class=\"n\">Fewer by</th></tr></thead>\n<tbody>\n{rows}</tbody></table></div>\n</section>\n",
        sentence(manifest)
    )
}

fn sentence(manifest: &Manifest) -> String {
    let Manifest { grids, run } = manifest;
    let naive: f64 = grids.iter().map(|grid| grid.multiply_adds_naive).sum();
    let executed = run.executed_multiply_adds;
    if executed == 0 || run.seconds <= 0.0 {
        return "No tile is done yet.".to_owned();
    }
    let workers = match run.workers.len() {
        1 => "1 worker".to_owned(),
        count => format!("{count} workers"),
    };
    let rate = as_f64(executed) / run.seconds;
    format!(
        "It took {} with {workers}: {} multiply-adds, {} in a second. One forward pass per cell and prompt would be {} \
         multiply-adds and, estimated at the same rate, take {}.",
        duration(run.seconds),
        amount(executed),
        scientific(rate),
        scientific(naive),
        duration(naive / rate)
    )
}

fn share(part: u64, whole: u64) -> String {
    format!("{:.0} %", 100.0 * as_f64(part) / as_f64(whole.max(1)))
}

fn times(naive: f64, planned: u64) -> String {
    if planned == 0 { "–".to_owned() } else { format!("{:.1} ×", naive / as_f64(planned)) }
}

fn amount(multiply_adds: u64) -> String {
    scientific(as_f64(multiply_adds))
}

fn scientific(number: f64) -> String {
    let text = format!("{number:.1e}");
    match text.split_once('e') {
        Some((digits, exponent)) if number >= 1e4 => format!("{digits} · 10<sup>{exponent}</sup>"),
        _ => format!("{number:.0}"),
    }
}

#[expect(clippy::cast_precision_loss, reason = "two digits are shown")]
fn as_f64(count: u64) -> f64 {
    count as f64
}

fn duration(seconds: f64) -> String {
    if seconds < 60.0 {
        return format!("{seconds:.1} s");
    }
    let whole = Duration::try_from_secs_f64(seconds).unwrap_or(Duration::MAX).as_secs();
    let (days, hours, minutes) = (whole / 86400, whole / 3600 % 24, whole / 60 % 60);
    match (days, hours) {
        (0, 0) => format!("{minutes} min {} s", whole % 60),
        (0, hours) => format!("{hours} h {minutes} min"),
        (days, hours) => format!("{days} d {hours} h"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixtures::{example, manifest_of};

    #[test]
    fn what_a_pass_per_cell_would_take_is_estimated_from_the_measured_rate() {
        let mut results = example();
        results.manifest = manifest_of(&results);
        let html = section(&results);
        // 4e9 in 2 s, so 2e9 in a second; 8e10 for each of both grids.
        assert!(html.contains("It took 2.0 s with 1 worker: 4.0 · 10<sup>9</sup> multiply-adds"), "{html}");
        assert!(html.contains("estimated at the same rate, take 1 min 20 s."), "{html}");
        assert!(html.contains("<td class=\"n\">24 (25 %)</td>"), "{html}");
        assert!(html.contains("<td class=\"n\">40.0 ×</td>"), "{html}");
    }

    #[test]
    fn a_sweep_that_does_not_say_it_has_no_section() {
        assert_eq!(section(&example()), "");
    }

    #[test]
    fn a_sweep_without_a_result_has_no_rate() {
        let mut results = example();
        results.manifest =
            manifest_of(&results).replace("\"executed_multiply_adds\":4000000000", "\"executed_multiply_adds\":0");
        assert!(section(&results).contains("No tile is done yet."));
    }

    #[test]
    fn durations_are_shown_in_two_units() {
        assert_eq!(
            [0.24, 75.0, 3700.0, 90000.0, f64::INFINITY].map(duration)[..4],
            ["0.2 s", "1 min 15 s", "1 h 1 min", "1 d 1 h"]
        );
    }
}
