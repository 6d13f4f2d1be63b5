//! Heat maps of one grid under one metric, as plotly reads them.

use patchsweep_proto::results::{GridScores, STATUS_FAILED, STATUS_NOOP, SweepResults};
use serde_json::{Map, Value, json};

use super::axes::{axis_name, columns, columns_title, facet_title, rows};
use super::layout::{Layout, RIGHT, TOP};
use super::plane::Plane;
use super::text;
use crate::results::colour::RED_WHITE_BLUE;

/// Under cells without a score.
const GREY: &str = "#b9b9b9";
const INK: &str = "#222";

/// How much is told of a cell under the pointer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Detail {
    /// Effect, standard error, patched metric, number of prompts.
    Full,
    /// The effect.
    Effect,
}

impl Detail {
    /// Bytes that a cell takes at least.
    pub(super) fn least_bytes(self) -> usize {
        match self {
            Self::Full => r#"0,["0","0",0],"#.len(),
            Self::Effect => "0,".len(),
        }
    }
}

/// A figure, and the room that it wants.
pub(super) struct Figure {
    /// `data` and `layout`.
    pub(super) json: Value,
    /// Pixels, where the page has them.
    pub(super) width: usize,
    /// Pixels.
    pub(super) height: usize,
}

/// One heat map per iteration, all with one range of colours.
pub(super) fn figure(results: &SweepResults, scores: &GridScores, detail: Detail) -> Figure {
    let plane = Plane::new(scores, &results.token_labels);
    let layout = Layout::new(&plane, results.iteration_labels.len());
    let facets = results.iteration_labels.iter().zip(layout.domains()).enumerate();

    let mut data = Vec::new();
    let mut annotations = Vec::new();
    let mut page = base(scores, &layout);
    for (iteration, (label, domain)) in facets {
        data.push(heat_map(scores, &plane, iteration, &text::html(label), detail));
        annotations.push(facet_title(label, &layout, &domain));
        annotations.push(columns_title(&plane.columns, &layout, &domain));
        page.insert(axis_name("xaxis", iteration), columns(&plane.columns, &layout, iteration, &domain));
        page.insert(axis_name("yaxis", iteration), rows(&plane.rows, &layout, iteration, &domain));
    }
    page.insert("annotations".to_owned(), annotations.into());
    Figure { json: json!({"data": data, "layout": page}), width: layout.width(), height: layout.height() }
}

/// The largest effect by magnitude, so that zero is white and all facets compare.
fn range(scores: &GridScores) -> f32 {
    let largest = scores.effect.iter().map(|effect| effect.abs()).filter(|effect| effect.is_finite());
    let largest = largest.fold(0.0, f32::max);
    if largest > 0.0 { largest } else { 1.0 }
}

fn base(scores: &GridScores, layout: &Layout) -> Map<String, Value> {
    // Plotly's own scale of that name runs the other way.
    let stops = (0_u8..).zip(RED_WHITE_BLUE);
    let stops: Vec<_> =
        stops.map(|(stop, [r, g, b])| json!([f64::from(stop) / 10.0, format!("rgb({r},{g},{b})")])).collect();
    let range = f64::from(range(scores));
    let font = json!({"family": "system-ui, 'Segoe UI', Roboto, 'DejaVu Sans', sans-serif", "size": 12, "color": INK});
    let bar = json!({
        "title": {"text": "effect", "side": "top"},
        "thickness": 14, "outlinewidth": 0, "xpad": 12,
        "lenmode": "pixels", "len": layout.facet_height, "yanchor": "top", "y": 1.0, "ypad": 0, "nticks": 7,
    });
    Map::from_iter([
        ("font".to_owned(), font),
        ("margin".to_owned(), json!({"l": layout.left, "r": RIGHT, "t": TOP, "b": layout.below})),
        ("paper_bgcolor".to_owned(), json!("#fff")),
        ("plot_bgcolor".to_owned(), json!(GREY)),
        ("hoverlabel".to_owned(), json!({"align": "left"})),
        ("dragmode".to_owned(), json!("zoom")),
        ("coloraxis".to_owned(), json!({"cmin": -range, "cmax": range, "colorscale": stops, "colorbar": bar})),
    ])
}

