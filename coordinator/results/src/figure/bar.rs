//! The colour bar, and the key to the marks.

use std::fmt::Write as _;

use super::svg::{hex, mark_path};
use super::{Figure, key_lengths, text};

const WIDTH: usize = 14;
/// Steps above and below zero.
const STEPS: u8 = 24;
/// The tallest bar; a tall facet does not need one of its height.
const TALLEST: usize = 380;

/// Appends the colour bar with its unit and five ticks.
pub(super) fn bar(figure: &Figure, svg: &mut String) {
    let (x, y) = figure.layout.bar();
    let height = figure.layout.facet_height.min(TALLEST);
    let _ = writeln!(svg, "<g class=\"bar\" transform=\"translate({x} {y})\">");
    let lines = figure.quantity.iter().rev().filter(|line| !line.is_empty()).enumerate();
    for (above, line) in lines {
        let y = 8 + 13 * above;
        let _ = write!(svg, "<text y=\"-{y}\" font-size=\"11\">{}</text>", text::html(line));
    }
    let strips = 2 * usize::from(STEPS) + 1;
    svg.push_str("<g shape-rendering=\"crispEdges\">");
    for (strip, step) in (0..strips).zip((0..=2 * STEPS).rev()) {
        let fraction = f32::from(step) / f32::from(STEPS) - 1.0;
        let (top, bottom) = (strip * height / strips, (strip + 1) * height / strips);
        let (fill, thick) = (hex((figure.scale)(fraction)), bottom - top);
        let _ = write!(svg, "<path fill=\"{fill}\" d=\"M0 {top}h{WIDTH}v{thick}h-{WIDTH}z\"/>");
    }
    svg.push_str("</g>\n");
    for (quarter, fraction) in [1.0, 0.5, 0.0, -0.5, -1.0].into_iter().enumerate() {
        let label = text::number(figure.range * fraction, 3);
        let y = quarter * height / 4;
        let _ = write!(svg, "<path stroke=\"#222\" d=\"M{WIDTH} {y}h4\"/>");
        let _ = writeln!(svg, "<text x=\"{}\" y=\"{}\" font-size=\"11\">{label}</text>", WIDTH + 7, y + 4);
    }
    svg.push_str("</g>\n");
}

/// Appends what the marks mean, of those that are there.
pub(super) fn key(figure: &Figure, svg: &mut String) {
    if figure.key.is_empty() {
        return;
    }
    svg.push_str("<g class=\"key\">\n");
    let places = figure.layout.key_places(&key_lengths(&figure.key));
    for (&mark, (x, line)) in figure.key.iter().zip(places) {
        let y = figure.layout.key_line(line);
        let (fill, path, ink) = (hex(mark.colour()), mark_path(mark, (x, y), (14, 14)), mark.ink(mark.colour()));
        let _ = writeln!(
            svg,
            "<g class=\"{}\"><path fill=\"{fill}\" stroke=\"#888\" stroke-width=\".5\" d=\"M{x} {y}h14v14h-14z\"/>\
             <path fill=\"none\" stroke=\"{ink}\" stroke-linecap=\"round\" d=\"{path}\"/>\
             <text x=\"{}\" y=\"{}\">{}</text></g>",
            mark.key(),
            x + 20,
            y + 11,
            mark.text()
        );
    }
    svg.push_str("</g>\n");
}
