//! `report.html`: one page that needs no network.

mod axes;
mod figure;
mod layout;
mod plane;
mod sections;
mod text;

use patchsweep_proto::results::SweepResults;

use super::tensors::{TensorError, tensors};

/// Most bytes of a page; what does not fit is left out of the heat maps, never out of the tables.
const MAX_BYTES: usize = 6_000_000;

const PAGE: &str = include_str!("page.html");
const STYLE: &str = include_str!("style.css");
const SCRIPT: &str = include_str!("page.js");

/// Why there is no page.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ReportError {
    /// The results contradict themselves.
    #[error(transparent)]
    Tensors(#[from] TensorError),
    /// The plotting library has another form than it had.
    #[error("the plotting library carries no script")]
    NoScript,
}

/// The page of a finished sweep; equal results give equal pages.
pub fn report_html(results: &SweepResults) -> Result<String, ReportError> {
    // What is a set of tensors can be indexed by its labels.
    tensors(results)?;
    let library = plotly::Plot::offline_js_sources();
    let library = plotly_script(&library).ok_or(ReportError::NoScript)?;

    let name = text::html(if results.name.is_empty() { "sweep" } else { &results.name });
    let baselines = sections::baselines(results);
    let fixed = PAGE.len() + STYLE.len() + SCRIPT.len() + library.len() + baselines.len() + 2 * name.len();
    let body = sections::grids(results, MAX_BYTES.saturating_sub(fixed));
    Ok(text::fill(PAGE, |slot| match slot {
        "name" => &name,
        "style" => STYLE,
        "baselines" => &baselines,
        "grids" => &body,
        "library" => library,
        "script" => SCRIPT,
        _ => "",
    }))
}

/// The library brings a typesetter for formulas along, which labels do not need.
fn plotly_script(sources: &str) -> Option<&str> {
    let scripts =
        sources.split("</script>").filter_map(|script| script.split_once("<script type=\"text/javascript\">"));
    let mut texts = scripts.map(|(_, text)| text);
    texts.find(|text| text.contains("plotly.js v"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::results::example::{example, grid};

    #[test]
    fn the_page_is_small_whole_and_needs_no_network() {
        let page = report_html(&example()).expect("a page");
        assert!(page.len() < MAX_BYTES, "{}", page.len());
        assert!(page.starts_with("<!DOCTYPE html>") && page.trim_end().ends_with("</html>"));
        assert_eq!(page.matches("plotly.js v").count(), 1);
        assert_eq!(page.matches("class=\"figure\"").count(), 4);
        for outside in ["<script src", "<link rel=\"stylesheet\"", "MathJax.js", "{{"] {
            let page = page.replace(plotly_script(&plotly::Plot::offline_js_sources()).expect("a script"), "");
            assert!(!page.contains(outside), "{outside}");
        }
    }

    #[test]
    fn labels_cannot_leave_their_place() {
        let evil = "</script><b onload=\"x\">{{library}}&amp;";
        let mut results = example();
        results.name = evil.to_owned();
        results.iteration_labels[0] = evil.to_owned();
        results.token_labels[2] = evil.to_owned();
        results.metrics[0] = evil.to_owned();
        for scores in &mut results.grids {
            scores.grid = format!("{}{evil}", scores.grid);
        }
        let page = report_html(&results).expect("a page");
        let usual = report_html(&example()).expect("a page");
        for mark in ["</script", "<script", "<b", "plotly.js v"] {
            assert_eq!(page.matches(mark).count(), usual.matches(mark).count(), "{mark}");
        }
    }

    #[test]
    fn a_sweep_too_large_for_a_page_still_has_one() {
        let mut results = example();
        results.grids = vec![grid("z", &["layer", "pos", "head"], &[24, 400, 16])];
        let page = report_html(&results).expect("a page");
        assert!(page.len() <= MAX_BYTES, "{}", page.len());
        assert!(page.contains("too large for this page"));
        assert!(page.contains("<table"));
    }

    #[test]
    fn contradictory_results_are_refused() {
        let mut results = example();
        results.grids[0].effect.pop();
        assert!(matches!(report_html(&results), Err(ReportError::Tensors(TensorError::Length { .. }))));
    }
}