fn heat_map(scores: &GridScores, plane: &Plane, iteration: usize, label: &str, detail: Detail) -> Value {
    let cells = scores.cells();
    let start = iteration * cells;
    let columns = plane.columns.names.len();
    let grid = |value: &dyn Fn(usize) -> Value| -> Vec<Value> {
        let row = |row: usize| (0..columns).map(|column| value(start + plane.cell(row, column))).collect();
        (0..plane.rows.names.len()).map(row).collect()
    };
    let mut trace = json!({
        "type": "heatmap",
        "name": label,
        "x": plane.columns.names,
        "y": plane.rows.names,
        "z": grid(&|cell| text::json_number(scores.effect[cell])),
        "xaxis": axis_name("x", iteration),
        "yaxis": axis_name("y", iteration),
        "coloraxis": "coloraxis",
        "hovertemplate": hover(plane, detail, !scores.normalized.is_empty()),
        "hoverongaps": detail == Detail::Full,
    });
    if detail == Detail::Full {
        trace["customdata"] = grid(&|cell| told(scores, cell)).into();
    }
    trace
}

fn told(scores: &GridScores, cell: usize) -> Value {
    let effect = match scores.status[cell] {
        STATUS_NOOP => "0 (no-op)".to_owned(),
        STATUS_FAILED => "not computed (failed)".to_owned(),
        _ => text::effect(scores.effect[cell], scores.stderr[cell]),
    };
    let number = |value: f32, digits| if value.is_nan() { "none".to_owned() } else { text::number(value, digits) };
    let value = number(scores.value[cell], 4);
    match scores.normalized.get(cell) {
        Some(&normalized) => json!([effect, value, scores.count[cell], number(normalized, 3)]),
        None => json!([effect, value, scores.count[cell]]),
    }
}

