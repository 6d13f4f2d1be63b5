//! What is drawn, at several sizes and in several states. After a change that is meant, `SNAPSHOTS=overwrite` writes the
//! files of `snapshots` anew; look at them.

use std::path::Path;
use std::time::Duration;

use patchsweep_core::results::CellStatus;
use ratatui::Terminal;
use ratatui::backend::TestBackend;
use ratatui::style::{Color, Modifier};
use snapbox::Data;

use super::*;
use crate::cli::watch::example;
use crate::cli::watch::heat::Depth;
use crate::cli::watch::keys::Key;
use crate::cli::watch::model::Change;
use crate::client::Update;

fn lost() -> Change {
    Change::Update(Update::Lost { reason: "connection refused".into() })
}

/// Three seconds after all of it was heard.
fn running() -> Model {
    let mut model = Model::default();
    model.apply(Change::Update(Update::Status(example::status())));
    model.apply(Change::Workers(example::workers()));
    model.apply(Change::Warnings(example::warnings(), example::moment(65)));
    model.apply(Change::Scores(example::scores()));
    model.tick(Duration::from_secs(3));
    model
}

fn drawn(model: &Model, depth: Depth, width: u16, height: u16) -> Buffer {
    let mut terminal = Terminal::new(TestBackend::new(width, height)).expect("memory does not fail");
    let frame = terminal.draw(|frame| draw(model, Palette(depth), frame.area(), frame.buffer_mut()));
    frame.expect("memory does not fail").buffer.clone()
}

fn text(buffer: &Buffer) -> String {
    let rows = buffer.area.rows().map(|row| {
        let row: String = row.columns().map(|place| buffer[place.as_position()].symbol().to_owned()).collect();
        format!("{}\n", row.trim_end())
    });
    rows.collect()
}

fn check(name: &str, model: &Model, depth: Depth, width: u16, height: u16) {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/cli/watch/view/snapshots").join(name);
    let expected = Data::read_from(&file, Some(snapbox::data::DataFormat::Text)).raw();
    snapbox::assert_data_eq!(text(&drawn(model, depth, width, height)), expected);
}

#[test]
fn a_running_sweep_at_three_sizes() {
    check("running-80x24.txt", &running(), Depth::Full, 80, 24);
    check("running-120x40.txt", &running(), Depth::Full, 120, 40);
    check("running-40x12.txt", &running(), Depth::Full, 40, 12);
}

#[test]
fn without_colours_characters_say_it_all() {
    check("no-color-80x24.txt", &running(), Depth::None, 80, 24);
}

#[test]
fn before_anything_is_known_and_before_there_are_scores() {
    check("nothing-80x24.txt", &Model::default(), Depth::Full, 80, 24);
    let mut model = Model::default();
    model.apply(Change::Update(Update::Status(example::waiting())));
    model.apply(Change::NoScores("this coordinator has no scores of a running sweep".into()));
    check("waiting-80x24.txt", &model, Depth::Full, 80, 24);
}

#[test]
fn a_lost_coordinator_is_reported_and_the_rest_stays() {
    let mut model = running();
    model.apply(lost());
    model.tick(Duration::from_secs(40));
    check("lost-80x24.txt", &model, Depth::Full, 80, 24);
}

#[test]
fn a_large_grid_is_seen_around_the_cell_that_is_looked_at() {
    let mut model = running();
    model.apply(Change::Scores(example::large()));
    for _ in 0..40 {
        model.press(Key::Column { forward: true });
        model.press(Key::Row { forward: true });
    }
    check("large-80x24.txt", &model, Depth::Full, 80, 24);
    check("large-no-color-80x24.txt", &model, Depth::None, 80, 24);
}

#[test]
fn nothing_panics_at_any_size() {
    let mut lost_one = running();
    lost_one.apply(lost());
    let mut large = running();
    large.apply(Change::Scores(example::large()));
    for model in [Model::default(), running(), lost_one, large] {
        let widths = (0..12).chain([20, 39, 40, 41, 200]);
        for (width, height) in widths.flat_map(|width| (0..16).map(move |height| (width, height))) {
            for depth in [Depth::Full, Depth::None] {
                let buffer = drawn(&model, depth, width, height);
                assert_eq!(buffer.area, Rect::new(0, 0, width, height));
            }
        }
    }
}

#[test]
fn cells_have_the_colours_of_the_report_and_all_iterations_one_range() {
    let mut results = example::scores();
    let effect = &mut results.grids[0].effect;
    effect.fill(0.0);
    // Layer 3, position 7 of the first two iterations.
    (effect[31], effect[32 + 31]) = (-4.0, 2.0);
    results.grids[0].status.fill(CellStatus::Computed);
    let mut model = running();
    model.apply(Change::Scores(results));
    let buffer = drawn(&model, Depth::Full, 80, 40);
    let backgrounds = |colour| buffer.content.iter().filter(|cell| cell.bg == colour).count();
    // Each is two columns wide and stands in the legend too.
    assert_eq!(backgrounds(Color::Rgb(103, 0, 31)), 2 + 1, "the strongest, red");
    assert_eq!(backgrounds(Color::Rgb(107, 172, 209)), 2, "half as strong, blue");
    let indexed = drawn(&model, Depth::Indexed, 80, 40);
    assert!(indexed.content.iter().all(|cell| !matches!(cell.bg, Color::Rgb(..))));
}

#[test]
fn without_colours_there_are_none() {
    let mut model = running();
    model.apply(lost());
    let buffer = drawn(&model, Depth::None, 120, 40);
    assert!(buffer.content.iter().all(|cell| cell.fg == Color::Reset && cell.bg == Color::Reset));
    assert!(buffer.content.iter().any(|cell| cell.modifier.contains(Modifier::REVERSED)), "the cell that is looked at");
}

#[test]
fn the_cell_that_is_looked_at_is_described_below_the_map() {
    let mut model = running();
    for _ in 0..3 {
        model.press(Key::Row { forward: true });
        model.press(Key::Column { forward: true });
    }
    let text = text(&drawn(&model, Depth::Full, 80, 24));
    assert!(text.contains("layer 3, pos 3 (\" Executive\"): "), "{text}");
}

#[test]
fn what_others_send_cannot_control_the_terminal() {
    let mut model = running();
    let mut workers = example::workers();
    workers[0].name = "\u{1b}[31mred\u{7}\r\n".into();
    model.apply(Change::Workers(workers));
    let mut warnings = example::warnings();
    warnings[1].text = "\u{1b}]0;title\u{7}line\nline".into();
    model.apply(Change::Warnings(warnings, example::moment(65)));
    let buffer = drawn(&model, Depth::Full, 120, 40);
    assert!(buffer.content.iter().all(|cell| !cell.symbol().contains(char::is_control)));
}

#[test]
fn more_workers_than_room_are_scrolled() {
    let mut model = running();
    let many = example::workers().into_iter().cycle().take(40).collect();
    model.apply(Change::Workers(many));
    let shown = |model: &Model| text(&drawn(model, Depth::Full, 80, 24));
    assert!(shown(&model).contains("workers 1-7/40"), "{}", shown(&model));
    model.press(Key::Workers { forward: true });
    assert!(shown(&model).contains("workers 2-8/40"), "{}", shown(&model));
}
