//! What differs from another sweep.

use std::fmt::Write as _;

use super::maps::{Name, maps};
use super::{baselines, tables, text};
use crate::difference::{Compared, Difference, Pairing};
use crate::figure::{Subject, View};

/// The differences of all grids that both have, in at most some bytes as long as the tables alone take no more.
pub(super) fn section(compared: &Compared<'_>, budget: &mut usize) -> String {
    let (difference, analysed) = (compared.difference(), compared.analysed());
    let [first, second] = difference.names.each_ref().map(|name| text::html(name));
    let mut html = format!(
        "<section class=\"differences\">\n<h2>Differences <small>{first} − {second}</small></h2>\n<p class=\"counts\">Effects of \
         the first sweep minus those of the second. Blue: larger in the first.</p>\n{}{}",
        remarks(difference),
        of_baselines(difference)
    );
    *budget = budget.saturating_sub(html.len());
    let subtracted = analysed.results();
    for (number, ((scores, statistics), &pairing)) in analysed.grids().zip(&difference.pairings).enumerate() {
        let metric = &subtracted.metrics[scores.metric];
        let subject = Subject { results: subtracted, scores, statistics, quantity: "difference" };
        let (grid, shown) = (text::html(&scores.grid), text::html(metric));
        let lists = tables::lists(subtracted, scores, statistics, "Largest differences");
        let heading =
            format!("<h3><code>{grid}</code> <small>difference of effects on <code>{shown}</code></small></h3>\n");
        let counts = format!("<p class=\"counts\">{}</p>\n", explained(pairing));
        *budget = budget.saturating_sub(heading.len() + counts.len() + lists.len());
        let name = Name { id: format!("difference-{number}"), metric, class: "heatmap difference" };
        let figure = maps(subject, &[View::Effect, View::Significance], &name, budget);
        html.extend([heading, counts, figure, lists]);
    }
    html.push_str("</section>\n");
    html
}

/// Clean and corrupted means, of what both have.
fn of_baselines(difference: &Difference) -> String {
    let results = &difference.results;
    let is_empty = results.metrics.is_empty() || results.iteration_labels.is_empty();
    if is_empty { String::new() } else { format!("<h3>Difference of baselines</h3>\n{}", baselines::table(results)) }
}

fn remarks(difference: &Difference) -> String {
    let mut html = String::new();
    if difference.results.grids.is_empty() || difference.results.iteration_labels.is_empty() {
        html.push_str("<p class=\"warning\">The sweeps have no grid of one name, with the same axes, in common.</p>\n");
    }
    if !difference.remarks.is_empty() {
        html.push_str("<div class=\"warning\"><p>The sweeps are not alike:</p><ul class=\"remarks\">\n");
        for remark in &difference.remarks {
            let _ = writeln!(html, "<li>{}</li>", text::html(remark));
        }
        html.push_str("</ul></div>\n");
    }
    html
}

fn explained(pairing: Pairing) -> &'static str {
    match pairing {
        Pairing::Paired => {
            "Standard errors are paired: both sweeps have the same prompts, and kept the effect on each of them."
        }
        Pairing::Independent => {
            "Standard errors are those of independent samples. If both sweeps have the same prompts, they are usually too \
             large; <code>per_prompt = true</code> in both specs makes them paired."
        }
    }
}
