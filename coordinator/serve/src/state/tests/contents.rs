//! What is kept comes back.

use patchsweep_schedule::Past;
use std::time::{Duration, SystemTime};

use patchsweep_core::check::CheckOf;
use patchsweep_core::digest::Digest;
use patchsweep_core::ids::{Epoch, TileId};
use patchsweep_core::moments::Moments;
use patchsweep_core::scores::{CacheStats, CellScore, TileScores, WorkDone};
use patchsweep_core::status::{Priority, SweepState};
use patchsweep_plan::{Choice, Chosen, Seeds};
use patchsweep_proto::v1;
use proptest::prelude::*;

use super::disks::Disk;
use super::sample::{contents, ended, failure, lease, result, sweep};
use crate::state::records::KeptState;
use crate::state::{Arrival, Completed, Entry, FailedAttempt, KeptResult, KeptSweep, Store, TileFailures};

#[test]
fn a_running_sweep_is_recovered_with_its_plan_and_the_past_of_its_tiles() {
    let disk = Disk::new(Vec::new());
    let kept = sweep("a-1");
    let (store, first) = Store::on_backend(disk.clone()).expect("new");
    assert!(first.sweeps.is_empty());
    let entries = [
        Entry::Sweep(Box::new(kept.clone())),
        Entry::Result(Box::new(result(&kept, 0, "w"))),
        failure(&kept, 1, 1, "out of memory"),
        failure(&kept, 2, 1, "first"),
        failure(&kept, 2, 2, "last"),
        Entry::GivenUp { sweep: kept.id.clone(), tile: TileId(2) },
        failure(&kept, 3, 1, "lost"),
        Entry::Result(Box::new(result(&kept, 3, "w"))),
    ];
    store.write(&entries).expect("written");
    let before = contents(&store);
    drop(store);
    let (store, mut second) = Store::on_backend(disk).expect("there");
    assert_eq!(contents(&store), before);
    assert_eq!((second.coordinator, second.epoch.0), (first.coordinator, first.epoch.0 + 1));
    let found = second.sweeps.remove(0);
    let running = found.running.expect("it runs");
    assert_eq!(format!("{:?}", running.plan), format!("{:?}", kept.plan));
    assert_eq!((found.dataset, found.identity, found.submitted), (kept.dataset, kept.plan.identity(), kept.submitted));
    assert_eq!((found.arrival, found.model), (kept.arrival, Some(Digest::of(b"model"))));
    let past = [
        (TileId(0), Past::Done),
        (TileId(1), Past::Failures(1)),
        (TileId(2), Past::GivenUp { reason: "last".into() }),
        (TileId(3), Past::Done),
    ];
    assert_eq!(running.past, past.clone().into());
    assert_eq!((found.status.tiles_done, found.status.tiles_failed), (2, 1));
    assert_eq!(found.status.tiles_total as usize, kept.plan.tiles.len());
    assert_eq!(found.status.multiply_adds_done, kept.plan.costs[0] + kept.plan.costs[3]);
    assert_eq!((found.status.cells_total, found.status.cells_noop), (24, 10));
}

#[test]
fn an_ended_sweep_is_recovered_without_its_plan_and_goes_on_when_it_is_resumed() {
    let (store, _) = Store::in_memory().expect("new");
    let kept = sweep("a-1");
    let partial = SweepState::Partial { reason: "t2 failed".into() };
    let end = Entry::Ended { sweep: kept.id.clone(), state: partial.clone(), seconds: 1.5, at: ended() };
    let entries = [
        Entry::Sweep(Box::new(kept.clone())),
        failure(&kept, 2, 1, "bad"),
        Entry::GivenUp { sweep: kept.id.clone(), tile: TileId(2) },
        end,
    ];
    store.write(&entries).expect("written");
    assert_eq!(store.state(&kept.id).expect("a state"), Some((partial.clone(), 1.5)));
    let disk = Disk::new(Vec::new());
    let (store, _) = Store::on_backend(disk.clone()).expect("new");
    store.write(&entries).expect("written");
    drop(store);
    let (store, found) = Store::on_backend(disk.clone()).expect("there");
    let found = &found.sweeps[0];
    assert!(found.running.is_none());
    assert_eq!((&found.status.state, found.seconds), (&partial, 1.5));
    store.write(&[Entry::Resumed { sweep: kept.id.clone(), tiles: vec![TileId(2)] }]).expect("written");
    assert!(store.failures(&kept.id).expect("failures").is_empty());
    drop(store);
    let (_, found) = Store::on_backend(disk).expect("there");
    assert!(found.sweeps[0].running.as_ref().is_some_and(|running| running.past.is_empty()));
}

