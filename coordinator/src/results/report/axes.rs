//! Axes and titles of facets.

use serde_json::{Map, Value, json};

use super::layout::{Domain, Layout};
use super::plane::Side;
use super::text;

/// The iteration above its facet.
pub(super) fn facet_title(label: &str, layout: &Layout, domain: &Domain) -> Value {
    let label = text::html(&text::short(label, layout.title_chars()));
    json!({
        "text": format!("<b>{label}</b>"), "showarrow": false, "font": {"size": 13},
        "xref": "paper", "x": f64::midpoint(domain.x[0], domain.x[1]), "xanchor": "center",
        "yref": "paper", "y": domain.y[1], "yanchor": "bottom", "yshift": 4,
    })
}

/// The name of the horizontal axis, as a text: plotly moves the title of an axis out of the way of turned ticks, and in
/// doing so sometimes out of sight.
pub(super) fn columns_title(side: &Side, layout: &Layout, domain: &Domain) -> Value {
    json!({
        "text": side.title, "showarrow": false, "font": {"size": 13},
        "xref": "paper", "x": f64::midpoint(domain.x[0], domain.x[1]), "xanchor": "center",
        "yref": "paper", "y": domain.y[0], "yanchor": "bottom", "yshift": -shift(layout.below),
    })
}

fn shift(pixels: usize) -> i64 {
    i64::try_from(pixels).unwrap_or(i64::MAX)
}

fn axis(side: &Side, pixels: usize) -> Map<String, Value> {
    let ticks: Vec<_> = side.ticks_within(pixels, Layout::tick_pixels()).collect();
    Map::from_iter([
        ("type".to_owned(), json!("category")),
        ("tickmode".to_owned(), json!("array")),
        ("tickvals".to_owned(), ticks.iter().map(|tick| json!(side.names[tick.at])).collect()),
        ("ticktext".to_owned(), ticks.iter().map(|tick| json!(tick.text)).collect()),
        ("ticks".to_owned(), json!("outside")),
        ("ticklen".to_owned(), json!(4)),
        ("tickcolor".to_owned(), json!("rgba(0,0,0,0)")),
        ("showgrid".to_owned(), json!(false)),
        ("zeroline".to_owned(), json!(false)),
    ])
}

/// A facet's horizontal axis.
pub(super) fn columns(side: &Side, layout: &Layout, facet: usize, domain: &Domain) -> Value {
    let mut axis = axis(side, layout.facet_width);
    let edge = edge(side);
    axis.insert("range".to_owned(), json!([-0.5, edge]));
    axis.insert("domain".to_owned(), json!(domain.x));
    axis.insert("anchor".to_owned(), json!(axis_name("y", facet)));
    axis.insert("tickangle".to_owned(), json!(if layout.turned { -45 } else { 0 }));
    if facet > 0 {
        axis.insert("matches".to_owned(), json!("x"));
    }
    axis.into()
}

/// A facet's vertical axis; only the first of a row is labelled.
pub(super) fn rows(side: &Side, layout: &Layout, facet: usize, domain: &Domain) -> Value {
    let mut axis = axis(side, layout.facet_height);
    // The first row is at the top, as in an image.
    axis.insert("range".to_owned(), json!([edge(side), -0.5]));
    axis.insert("domain".to_owned(), json!(domain.y));
    axis.insert("anchor".to_owned(), json!(axis_name("x", facet)));
    if facet > 0 {
        axis.insert("matches".to_owned(), json!("y"));
    }
    axis.insert("showticklabels".to_owned(), json!(domain.first));
    if domain.first {
        axis.insert("title".to_owned(), json!({"text": side.title, "standoff": 8, "font": {"size": 13}}));
    }
    axis.into()
}

fn edge(side: &Side) -> f64 {
    f64::from(u32::try_from(side.names.len()).unwrap_or(u32::MAX)) - 0.5
}

/// `x`, `x2`, `x3` in traces, `xaxis`, `xaxis2`, `xaxis3` in layouts.
pub(super) fn axis_name(axis: &str, facet: usize) -> String {
    if facet == 0 { axis.to_owned() } else { format!("{axis}{}", facet + 1) }
}
