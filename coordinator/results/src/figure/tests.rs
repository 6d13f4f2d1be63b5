use patchsweep_core::results::CellStatus;
use resvg::tiny_skia::Pixmap;
use resvg::usvg::roxmltree::{Document, Node};

use super::*;
use crate::colour::diverging;
use crate::fixtures::{example, grid};

/// The example with a cell of each kind in its first grid, at the first places of iteration 0.
fn results() -> SweepResults {
    let mut results = example();
    let statuses = [CellStatus::NoOp, CellStatus::Failed, CellStatus::Pending, CellStatus::NotDrawn];
    for (place, status) in [0, 1, 2, 9].into_iter().zip(statuses) {
        results.grids[0].status[place] = status;
    }
    results
}

fn drawn(results: &SweepResults, view: View) -> Figure {
    drawn_with(results, view, Drawable::All)
}

fn drawn_with(results: &SweepResults, view: View, letters: Drawable) -> Figure {
    let scores = &results.grids[0];
    Figure::new(
        Subject { results, scores, statistics: &Statistics::of(scores), quantity: "effect" },
        view,
        true,
        letters,
    )
}

fn with_class<'a>(document: &'a Document<'a>, class: &str) -> Vec<Node<'a, 'a>> {
    let has_class = |node: &Node| node.attribute("class").is_some_and(|classes| classes.split(' ').any(|c| c == class));
    document.descendants().filter(has_class).collect()
}

#[test]
fn an_svg_is_well_formed_and_has_one_rectangle_for_each_cell() {
    let mut results = results();
    results.token_labels[1] = "</text>&\"\u{1}".to_owned();
    let text = svg(&drawn(&results, View::Effect), Cells::Rectangles);
    let document = Document::parse(&text).expect("well-formed");
    let facets = with_class(&document, "facet");
    assert_eq!(facets.len(), 3);
    let rectangles = document.descendants().filter(|node| node.has_tag_name("rect")).count();
    assert_eq!(rectangles, 3 * 4 * 8);
    let titles: Vec<_> =
        with_class(&document, "facet-title").iter().filter_map(Node::text).map(str::to_owned).collect();
    assert_eq!(titles, ["Iteration 0", "Iteration 1", "Iteration 2"]);
    assert_eq!(with_class(&document, "heading")[0].text(), Some("resid_pre (layer × pos): effect on logit_diff"));
}

#[test]
fn each_cell_is_at_its_place() {
    let mut results = results();
    let place = 2 * 32 + 3 * 8 + 5;
    results.grids[0].effect[place] = -100.0;
    let figure = drawn(&results, View::Effect);
    let (width, height) = figure.layout.cell;
    let text = svg(&figure, Cells::Rectangles);
    let document = Document::parse(&text).expect("well-formed");
    let facet = with_class(&document, "facet")[2];
    let darkest = facet.descendants().find(|node| node.attribute("fill") == Some("#67001f")).expect("the lowest");
    let at = ["x", "y"].map(|name| darkest.attribute(name).map(str::to_owned));
    assert_eq!(at, [Some((5 * width).to_string()), Some((3 * height).to_string())]);
}

#[test]
fn what_has_no_number_is_marked_and_explained_in_the_key() {
    let text = svg(&drawn(&results(), View::Effect), Cells::Rectangles);
    let document = Document::parse(&text).expect("well-formed");
    for class in ["no-op", "failed", "pending", "not-finite", "not-drawn"] {
        assert_eq!(with_class(&document, class).len(), 2, "{class}: marks of one facet, and the key");
    }
    assert!(with_class(&document, "significant").is_empty(), "only where significance is shown");
    assert!(
        !with_class(
            &Document::parse(&svg(&drawn(&results(), View::Significance), Cells::Picture)).expect("well-formed"),
            "significant"
        )
        .is_empty()
    );
}