#[test]
fn a_check_comes_back_with_the_model_of_what_it_checks() {
    let disk = Disk::new(Vec::new());
    let (store, _) = Store::on_backend(disk.clone()).expect("new");
    let (checked, mut check) = (sweep("a"), sweep("a-check"));
    let of = CheckOf { sweep: checked.id.clone(), cells: 3, seed: 1 };
    std::sync::Arc::make_mut(&mut check.plan).check = Some(of);
    let scores = Entry::Result(Box::new(result(&checked, 0, "w")));
    store.write(&[Entry::Sweep(Box::new(checked)), scores, Entry::Sweep(Box::new(check))]).expect("written");
    drop(store);
    let (_, found) = Store::on_backend(disk).expect("there");
    let models: Vec<_> = found.sweeps.iter().map(|sweep| sweep.model).collect();
    assert_eq!(models, [Some(Digest::of(b"model")); 2]);
}

#[test]
fn a_sweep_without_the_life_in_which_it_was_submitted_is_a_defect() {
    let whole = v1::StoredSweep::from(&sweep("a"));
    let check = v1::StoredSweep { model_files: Vec::new(), ..whole.clone() };
    assert_eq!(KeptSweep::try_from(check).expect("it is whole").arrival, Arrival { epoch: Epoch(1), files: None });
    let defect =
        KeptSweep::try_from(v1::StoredSweep { epoch: None, ..whole }).expect_err("its leases would be anybody's");
    assert_eq!(defect.to_string(), "it does not say in which life it was submitted");
}

#[test]
fn sweeps_come_back_oldest_first() {
    let disk = Disk::new(Vec::new());
    let (store, _) = Store::on_backend(disk.clone()).expect("new");
    for (name, seconds) in [("a", 3), ("b", 1), ("c", 2)] {
        let submitted = SystemTime::UNIX_EPOCH + Duration::from_secs(seconds);
        store.write(&[Entry::Sweep(Box::new(KeptSweep { submitted, ..sweep(name) }))]).expect("written");
    }
    drop(store);
    let (_, found) = Store::on_backend(disk).expect("there");
    let names: Vec<&str> = found.sweeps.iter().map(|sweep| sweep.status.sweep.0.as_str()).collect();
    assert_eq!(names, ["b", "c", "a"]);
}

#[test]
fn writing_entries_again_changes_nothing_and_the_first_scores_stay() {
    let (store, _) = Store::in_memory().expect("new");
    let kept = sweep("a-1");
    let entries = [
        Entry::Sweep(Box::new(kept.clone())),
        Entry::Result(Box::new(result(&kept, 0, "first"))),
        failure(&kept, 1, 1, "once"),
        Entry::GivenUp { sweep: kept.id.clone(), tile: TileId(1) },
        Entry::Ended { sweep: kept.id.clone(), state: SweepState::Cancelled, seconds: 2.0, at: ended() },
    ];
    store.write(&entries).expect("written");
    let once = contents(&store);
    store.write(&entries).expect("written again");
    store.write(&[Entry::Result(Box::new(result(&kept, 0, "second")))]).expect("written");
    assert_eq!(contents(&store), once);
    assert_eq!(store.result(&kept.id, TileId(0)).expect("a result"), Some(result(&kept, 0, "first")));
    assert_eq!(store.result(&kept.id, TileId(1)).expect("none"), None);
}

fn moments() -> impl Strategy<Value = (f64, f64)> + Clone {
    // Bits of any kind but NaN, which is not equal to itself.
    let number = || any::<f64>().prop_filter("NaN", |number| !number.is_nan());
    (number(), number())
}

fn results() -> impl Strategy<Value = KeptResult> {
    let score = (any::<u64>(), moments(), moments());
    let scores = (1..4usize, 0..6usize).prop_flat_map(move |(metrics, cells)| {
        let score = score.clone();
        prop::collection::vec(score, cells).prop_map(move |cells| {
            let each = |(count, value, effect): &(u64, (f64, f64), (f64, f64))| CellScore {
                value: Moments { count: *count, mean: value.0, m2: value.1 },
                effect: Moments { count: *count, mean: effect.0, m2: effect.1 },
            };
            let scores = cells.iter().flat_map(|cell| vec![each(cell); metrics]).collect();
            TileScores { metrics, scores, by_prompt: Vec::new() }
        })
    });
    let numbers = prop::array::uniform9(any::<u64>());
    (any::<u32>(), any::<u32>(), ".{0,12}", any::<[u8; 32]>(), scores, numbers).prop_map(
        |(
            tile,
            attempt,
            text,
            digest,
            scores,
            [multiply_adds, libtorch_calls, memory_retries, streamed_bytes, hits, misses, evictions, bytes, busy],
        )| {
            KeptResult {
                lease: lease(&sweep("a"), tile, attempt),
                worker: text.clone(),
                device: text.clone(),
                completed: Completed {
                    model: Digest(digest),
                    notes: vec![text; usize::from(digest[0] % 3)],
                    scores,
                    busy: Duration::from_secs(busy % (1 << 40)),
                    work: WorkDone { multiply_adds, libtorch_calls, memory_retries, streamed_bytes },
                },
                cache: CacheStats { hits, misses, evictions, bytes, budget_bytes: bytes },
                received: SystemTime::UNIX_EPOCH + Duration::from_millis(busy % (1 << 40)),
            }
        },
    )
}