fn hover(plane: &Plane, detail: Detail, normalized: bool) -> String {
    let cell = if plane.columns.title.is_empty() { "%{y}" } else { "%{y}, %{x}" };
    match detail {
        Detail::Full => {
            let normalized = if normalized { "<br>normalized %{customdata[3]}" } else { "" };
            format!(
                "<b>{cell}</b><br>effect %{{customdata[0]}}<br>patched metric %{{customdata[1]}}{normalized}\
                 <br>prompts %{{customdata[2]}}<extra>%{{fullData.name}}</extra>"
            )
        }
        Detail::Effect => format!("<b>{cell}</b><br>effect %{{z:.4g}}<extra>%{{fullData.name}}</extra>"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::results::example::{example, example_with_failures, grid};

    fn full(results: &SweepResults) -> Value {
        figure(results, &results.grids[0], Detail::Full).json
    }

    #[test]
    fn the_range_is_symmetric_and_the_same_over_facets() {
        let mut results = example();
        results.grids[0].effect[95] = 7.5;
        let json = full(&results);
        let colours = &json["layout"]["coloraxis"];
        assert_eq!((colours["cmin"].as_f64(), colours["cmax"].as_f64()), (Some(-7.5), Some(7.5)));
        let data = json["data"].as_array().expect("traces");
        assert_eq!(data.len(), 3);
        assert!(data.iter().all(|trace| trace["coloraxis"] == "coloraxis"));
    }

    #[test]
    fn red_is_low_and_zero_is_white() {
        let json = full(&example());
        let stops = json["layout"]["coloraxis"]["colorscale"].as_array().expect("stops").clone();
        assert_eq!(stops.len(), 11);
        assert_eq!(stops[0], json!([0.0, "rgb(103,0,31)"]));
        assert_eq!(stops[5], json!([0.5, "rgb(247,247,247)"]));
        assert_eq!(stops[10], json!([1.0, "rgb(5,48,97)"]));
    }

    #[test]
    fn effects_of_nothing_and_of_nothing_finite_have_a_range() {
        let mut scores = grid("z", &["layer", "head"], &[4, 4]);
        scores.effect.fill(0.0);
        assert!((range(&scores) - 1.0).abs() < f32::EPSILON);
        scores.effect.fill(f32::NAN);
        assert!((range(&scores) - 1.0).abs() < f32::EPSILON);
    }

    #[test]
    fn layer_zero_is_at_the_top_and_a_missing_score_is_a_gap() {
        let json = full(&example());
        assert_eq!(json["layout"]["yaxis"]["range"], json!([3.5, -0.5]));
        assert_eq!(json["data"][0]["z"][2][1], Value::Null);
        assert_eq!(json["data"][0]["customdata"][2][1], json!(["no score", "none", 0]));
    }

    #[test]
    fn each_cell_is_at_its_place() {
        let results = example();
        let json = full(&results);
        let effect = results.grids[0].effect[2 * 32 + 3 * 8 + 5];
        assert_eq!(json["data"][2]["z"][3][5], text::json_number(effect));
        assert_eq!(json["data"][2]["x"][5], "pos 5: &#39; (&#39;");
        assert_eq!(json["data"][2]["xaxis"], "x3");
        assert_eq!(json["layout"]["xaxis3"]["anchor"], "y3");
    }

    #[test]
    fn a_cell_that_was_not_computed_says_so() {
        let mut results = example();
        results.grids[0].status[3] = STATUS_NOOP;
        assert_eq!(full(&results)["data"][0]["customdata"][0][3][0], "0 (no-op)");
    }

    #[test]
    fn a_cell_that_failed_is_a_gap_and_says_so() {
        let mut results = example_with_failures();
        let json = full(&results);
        assert_eq!(json["data"][0]["z"][0][3], Value::Null);
        assert_eq!(json["data"][0]["customdata"][0][3], json!(["not computed (failed)", "none", 0]));
        assert_eq!(json["data"][1]["customdata"][0][0], json!(["not computed (failed)", "none", 0]));
        results.grids[0].normalized = vec![f32::NAN; results.grids[0].effect.len()];
        assert_eq!(full(&results)["data"][0]["customdata"][0][3][3], "none");
    }

    #[test]
    fn what_is_normalized_is_told_under_the_pointer() {
        let mut results = example();
        assert!(!full(&results)["data"][0]["hovertemplate"].to_string().contains("normalized"));
        results.grids[0].normalized = vec![0.25; results.grids[0].effect.len()];
        let json = full(&results);
        assert!(json["data"][0]["hovertemplate"].to_string().contains("normalized"));
        assert_eq!(json["data"][0]["customdata"][0][0][3], "0.25");
    }

    #[test]
    fn attention_is_drawn_from_destinations_at_rows_to_sources_at_columns() {
        let mut results = example();
        results.grids = vec![grid("pattern", &["layer", "head", "dest_pos", "src_pos"], &[2, 3, 4, 4])];
        let place = ((3 + 2) * 4 + 1) * 4 + 3;
        results.grids[0].effect[place] = 2.5;
        let json = full(&results);
        assert_eq!(json["data"][0]["z"][4 + 1][2 * 4 + 3], json!(2.5));
    }

    #[test]
    fn grids_of_one_and_three_axes_have_figures() {
        let mut results = example();
        results.grids = vec![grid("mlp_out", &["layer"], &[4]), grid("q", &["layer", "pos", "head"], &[4, 8, 4])];
        let one = full(&results);
        assert_eq!(one["data"][0]["z"][3].as_array().map(Vec::len), Some(1));
        let three = figure(&results, &results.grids[1], Detail::Effect).json;
        assert_eq!(three["data"][0]["z"][3].as_array().map(Vec::len), Some(32));
        assert_eq!(three["data"][0]["customdata"], Value::Null);
    }
}
