//! A figure as SVG: what browsers, editors and papers take.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use super::layout::{Corner, Layout};
use super::plane::Side;
use super::view::Mark;
use super::{Facet, Figure, bar, pixels, text};

/// How the cells are written down.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cells {
    /// One rectangle each: for editors, and for papers.
    Rectangles,
    /// One picture per facet with one pixel each: small, however many there are.
    Picture,
}

/// The smallest cell that has room for a mark.
const LEAST_MARKED: usize = 6;

/// The text of an SVG file; equal figures give equal texts.
#[must_use]
pub fn svg(figure: &Figure, cells: Cells) -> String {
    let (width, height) = figure.size();
    let mut svg = String::new();
    let _ = writeln!(
        svg,
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{width}\" height=\"{height}\" \
         viewBox=\"0 0 {width} {height}\" role=\"img\" aria-label=\"{}\" font-family=\"sans-serif\" font-size=\"12\" \
         fill=\"#222\">\n<path class=\"paper\" fill=\"#fff\" d=\"M0 0h{width}v{height}h-{width}z\"/>",
        text::html(&figure.alternative)
    );
    if let Some(heading) = &figure.heading {
        let (x, heading) = (figure.layout.left, text::html(heading));
        let _ = writeln!(svg, "<text class=\"heading\" x=\"{x}\" y=\"18\" font-size=\"14\">{heading}</text>");
    }
    for (iteration, (facet, place)) in figure.facets.iter().zip(figure.layout.places()).enumerate() {
        let Corner { x, y, .. } = place;
        let _ = writeln!(svg, "<g class=\"facet\" data-iteration=\"{iteration}\" transform=\"translate({x} {y})\">");
        facet_title(facet, &figure.layout, &mut svg);
        match cells {
            Cells::Rectangles => rectangles(figure, facet, &mut svg),
            Cells::Picture => picture(figure, facet, &mut svg),
        }
        marks(figure, facet, &mut svg);
        frame(&figure.layout, &mut svg);
        columns(&figure.plane.columns, &figure.layout, &mut svg);
        if place.is_first {
            rows(&figure.plane.rows, &figure.layout, &mut svg);
        }
        svg.push_str("</g>\n");
    }
    bar::bar(figure, &mut svg);
    bar::key(figure, &mut svg);
    svg.push_str("</svg>\n");
    svg
}

/// A colour as SVG has it.
pub(super) fn hex([red, green, blue]: [u8; 3]) -> String {
    format!("#{red:02x}{green:02x}{blue:02x}")
}

/// The strokes of a mark on a cell of some size, from its upper left corner.
pub(super) fn mark_path(mark: Mark, (x, y): (usize, usize), (width, height): (usize, usize)) -> String {
    let (middle, centre) = (x + width / 2, y + height / 2);
    if mark == Mark::Significant {
        // Short strokes with round ends are dots.
        return format!("M{} {centre}h2m-1-1v2", middle - 1);
    }
    let reach = (width.min(height) / 4).max(1);
    let mut path = String::new();
    for &[from_x, from_y, to_x, to_y] in mark.strokes() {
        let [from_x, from_y, to_x, to_y] = [(middle, from_x), (centre, from_y), (middle, to_x), (centre, to_y)]
            .map(|(at, part)| at_part(at, reach, part));
        let _ = write!(path, "M{from_x} {from_y}L{to_x} {to_y}");
    }
    path
}

/// A coordinate with at most one digit behind the point.
#[expect(clippy::cast_precision_loss, reason = "pixels of a page are few")]
fn at_part(middle: usize, reach: usize, part: f32) -> String {
    let place = format!("{:.1}", middle as f32 + reach as f32 * part);
    place.strip_suffix(".0").map_or_else(|| place.clone(), str::to_owned)
}

fn facet_title(facet: &Facet, layout: &Layout, svg: &mut String) {
    let title = text::html(&text::short(&facet.title, layout.title_chars()));
    let (x, anchor) = layout.title();
    let _ = writeln!(
        svg,
        "<text class=\"facet-title\" x=\"{x}\" y=\"-9\" text-anchor=\"{anchor}\" font-size=\"13\" \
         font-weight=\"bold\">{title}</text>"
    );
}

