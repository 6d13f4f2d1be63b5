//! `report.html`: one page that needs no network, and no JavaScript but for what is told under the pointer.

mod against;
mod baselines;
mod cost;
mod grid;
mod maps;
mod pointer;
mod tables;
mod tokens;
mod warnings;

use patchsweep_proto::results::SweepResults;

use super::tensors::{TensorError, tensors};
use super::text;

/// Most bytes of a page; what does not fit is left out of the heat maps, never out of the tables.
const MAX_BYTES: usize = 6_000_000;

const PAGE: &str = include_str!("page.html");
const STYLE: &str = include_str!("style.css");
const SCRIPT: &str = include_str!("pointer.js");

/// Why there is no page.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ReportError {
    /// The results contradict themselves.
    #[error(transparent)]
    Tensors(#[from] TensorError),
}

/// The page of a sweep, ended or not; equal results give equal pages.
///
/// `against`: another sweep, for what differs from it.
pub fn report_html(results: &SweepResults, against: Option<&SweepResults>) -> Result<String, ReportError> {
    // What is a set of tensors can be indexed by its labels.
    for sweep in [Some(results), against].into_iter().flatten() {
        tensors(sweep)?;
    }
    let name = text::html(if results.name.is_empty() { "sweep" } else { &results.name });
    let baselines = baselines::rows(results);
    let (cost, warnings) = (cost::section(results), warnings::section(results));
    let tokens = tokens::section(results);
    let sections = cost.len() + warnings.len() + tokens.len() + baselines.len();
    let fixed = PAGE.len() + STYLE.len() + SCRIPT.len() + sections + 2 * name.len();
    let mut budget = MAX_BYTES.saturating_sub(fixed);
    let differences = against.map(|other| against::section(results, other, &mut budget)).unwrap_or_default();
    let body = grid::sections(results, &mut budget);
    Ok(text::fill(PAGE, |slot| match slot {
        "name" => &name,
        "style" => STYLE,
        "warnings" => &warnings,
        "baselines" => &baselines,
        "tokens" => &tokens,
        "cost" => &cost,
        "differences" => &differences,
        "grids" => &body,
        "script" => SCRIPT,
        _ => "",
    }))
}

#[cfg(test)]
mod tests;
