//! `patchsweep explain`

mod fields;

use std::fmt::Write as _;
use std::io::{self, Write};
use std::time::{Duration, SystemTime};

use patchsweep_core::explain::{
    CellExplanation, FailureGroup, SweepExplanation, TileAttempt, TileExplanation, TileState,
};
use patchsweep_core::ids::TileId;

pub(super) use fields::ExplainFields;

use super::output::{Output, Printer};
use super::selector::{self, Selector};
use super::{CliError, CoordinatorArgs, progress};

#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct ExplainArgs {
    /// Id of the sweep, its beginning, or `last`.
    sweep: Selector,
    /// A cell: GRID ITERATION INDEX... with the iteration's label or number, and one index for each axis of the grid.
    /// Without it the whole sweep is explained.
    cell: Vec<String>,
    #[command(flatten)]
    coordinator: CoordinatorArgs,
}

const EXAMPLES: &str = "Examples:
  patchsweep explain last                            why nothing runs, and what failed
  patchsweep explain last z 0 8.11                   head 11 of layer 8 in the first iteration
  patchsweep explain last z \"Iteration 0\" 8 11       the same
  patchsweep explain last resid_pre 2 pos=5 layer=1  axes by name, in any order";

pub(super) async fn explain(args: ExplainArgs, printer: Printer) -> Result<(), CliError> {
    let mut client = args.coordinator.connect().await?;
    let sweep = selector::one(&mut client, &args.sweep).await?;
    let explanation = client.explain(&sweep, args.cell).await?;
    printer.print(&Explained { explanation, now: SystemTime::now() })
}

struct Explained {
    explanation: SweepExplanation,
    now: SystemTime,
}

impl Output for Explained {
    type Fields = ExplainFields;

    fn table(&self, out: &mut dyn Write) -> io::Result<()> {
        write!(out, "{}", self.text())
    }

    fn fields(&self) -> ExplainFields {
        (&self.explanation).into()
    }

    /// The tiles: of the cell, or those that failed.
    fn quiet(&self, out: &mut dyn Write) -> io::Result<()> {
        let SweepExplanation { failures, cell, .. } = &self.explanation;
        let mut tiles: Vec<TileId> = match cell {
            Some(cell) => cell.tiles.iter().map(|tile| tile.tile).collect(),
            None => failures.iter().flat_map(|group| group.tiles.iter().copied()).collect(),
        };
        tiles.sort_unstable();
        tiles.dedup();
        tiles.into_iter().try_for_each(|tile| writeln!(out, "{tile}"))
    }
}

impl Explained {
    fn text(&self) -> String {
        let SweepExplanation { status, idle_because, streaming, failures, cell } = &self.explanation;
        let mut text = String::new();
        if let Some(cell) = cell {
            self.write_cell(&mut text, cell);
            let is_open = cell.tiles.iter().any(|tile| tile.state == TileState::Waiting);
            if is_open {
                write_reasons(&mut text, idle_because);
            }
            return text;
        }
        let (done, total, failed) = (status.tiles_done, status.tiles_total, status.tiles_failed);
        let _ = writeln!(
            text,
            "{} is {}: {}% of the work, {done} of {total} tiles done, {} leased, {failed} failed",
            status.sweep,
            status.state.name(),
            progress::percent(status),
            status.tiles_leased,
        );
        write_reasons(&mut text, idle_because);
        write_reasons(&mut text, streaming);
        for group in failures {
            write_failures(&mut text, group);
        }
        text
    }

    fn write_cell(&self, text: &mut String, cell: &CellExplanation) {
        let indices: Vec<String> =
            cell.axes.iter().zip(cell.coordinates()).map(|(axis, index)| format!("{axis} {index}")).collect();
        let _ = writeln!(text, "{}, {}, {}", cell.grid, cell.iteration, indices.join(", "));
        // One write is what the cell's name says.
        for write in cell.writes.iter().filter(|_| cell.writes.len() > 1) {
            let _ = writeln!(text, "  writes {write}");
        }
        for words in cell.estimate.iter().chain(&cell.activity) {
            let _ = writeln!(text, "{words}");
        }
        if let Some(reason) = &cell.noop {
            let over = if cell.tiles.is_empty() { "all" } else { "some" };
            let _ = writeln!(
                text,
                "no worker computes it over {over} prompts ({}), because it changes no score there: {reason}",
                cell.noop_prompts
            );
        }
        for tile in &cell.tiles {
            let TileExplanation { tile: id, prompts, cells, .. } = tile;
            let last = prompts.end.saturating_sub(1);
            let _ = writeln!(
                text,
                "tile {id}, prompts {} to {last}, {cells} cells: {}",
                prompts.start,
                self.state(&tile.state)
            );
            for TileAttempt { attempt, worker, reason } in &tile.attempts {
                let _ = writeln!(text, "  attempt {} on {worker} failed: {reason}", attempt.0);
            }
        }
    }

