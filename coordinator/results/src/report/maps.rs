//! The heat maps of a grid, with a switch between what they show.

use std::fmt::Write as _;

use patchsweep_core::results::GridScores;

use super::pointer::{self, Detail};
use super::text;
use crate::figure::{Cells, Drawable, Figure, Subject, View, svg};

/// With more cells, a picture of pixels is much smaller than rectangles.
const MOST_RECTANGLES: usize = 2500;

/// What a figure is of, for scripts and for tests.
pub(super) struct Name<'a> {
    /// Unique on the page.
    pub(super) id: String,
    /// As in the spec.
    pub(super) metric: &'a str,
    /// `heatmap`, and more.
    pub(super) class: &'a str,
}

/// The figure in at most some bytes, which are subtracted; what is too large loses details first, then views.
pub(super) fn maps(subject: Subject<'_>, views: &[View], name: &Name<'_>, budget: &mut usize) -> String {
    let only_effect = &views[..1];
    let attempts = [
        (views, Some(Detail::Full)),
        (views, Some(Detail::Effect)),
        (only_effect, Some(Detail::Effect)),
        (only_effect, None),
    ];
    for (views, detail) in attempts {
        // Not made to be thrown away, where that is clear beforehand.
        if detail.is_some_and(|detail| detail.bytes(subject.scores) > *budget) {
            continue;
        }
        let html = figure(subject, views, name, detail);
        if html.len() <= *budget {
            *budget -= html.len();
            return html;
        }
    }
    "<p class=\"warning\">The heat maps of this grid are too large for this page; the tensors have all cells, and \
     <code>patchsweep report --png</code> or <code>--svg</code> draws them.</p>\n"
        .to_owned()
}

fn figure(subject: Subject<'_>, views: &[View], name: &Name<'_>, detail: Option<Detail>) -> String {
    let Name { id, metric, class } = name;
    let (grid, metric) = (text::html(&subject.scores.grid), text::html(metric));
    let mut html = format!("<figure class=\"{class}\" id=\"{id}\" data-grid=\"{grid}\" data-metric=\"{metric}\">\n");
    for (number, &view) in views.iter().enumerate().filter(|_| views.len() > 1) {
        let (key, label) = (view.key(), label(view, subject));
        let checked = if number == 0 { " checked" } else { "" };
        let _ = writeln!(
            html,
            "<input type=\"radio\" name=\"{id}\" id=\"{id}-{key}\" class=\"pick-{key}\"{checked}>\
             <label for=\"{id}-{key}\">{label}</label>"
        );
    }
    html.push_str("<div class=\"views\">\n");
    let mut drawn = None;
    for &view in views {
        let figure = Figure::new(subject, view, false, Drawable::All);
        let cells = if figure.cells() > MOST_RECTANGLES { Cells::Picture } else { Cells::Rectangles };
        let _ = writeln!(html, "<div class=\"view {}\">\n{}</div>", view.key(), svg(&figure, cells));
        drawn.get_or_insert(figure);
    }
    html.push_str("</div>\n");
    if let (Some(figure), Some(detail)) = (drawn, detail) {
        html.push_str(&data(&figure, subject, detail));
    }
    html.push_str("</figure>\n");
    html
}

fn data(figure: &Figure, subject: Subject<'_>, detail: Detail) -> String {
    let scores: &GridScores = subject.scores;
    pointer::data(figure, scores, subject.statistics, (subject.quantity, detail))
}

fn label(view: View, subject: Subject<'_>) -> String {
    match view {
        View::Effect => {
            let mut letters = subject.quantity.chars();
            letters.next().map(|first| first.to_uppercase().chain(letters).collect()).unwrap_or_default()
        }
        View::Value => "Value".to_owned(),
        View::Normalized => "Normalized".to_owned(),
        View::Significance => "Significance".to_owned(),
        View::Estimate => "Estimate".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixtures::example;
    use crate::statistics::Statistics;

    #[test]
    fn a_figure_that_does_not_fit_is_left_out_with_a_word() {
        let results = example();
        let scores = &results.grids[0];
        let subject = Subject { results: &results, scores, statistics: &Statistics::of(scores), quantity: "effect" };
        let name = Name { id: "heatmap-0".to_owned(), metric: "logit_diff", class: "heatmap" };
        let fitted = |mut budget| {
            let html = maps(subject, &View::of(scores), &name, &mut budget);
            (html, budget)
        };
        let (whole, left) = fitted(1_000_000);
        assert_eq!(left, 1_000_000 - whole.len());
        let (less, left) = fitted(whole.len() - 1);
        assert!(whole.contains("\"low\":") && !less.contains("\"low\":") && less.contains("\"stderr\":"));
        assert_eq!(left, whole.len() - 1 - less.len());
        assert!(fitted(5000).0.contains("too large for this page"));
    }
}