fn rectangles(figure: &Figure, facet: &Facet, svg: &mut String) {
    let (width, height) = figure.layout.cell;
    let columns = figure.plane.columns.names.len();
    svg.push_str("<g class=\"cells\" shape-rendering=\"crispEdges\">");
    for (place, cell) in facet.cells.iter().enumerate() {
        let (x, y) = (place % columns * width, place / columns * height);
        let fill = hex(cell.fill);
        let _ = write!(svg, "<rect x=\"{x}\" y=\"{y}\" width=\"{width}\" height=\"{height}\" fill=\"{fill}\"/>");
    }
    svg.push_str("</g>\n");
}

fn picture(figure: &Figure, facet: &Facet, svg: &mut String) {
    let (width, height) = (figure.layout.facet_width, figure.layout.facet_height);
    let data = pixels::data_uri(&facet.cells, figure.plane.columns.names.len());
    let _ = writeln!(
        svg,
        "<image class=\"cells\" width=\"{width}\" height=\"{height}\" preserveAspectRatio=\"none\" \
         style=\"image-rendering:pixelated\" href=\"{data}\"/>"
    );
}

fn marks(figure: &Figure, facet: &Facet, svg: &mut String) {
    let (width, height) = figure.layout.cell;
    let columns = figure.plane.columns.names.len();
    if width.min(height) < LEAST_MARKED {
        return;
    }
    let mut paths: BTreeMap<(&str, &str), String> = BTreeMap::new();
    for (place, cell) in facet.cells.iter().enumerate() {
        let Some(mark) = cell.mark else { continue };
        let corner = (place % columns * width, place / columns * height);
        let path = mark_path(mark, corner, figure.layout.cell);
        paths.entry((mark.key(), mark.ink(cell.fill))).or_default().push_str(&path);
    }
    for ((key, ink), path) in paths {
        let _ = writeln!(
            svg,
            "<path class=\"mark {key}\" fill=\"none\" stroke=\"{ink}\" stroke-width=\"1.4\" stroke-linecap=\"round\" d=\"{path}\"/>"
        );
    }
}

/// So that white cells have an end on white paper.
fn frame(layout: &Layout, svg: &mut String) {
    let (width, height) = (layout.facet_width, layout.facet_height);
    let _ = writeln!(
        svg,
        "<path class=\"frame\" fill=\"none\" stroke=\"#b8bec5\" shape-rendering=\"crispEdges\" d=\"M0 0h{width}v{height}h-{width}z\"/>"
    );
}

fn columns(side: &Side, layout: &Layout, svg: &mut String) {
    let width = layout.cell.0;
    let bottom = layout.facet_height;
    for tick in side.ticks_within(layout.facet_width, Layout::tick_pixels()) {
        let x = tick.at * width + width / 2;
        let label = text::html(&tick.text);
        let _ = if layout.turned {
            let y = bottom + 10;
            writeln!(svg, "<text transform=\"translate({} {y}) rotate(-45)\" text-anchor=\"end\">{label}</text>", x + 4)
        } else {
            writeln!(svg, "<text x=\"{x}\" y=\"{}\" text-anchor=\"middle\">{label}</text>", bottom + 16)
        };
    }
    if !side.title.is_empty() {
        let ((x, anchor), y, title) = (layout.title(), bottom + layout.below - 6, text::html(&side.title));
        let _ = writeln!(
            svg,
            "<text class=\"axis\" x=\"{x}\" y=\"{y}\" text-anchor=\"{anchor}\" font-size=\"13\">{title}</text>"
        );
    }
}

fn rows(side: &Side, layout: &Layout, svg: &mut String) {
    let height = layout.cell.1;
    for tick in side.ticks_within(layout.facet_height, Layout::tick_pixels()) {
        let (y, label) = (tick.at * height + height / 2 + 4, text::html(&tick.text));
        let _ = writeln!(svg, "<text x=\"-7\" y=\"{y}\" text-anchor=\"end\">{label}</text>");
    }
    let (x, y, title) = (layout.left - 18, layout.facet_height / 2, text::html(&side.title));
    let _ = writeln!(
        svg,
        "<text class=\"axis\" transform=\"translate(-{x} {y}) rotate(-90)\" text-anchor=\"middle\" font-size=\"13\">\
         {title}</text>"
    );
}
