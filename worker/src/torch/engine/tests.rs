mod devices;
mod dictionaries;
mod estimates;
mod models;
mod streaming;

use std::path::Path;
use std::thread;

use patchsweep_core::context::Iteration;
use patchsweep_core::ids::TileId;
use patchsweep_data::sweep;
use patchsweep_files::locate::ModelFolders;

use super::*;

/// So many that they take far longer than it takes to cancel them.
const PROMPTS: u32 = 4000;

fn engine() -> TorchEngine {
    let roots = vec![Path::new(patchsweep_data::files::FOLDER).to_owned()];
    TorchEngine::new(cpu(), ModelFolders { roots, hub_cache: None }, 256 << 20)
}

fn cpu() -> Devices {
    Devices::open("cpu").expect("every machine has one")
}

fn context() -> SweepContext {
    sweep::of_prompts(PROMPTS)
}

fn tile(prompts: u32) -> Tile {
    Tile { id: TileId(0), iteration: 0, prompts: 0..prompts, work: sweep::all_cells() }
}

#[test]
fn a_cancelled_tile_ends_and_the_next_one_has_the_right_scores() {
    let (context, mut engine) = (context(), engine());
    let cancel = Cancel::new();
    let in_thread = cancel.clone();
    let asked = thread::spawn(move || {
        while !in_thread.is_watched() {
            thread::yield_now();
        }
        in_thread.cancel();
    });
    let cancelled = engine.evaluate(&context, &tile(PROMPTS), None, &cancel);
    assert!(matches!(cancelled, Err(EngineError::Cancelled)), "{cancelled:?}");
    asked.join().expect("the tile was begun");

    let after = engine.evaluate(&context, &tile(8), None, &Cancel::new()).expect("computed");
    let undisturbed = self::engine().evaluate(&context, &tile(8), None, &Cancel::new()).expect("computed");
    assert_eq!(
        (after.scores.clone(), after.model, after.work),
        (undisturbed.scores, undisturbed.model, undisturbed.work)
    );
    assert!(after.scores.scores.iter().any(|score| score.effect.mean.abs() > 1e-3), "the patches do something");
}

#[test]
fn a_tile_that_is_cancelled_before_it_begins_loads_no_model() {
    let (context, mut engine) = (context(), engine());
    let cancel = Cancel::new();
    cancel.cancel();
    let cancelled = engine.evaluate(&context, &tile(8), None, &cancel);
    assert!(matches!(cancelled, Err(EngineError::Cancelled)), "{cancelled:?}");
    assert_eq!(engine.models.names(), []);
}

#[test]
fn another_model_than_expected_computes_nothing() {
    let (context, mut engine) = (context(), engine());
    let expected = Digest([3; 32]);
    let error = engine.evaluate(&context, &tile(8), Some(expected), &Cancel::new()).expect_err("another model");
    let EngineError::OtherModel { found, wanted, .. } = error else { panic!("{error}") };
    assert_eq!(wanted, expected);
    let right = engine.evaluate(&context, &tile(8), Some(found), &Cancel::new()).expect("the model expected");
    assert_eq!(right.model, found);
}

/// Two iterations whose prompts are corrupted alike from the eighth position on, read up to the given ones.
fn read_up_to(last_reads: [u32; 2]) -> SweepContext {
    let mut context = sweep::of_prompts(8);
    let clean = context.clean.clone();
    let positions = clean.positions() as usize;
    let ids = clean.ids().iter().enumerate();
    let corrupted = clean.with_ids(ids.map(|(at, &id)| if at % positions < 8 { id } else { (id + 1) % 577 }).collect());
    let iteration = Iteration { corrupted, ..context.iterations[0].clone() };
    context.iterations = last_reads.map(|last| Iteration { reads: vec![last], ..iteration.clone() }).to_vec();
    context
}

#[test]
fn what_was_computed_of_another_sweep_changes_no_bit_of_the_scores() {
    let [sweep, another] = [[15, 11], [12, 11]].map(read_up_to);
    let tile = Tile { iteration: 1, ..tile(8) };
    let scores = |engine: &mut TorchEngine, sweep: &SweepContext| {
        engine.evaluate(sweep, &tile, None, &Cancel::new()).expect("computed").scores
    };
    let mut warm = engine();
    scores(&mut warm, &another);
    assert_eq!(scores(&mut warm, &sweep), scores(&mut engine(), &sweep));
}