    fn state(&self, state: &TileState) -> String {
        match state {
            TileState::Waiting => "waits for a worker".to_owned(),
            TileState::Leased(holders) => {
                let each = holders.iter().map(|held| {
                    format!("{} has it since {}, attempt {}", held.worker, span(held.since), held.attempt.0)
                });
                each.collect::<Vec<_>>().join("; ")
            }
            TileState::Done(origin) => {
                let ago = self.now.duration_since(origin.at).ok();
                let when = ago.map_or_else(String::new, |ago| format!(", {} ago", span(ago)));
                let (attempt, busy) = (origin.attempt.0, span(origin.busy));
                format!("on disk, by {} ({}){when}, attempt {attempt}, took {busy}", origin.worker, origin.device)
            }
            TileState::GivenUp => "failed on every attempt".to_owned(),
            TileState::Left => "was not computed before the sweep ended".to_owned(),
        }
    }
}

fn write_reasons(text: &mut String, reasons: &[String]) {
    for reason in reasons {
        let _ = writeln!(text, "- {reason}");
    }
}

/// Most tiles and workers that are named.
const NAMED: usize = 5;

fn write_failures(text: &mut String, group: &FailureGroup) {
    let named = |names: Vec<String>| {
        let more = if names.len() > NAMED { ", .." } else { "" };
        format!("{}{more}", names.iter().take(NAMED).cloned().collect::<Vec<_>>().join(", "))
    };
    let tiles = named(group.tiles.iter().map(ToString::to_string).collect());
    let workers = named(group.workers.clone());
    let attempts = if group.attempts == 1 { "attempt" } else { "attempts" };
    let _ = writeln!(text, "{} {attempts} failed at {tiles} on {workers}: {}", group.attempts, group.reason);
    if group.tiles_given_up > 0 {
        let _ = writeln!(text, "  {} of these tiles get no more attempts", group.tiles_given_up);
    }
}

/// As people say it: the two largest units.
fn span(duration: Duration) -> String {
    let seconds = duration.as_secs();
    match seconds {
        0..10 => format!("{:.1} s", duration.as_secs_f64()),
        10..60 => format!("{seconds} s"),
        60..3600 => format!("{} min {} s", seconds / 60, seconds % 60),
        3600..86400 => format!("{} h {} min", seconds / 3600, seconds % 3600 / 60),
        _ => format!("{} d {} h", seconds / 86400, seconds % 86400 / 3600),
    }
}

#[cfg(test)]
mod tests {
    use patchsweep_core::explain::{TileHolder, TileOrigin};
    use patchsweep_core::ids::Attempt;
    use patchsweep_core::status::SweepStatus;
    use patchsweep_serve::fixtures::running;
    use serde_json::json;

    use super::*;

    fn tile(number: u32, state: TileState) -> TileExplanation {
        TileExplanation { tile: TileId(number), prompts: 0..8, cells: 3, state, attempts: Vec::new() }
    }

    fn cell(tiles: Vec<TileExplanation>) -> CellExplanation {
        CellExplanation {
            grid: "z".into(),
            iteration: "Iteration 0".into(),
            axes: vec!["layer".into(), "head".into()],
            indices: vec![8, 11],
            names: vec![None, None],
            writes: vec!["z of layer 8, head 11: zero".into()],
            noop: None,
            noop_prompts: 0,
            estimate: None,
            activity: None,
            tiles,
        }
    }