#[test]
fn a_picture_of_pixels_has_the_colours_of_the_rectangles() {
    let figure = drawn(&results(), View::Effect);
    let cells = &figure.facets[1].cells;
    let uri = pixels::data_uri(cells, 8);
    let base64 = uri.strip_prefix("data:image/png;base64,").expect("a PNG");
    let bytes = base64::Engine::decode(&base64::engine::general_purpose::STANDARD, base64).expect("base64");
    let picture = Pixmap::decode_png(&bytes).expect("a PNG");
    assert_eq!((picture.width(), picture.height()), (8, 4));
    for (pixel, cell) in picture.pixels().iter().zip(cells) {
        assert_eq!([pixel.red(), pixel.green(), pixel.blue()], cell.fill);
    }
    let text = svg(&figure, Cells::Picture);
    let document = Document::parse(&text).expect("well-formed");
    assert_eq!(document.descendants().filter(|node| node.has_tag_name("image")).count(), 3);
}

#[test]
fn a_png_has_the_asked_size_and_the_colours_of_its_cells() {
    let mut results = results();
    (results.grids[0].effect[3], results.grids[0].effect[4]) = (50.0, -50.0);
    let figure = drawn_with(&results, View::Effect, Drawable::OwnFonts);
    let (width, height) = figure.size();
    let picture = Pixmap::decode_png(&png(&figure, 2.0).expect("drawn")).expect("a PNG");
    let pixels = |length: usize| u32::try_from(2 * length).expect("small");
    assert_eq!((picture.width(), picture.height()), (pixels(width), pixels(height)));
    let geometry = figure.geometry();
    let (left, top) = geometry.facets[0];
    let colour = |column: usize| {
        // Beside the middle, which a mark may cover.
        let (x, y) = (left + column * geometry.cell.0 + 2, top + 2);
        let pixel = picture.pixel(pixels(x), pixels(y)).expect("inside");
        [pixel.red(), pixel.green(), pixel.blue()]
    };
    assert_eq!(
        [1, 2, 3, 4].map(colour),
        [
            Mark::Without(CellStatus::Failed).colour(),
            Mark::Without(CellStatus::Pending).colour(),
            diverging(1.0),
            diverging(-1.0)
        ]
    );
}

#[test]
fn text_is_drawn_and_equal_figures_give_equal_pictures() {
    let figure = drawn_with(&results(), View::Effect, Drawable::OwnFonts);
    let bytes = png(&figure, 1.0).expect("drawn");
    assert!(bytes == png(&figure, 1.0).expect("drawn"));
    let picture = Pixmap::decode_png(&bytes).expect("a PNG");
    let place = figure.layout.places().next().expect("a facet");
    let (top, bottom) = (u32::try_from(place.y - 20).expect("small"), u32::try_from(place.y - 4).expect("small"));
    let dark = (top..bottom).flat_map(|y| (0..picture.width()).map(move |x| (x, y)));
    let dark = dark.filter(|&(x, y)| picture.pixel(x, y).is_some_and(|pixel| pixel.red() < 100)).count();
    assert!(dark > 100, "titles of facets: {dark}");
}

#[test]
fn letters_that_no_font_has_do_not_vanish() {
    let mut results = results();
    results.token_labels[2] = "中".to_owned();
    let text = svg(&drawn_with(&results, View::Effect, Drawable::OwnFonts), Cells::Rectangles);
    assert!(text.contains("2: &#39;\\u{4e2d}&#39;"), "{text}");
    assert!(svg(&drawn(&results, View::Effect), Cells::Rectangles).contains("2: &#39;中&#39;"));
}

#[test]
fn a_picture_that_no_memory_holds_is_refused() {
    let mut results = example();
    results.grids = vec![grid("z", &["layer", "pos", "head"], &[4, 400, 16])];
    let error = png(&drawn(&results, View::Effect), 20.0).expect_err("too large").to_string();
    assert!(error.contains("ask for a smaller --scale, or for --svg"), "{error}");
}

#[test]
fn grids_of_one_three_and_four_axes_have_figures() {
    let mut results = example();
    for (axes, extents) in [
        (vec!["layer"], vec![4]),
        (vec!["layer", "pos", "head"], vec![4, 8, 4]),
        (vec!["layer", "head", "dest_pos", "src_pos"], vec![2, 3, 4, 4]),
    ] {
        let cells: usize = extents.iter().product();
        results.grids = vec![grid("g", &axes, &extents)];
        let figure = drawn(&results, View::Value);
        assert_eq!(figure.cells(), 3 * cells, "{axes:?}");
        let mut order = drawing_order(&results.grids[0]);
        order.sort_unstable();
        assert!(order.into_iter().eq(0..cells), "{axes:?}");
    }
}
