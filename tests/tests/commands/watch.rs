//! `patchsweep watch` as a person and as a pipe see it: real processes on a real terminal.

use patchsweep_tests::cluster::{self, Durable, FINE, ask};
use patchsweep_tests::terminal::OnTerminal;
use patchsweep_tests::{patchsweep, serve, worker};

const SIZE: (u16, u16) = (24, 80);

/// Of the 256 colours, that of effects of 0.
const WHITE: u8 = 231;

/// Other colours beside the words that tell the range.
const LEGEND: usize = 10;

/// A coordinator without workers, and a sweep that waits for one.
fn waiting() -> (patchsweep_tests::Running, String, String) {
    let (serve, url) = serve(&["--models", &cluster::data()]);
    let sweep = cluster::submit(&url, &FINE);
    (serve, url, sweep)
}

#[test]
fn the_view_shows_a_sweep_fits_any_size_and_leaves_the_terminal_as_it_was() {
    let (_serve, url, sweep) = waiting();
    let mut terminal = OnTerminal::start(SIZE, &["watch", &sweep, "--coordinator", &url]);
    let seen = terminal.wait_for("no workers");
    assert!(seen.starts_with(&sweep) && seen.contains("q leave"), "{seen}");
    let seen = terminal.wait_for("pending");
    for text in ["baselines", "resid_pre", "z ", "Iteration 0", "░░"] {
        assert!(seen.contains(text), "{text} in:\n{seen}");
    }
    terminal.press("g");
    terminal.wait_for("layer ↓, head →");

    terminal.resize(12, 40);
    terminal.wait("the view at 40x12", |screen| {
        let text = screen.contents();
        text.lines().count() == 12 && text.lines().last().is_some_and(|line| line.starts_with("q leave"))
    });
    terminal.resize(40, 120);
    terminal.wait("the view at 120x40", |screen| {
        screen.contents().lines().nth(39).is_some_and(|line| line.starts_with("q leave"))
    });

    terminal.press("q");
    let end = terminal.end();
    assert!(end.contains("exit 0"), "{end}");
    assert!(end.contains(&format!("sweep `{sweep}` goes on")), "{end}");
    assert!(ask(&url, &["list"]).contains("running"));
}

#[test]
fn the_view_closes_with_the_sweep_and_a_line_stays() {
    let (_serve, url, sweep) = waiting();
    let mut terminal = OnTerminal::start(SIZE, &["watch", &sweep, "--coordinator", &url]);
    terminal.wait_for("no workers");
    let mut worker = worker(&url, &["--models", &cluster::data()]);
    for _ in 0..20 {
        worker.wait_for("tile computed");
    }
    // In the middle of the sweep, for as long as it takes to look.
    worker.signal("STOP");
    terminal.wait_for("tile in hand");
    terminal.wait("effects in their colours", |screen| {
        let cells = (0..24).flat_map(|row| (0..80).filter_map(move |column| screen.cell(row, column)));
        let colours = cells.filter(|cell| matches!(cell.bgcolor(), vt100::Color::Idx(index) if index != WHITE));
        colours.count() > LEGEND
    });
    worker.signal("CONT");
    let end = terminal.end();
    assert!(end.contains("exit 0"), "{end}");
    let stayed = std::fs::read_to_string(terminal.stdout()).expect("stdout");
    assert!(stayed.starts_with(&format!("{sweep} done: ")) && stayed.lines().count() == 1, "{stayed}");
}

#[test]
fn ctrl_c_ends_the_view_as_it_ends_other_commands() {
    let (_serve, url, sweep) = waiting();
    let mut terminal = OnTerminal::start(SIZE, &["watch", &sweep, "--coordinator", &url]);
    terminal.wait_for("no workers");
    terminal.press("\u{3}");
    let end = terminal.end();
    assert!(end.contains("exit 130"), "{end}");
}

#[test]
fn the_view_stays_while_the_coordinator_is_away() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let mut coordinator = Durable::start(&folder);
    let url = coordinator.url();
    let sweep = cluster::submit(&url, &FINE);
    let mut terminal = OnTerminal::start(SIZE, &["watch", &sweep, "--coordinator", &url]);
    terminal.wait_for("no workers");
    coordinator.process().signal("KILL");
    coordinator.process().wait();
    let seen = terminal.wait_for("lost the coordinator");
    assert!(seen.contains("resid_pre"), "{seen}");
    coordinator.restart();
    terminal.wait("the coordinator's return", |screen| !screen.contents().contains("lost the coordinator"));
    terminal.press("q");
    assert!(terminal.end().contains("exit 0"));
}

#[test]
fn without_a_terminal_there_are_lines_on_stderr_and_the_outcome_on_stdout() {
    let (_serve, url, sweep) = waiting();
    let _worker = worker(&url, &["--models", &cluster::data()]);
    let watched = patchsweep(&["watch", &sweep, "--coordinator", &url]).assert().success();
    let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).expect("text");
    let (out, lines) = (text(&watched.get_output().stdout), text(&watched.get_output().stderr));
    assert!(out.starts_with(&format!("{sweep} done: ")), "{out}");
    assert!(lines.lines().next().is_some_and(|line| line.starts_with("running   ")), "{lines}");
    let last = lines.lines().last().expect("a line");
    assert!(last.starts_with("done 100%  ") && last.contains(" elapsed"), "{lines}");

    let again = patchsweep(&["watch", &sweep, "--coordinator", &url, "--output", "json"]).assert().success();
    let json: serde_json::Value = serde_json::from_slice(&again.get_output().stdout).expect("JSON");
    assert_eq!(json["sweeps"][0]["state"], "done");
}