    fn explained(cell: Option<CellExplanation>) -> Explained {
        let group = FailureGroup {
            reason: "no memory".into(),
            attempts: 3,
            tiles: (1..=7).map(TileId).collect(),
            tiles_given_up: 1,
            workers: vec!["a:1".into()],
        };
        let explanation = SweepExplanation {
            status: SweepStatus { tiles_leased: 0, ..running() },
            idle_because: vec!["no worker is connected".into()],
            streaming: vec!["w1 streams".into()],
            failures: vec![group],
            cell,
        };
        Explained { explanation, now: SystemTime::UNIX_EPOCH + Duration::from_secs(1_000_000) }
    }

    #[test]
    fn a_sweep_says_why_nothing_runs_and_what_failed() {
        assert_eq!(
            explained(None).text(),
            "s is running: 25% of the work, 1 of 4 tiles done, 0 leased, 0 failed\n\
             - no worker is connected\n\
             - w1 streams\n\
             3 attempts failed at t1, t2, t3, t4, t5, .. on a:1: no memory\n  \
             1 of these tiles get no more attempts\n"
        );
    }

    #[test]
    fn a_cell_says_where_each_of_its_tiles_is() {
        let origin = TileOrigin {
            worker: "a:1".into(),
            device: "cpu".into(),
            attempt: Attempt(2),
            at: SystemTime::UNIX_EPOCH + Duration::from_secs(1_000_000 - 90),
            busy: Duration::from_millis(1500),
        };
        let holder = TileHolder { worker: "b:2".into(), attempt: Attempt(1), since: Duration::from_secs(12) };
        let failed = TileAttempt { attempt: Attempt(1), worker: "c:3".into(), reason: "no memory".into() };
        let done = TileExplanation { attempts: vec![failed], ..tile(1, TileState::Done(origin)) };
        let leased = tile(2, TileState::Leased(vec![holder]));
        let text = explained(Some(cell(vec![done, leased]))).text();
        assert_eq!(
            text,
            "z, Iteration 0, layer 8, head 11\n\
             tile t1, prompts 0 to 7, 3 cells: on disk, by a:1 (cpu), 1 min 30 s ago, attempt 2, took 1.5 s\n  \
             attempt 1 on c:3 failed: no memory\n\
             tile t2, prompts 0 to 7, 3 cells: b:2 has it since 12 s, attempt 1\n"
        );
        let waiting = explained(Some(cell(vec![tile(3, TileState::Waiting)]))).text();
        assert!(waiting.ends_with("3 cells: waits for a worker\n- no worker is connected\n"), "{waiting}");
    }

    #[test]
    fn an_effect_that_is_estimated_is_said_to_be() {
        let estimate = Some("its effect is estimated by gradient".into());
        let explained = explained(Some(CellExplanation { estimate, ..cell(Vec::new()) }));
        let text = explained.text();
        assert!(text.contains("z, Iteration 0, layer 8, head 11\nits effect is estimated by gradient\n"), "{text}");
    }

    #[test]
    fn of_several_writes_each_is_said() {
        let mut several = cell(Vec::new());
        several.writes.push("mlp_out of layer 8: zero".into());
        let text = explained(Some(several)).text();
        let wanted = "z, Iteration 0, layer 8, head 11\n  writes z of layer 8, head 11: zero\n  writes mlp_out of layer 8: zero\n";
        assert!(text.starts_with(wanted), "{text}");
    }

    #[test]
    fn a_noop_says_why() {
        let noop = CellExplanation { noop: Some("it comes too late".into()), noop_prompts: 8, ..cell(Vec::new()) };
        let text = explained(Some(noop)).text();
        let wanted =
            "no worker computes it over all prompts (8), because it changes no score there: it comes too late\n";
        assert!(text.ends_with(wanted), "{text}");
    }

    #[test]
    fn json_has_the_same_and_quiet_the_tiles() {
        let printed = explained(Some(cell(vec![tile(3, TileState::Waiting)])));
        let json = json!(printed.fields());
        assert_eq!(json["cell"]["indices"], json!({ "layer": 8, "head": 11 }));
        assert_eq!(json["cell"]["tiles"][0]["state"], "waiting");
        assert_eq!(json["failures"][0]["attempts"], 3);
        let mut out = Vec::new();
        printed.quiet(&mut out).expect("memory does not fail");
        assert_eq!(out, b"t3\n");
    }
}
