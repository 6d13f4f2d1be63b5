//! `report.html`: one page that needs no network, and no JavaScript but for what is shown under the pointer.

mod against;
mod baselines;
mod cost;
mod grid;
mod maps;
mod pointer;
mod tables;
mod tokens;
mod warnings;

use super::analysed::Analysed;
use super::difference::Compared;
use super::statuses::statuses;
use super::text;

/// Most bytes of a page; what does not fit is left out of the heat maps, never out of the tables.
const MAX_BYTES: usize = 6_000_000;

const PAGE: &str = include_str!("page.html");
const STYLE: &str = include_str!("style.css");
const SCRIPT: &str = include_str!("pointer.js");

/// The page of a sweep, ended or not; equal results give equal pages.
///
/// `against`: what differs from another sweep.
#[must_use]
pub fn report_html(analysed: &Analysed<'_>, against: Option<&Compared<'_>>) -> String {
    let results = analysed.results();
    let name = text::html(if results.name.is_empty() { "sweep" } else { &results.name });
    let baselines = baselines::table(results);
    let (cost, warnings) = (cost::section(results), warnings::section(results));
    let tokens = tokens::section(results);
    let statuses = text::script_json(&statuses());
    let sections = [PAGE, STYLE, SCRIPT, &cost, &warnings, &tokens, &baselines, &statuses];
    let fixed = sections.map(str::len).into_iter().sum::<usize>() + 2 * name.len();
    let mut budget = MAX_BYTES.saturating_sub(fixed);
    let differences = against.map(|compared| against::section(compared, &mut budget)).unwrap_or_default();
    let body = grid::sections(analysed, &mut budget);
    text::fill(PAGE, |slot| match slot {
        "name" => &name,
        "style" => STYLE,
        "warnings" => &warnings,
        "baselines" => &baselines,
        "tokens" => &tokens,
        "cost" => &cost,
        "differences" => &differences,
        "grids" => &body,
        "statuses" => &statuses,
        "script" => SCRIPT,
        _ => "",
    })
}

#[cfg(test)]
mod tests;