proptest! {
    #[test]
    fn results_round_trip(kept in results()) {
        let wire = v1::StoredResult::from(&kept);
        prop_assert_eq!(KeptResult::try_from(wire), Ok(kept));
    }

    #[test]
    fn failures_round_trip(given_up: bool, reasons in prop::collection::vec((".*", ".*", any::<u32>()), 0..4)) {
        let kept = sweep("a");
        let attempts = reasons.into_iter().map(|(worker, reason, attempt)| {
            FailedAttempt { lease: lease(&kept, 7, attempt), worker, reason }
        });
        let kept = TileFailures { attempts: attempts.collect(), given_up };
        prop_assert_eq!(TileFailures::try_from(v1::StoredFailures::from(&kept)), Ok(kept));
    }

    #[test]
    fn states_round_trip(word in 0..5, reason in ".*", seconds in 0.0..1e12, ended: Option<u32>) {
        let ended = ended.map(|seconds| SystemTime::UNIX_EPOCH + Duration::from_secs(u64::from(seconds) + 1));
        let state = match word {
            0 => SweepState::Running,
            1 => SweepState::Done,
            2 => SweepState::Partial { reason },
            3 => SweepState::Failed { reason },
            _ => SweepState::Cancelled,
        };
        let kept = KeptState { state, seconds, ended };
        prop_assert_eq!(KeptState::try_from(v1::StoredState::from(&kept)), Ok(kept));
    }

    #[test]
    fn sweeps_round_trip(
        priority in 1..=Priority::MAX, milliseconds in 0..1u64 << 45, digest: [u8; 32], texts: [String; 4],
        seeds in any::<(Option<u64>, Option<u64>)>(), answers: [Option<u32>; 2],
        epoch: u64, files: Option<[u8; 32]>,
    ) {
        let mut kept = KeptSweep {
            priority: Priority::new(priority).expect("in range"),
            submitted: SystemTime::UNIX_EPOCH + Duration::from_millis(milliseconds),
            dataset: Digest(digest),
            arrival: Arrival { epoch: Epoch(epoch), files: files.map(Digest) },
            ..sweep("a")
        };
        let plan = std::sync::Arc::make_mut(&mut kept.plan);
        let [name, label, spec, warning] = texts;
        (plan.name, plan.iteration_labels[0], plan.spec_text) = (name, label, spec);
        plan.seeds = Seeds { dataset: seeds.0, corruption: seeds.1 };
        (plan.kept_answers, plan.warnings) = (answers.to_vec(), vec![warning.clone()]);
        plan.dictionary_models = [("res".to_owned(), warning.clone())].into();
        plan.answer_texts = [(7, warning)].into();
        let back = KeptSweep::try_from(v1::StoredSweep::from(&kept)).expect("it is whole");
        prop_assert_eq!(format!("{back:?}"), format!("{kept:?}"));
    }
}

#[test]
fn a_sweep_whose_parts_do_not_fit_is_refused() {
    let changes: [fn(&mut v1::StoredSweep); 8] = [
        |wire| wire.context = wire.context.slice(..5),
        |wire| wire.costs.truncate(1),
        |wire| wire.tiles.reverse(),
        |wire| wire.tiles[0].iteration = 9,
        |wire| wire.token_labels.clear(),
        |wire| wire.kept_answers.clear(),
        |wire| wire.dataset_digest.clear(),
        |wire| wire.priority = 101,
    ];
    for change in changes {
        let mut wire = v1::StoredSweep::from(&sweep("a"));
        change(&mut wire);
        assert!(KeptSweep::try_from(wire).is_err());
    }
}

#[test]
fn a_plan_that_has_more_tiles_takes_the_place_of_the_one_before_and_comes_back() {
    let (store, _) = Store::in_memory().expect("new");
    let kept = sweep("a-1");
    let mut plan = (*kept.plan).clone();
    let first = u32::try_from(plan.tiles.len()).expect("few");
    let mut more = plan.tiles[first as usize - 1].clone();
    more.id = TileId(first);
    plan.tiles.push(more);
    plan.costs.push(5);
    let chosen = Chosen {
        grid: 0,
        iteration: 1,
        candidates: 9,
        without_estimate: 4,
        top: vec![2, 7],
        sample: vec![3],
        unknown: Vec::new(),
    };
    plan.choice = Some(Choice { first, chosen: vec![chosen], features: Vec::new() });
    let extended = KeptSweep { plan: plan.into(), ..kept.clone() };
    let entry = || Entry::Extended(Box::new(extended.clone()));
    store.write(&[entry()]).expect("written");
    assert!(store.sweep(&kept.id).expect("none").is_none(), "a sweep that is gone does not come back");
    store.write(&[Entry::Sweep(Box::new(kept.clone())), entry(), entry()]).expect("written");
    store.write(&[Entry::Sweep(Box::new(kept.clone()))]).expect("written again");
    let found = store.sweep(&kept.id).expect("readable").expect("there");
    assert_eq!((&found.plan.tiles, &found.plan.costs), (&extended.plan.tiles, &extended.plan.costs));
    assert_eq!(found.plan.choice, extended.plan.choice);
    assert_eq!(found.plan.identity(), kept.plan.identity(), "it is the same sweep");
}
