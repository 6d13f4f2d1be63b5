use std::time::SystemTime;

use patchsweep_core::ids::{Epoch, Lease};
use patchsweep_core::status::{PlanOptions, SweepState};
use patchsweep_plan::{Activity, Findings, fixtures};

use super::*;
use crate::fixtures::{running, status};
use crate::state::FailedAttempt;

fn plan() -> Plan {
    fixtures::plan(PlanOptions { tile_multiply_adds: Some(3000), tile_prompts: Some(2), for_gpus: false })
}

fn situation(status: SweepStatus) -> Situation {
    let (unfit, priorities) = (BTreeMap::new(), BTreeMap::new());
    Situation { status, workers: Vec::new(), unfit, held: Vec::new(), priorities, choosing: None }
}

/// A cell of iteration 0 that is in several tiles.
fn cell(plan: &Plan) -> CellAddress {
    let words = ["z", "0", "0", "1", "0"].map(str::to_owned);
    let cell = CellAddress::find(plan, &words).expect("a cell");
    assert!(tiles_of(plan, &cell).len() > 1);
    cell
}

fn origin(worker: &str) -> TileOrigin {
    TileOrigin {
        worker: worker.to_owned(),
        device: "cpu".to_owned(),
        attempt: Attempt(1),
        at: SystemTime::UNIX_EPOCH,
        busy: Duration::from_secs(1),
    }
}

fn failed(tile: TileId, given_up: bool) -> TileFailures {
    let lease = Lease { epoch: Epoch(1), sweep: SweepId("s".into()), tile, attempt: Attempt(1) };
    let attempt = FailedAttempt { lease, worker: "a:1".into(), reason: "no memory".into() };
    TileFailures { attempts: vec![attempt], given_up }
}

#[test]
fn a_cell_s_tiles_are_those_that_have_it_and_cover_its_prompts_once() {
    let plan = plan();
    for place in 0..12 {
        let cell = CellAddress { grid: 0, iteration: 1, place };
        let explained = explain(&plan, situation(running()), &Kept::default(), Some(&cell)).cell.expect("a cell");
        let covered: u32 = explained.tiles.iter().map(|tile| tile.prompts.end - tile.prompts.start).sum();
        assert_eq!(covered + explained.noop_prompts, plan.context.clean.prompts(), "cell {place}");
        assert_eq!(explained.noop.is_some(), explained.noop_prompts > 0);
        assert_eq!(explained.indices, [place / 6, place % 6 / 2, place % 2]);
    }
}

#[test]
fn each_tile_says_where_it_is_and_what_went_wrong() {
    let plan = plan();
    let cell = cell(&plan);
    let tile = tiles_of(&plan, &cell)[0].id;
    let first = |situation: Situation, kept: &Kept| {
        let explained = explain(&plan, situation, kept, Some(&cell)).cell.expect("a cell");
        explained.tiles.into_iter().next().expect("a tile")
    };
    let nothing = Kept::default();
    assert_eq!(first(situation(running()), &nothing).state, TileState::Waiting);
    assert_eq!(first(situation(status(SweepState::Cancelled)), &nothing).state, TileState::Left);

    let held = HeldTile { tile, worker: "b:2".into(), attempt: Attempt(2), since: Duration::from_secs(3) };
    let leased = Situation { held: vec![held], ..situation(running()) };
    let retried = Kept { failures: BTreeMap::from([(tile, failed(tile, false))]), ..Kept::default() };
    let explained = first(leased.clone(), &retried);
    let holder = TileHolder { worker: "b:2".into(), attempt: Attempt(2), since: Duration::from_secs(3) };
    assert_eq!(explained.state, TileState::Leased(vec![holder]));
    assert_eq!((explained.attempts[0].worker.as_str(), explained.attempts[0].reason.as_str()), ("a:1", "no memory"));

    let given_up = Kept { failures: BTreeMap::from([(tile, failed(tile, true))]), ..Kept::default() };
    assert_eq!(first(situation(running()), &given_up).state, TileState::GivenUp);
    let done = Kept { origins: BTreeMap::from([(tile, origin("c:3"))]), ..retried };
    assert_eq!(first(leased, &done).state, TileState::Done(origin("c:3")));
}

#[test]
fn a_whole_sweep_is_explained_without_a_cell() {
    let plan = plan();
    let kept = Kept { failures: BTreeMap::from([(TileId(1), failed(TileId(1), false))]), ..Kept::default() };
    let waiting = SweepStatus { tiles_leased: 0, ..running() };
    let explained = explain(&plan, situation(waiting), &kept, None);
    assert_eq!(explained.cell, None);
    assert_eq!(explained.failures.len(), 1);
    assert!(explained.idle_because[0].starts_with("no worker is connected"));
}

#[test]
fn a_cell_of_features_says_whether_it_is_known_to_be_active() {
    let plan = fixtures::plan_of_features(PlanOptions::default());
    // Position 1, feature 2.
    let cell = CellAddress { grid: 0, iteration: 0, place: 8 };
    let of_plan =
        |plan: &Plan, kept: &Kept| explain(plan, situation(running()), kept, Some(&cell)).cell.expect("a cell");
    let waiting = of_plan(&plan, &Kept::default());
    let words = "it is computed if its features are active in a run of some prompt, which its tiles say";
    assert_eq!((waiting.activity.as_deref(), waiting.noop), (Some(words), None));
    let chosen = |found: Activity| {
        let activity = vec![(0..36).map(|place| if place == 8 { found } else { Activity::Off }).collect()];
        plan.extended(&Findings { estimates: vec![&[]], activity }).expect("few tiles")
    };
    let computed = of_plan(&chosen(Activity::On), &Kept::default());
    assert_eq!((computed.activity, computed.noop, computed.tiles.len()), (None, None, 2));
    let lost = of_plan(&chosen(Activity::Unknown), &Kept::default());
    let words = lost.activity.expect("nobody knows");
    assert!(words.contains("a tile that says so was given up") && lost.noop.is_none(), "{words}");
    let off = of_plan(&chosen(Activity::Off), &Kept::default());
    let words = "2 prompts: its features are active in the clean and the corrupted run of no prompt";
    assert!(off.noop.as_deref().is_some_and(|reasons| reasons.contains(words)), "{:?}", off.noop);
    assert_eq!((off.activity, off.noop_prompts), (None, 5));
}
