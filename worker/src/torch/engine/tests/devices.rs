//! Models over several devices.

use patchsweep_core::grid::{Axis, Component, Grid, PatchValue};
use patchsweep_core::tile::TileWork;

use super::models::{engine_with, model_bytes, of};
use super::*;

/// An engine over the CPU twice that finds the embedded model as `a`.
fn twice(memory_budget: u64) -> (tempfile::TempDir, TorchEngine) {
    let (folder, _) = engine_with(&["a"], 0);
    let folders = ModelFolders { roots: vec![folder.path().to_owned()], hub_cache: None };
    (folder, TorchEngine::new(Devices::open("cpu,cpu").expect("two parts"), folders, memory_budget))
}

/// A sweep of one component, each layer at once.
fn sweep_of(component: Component, value: PatchValue) -> SweepContext {
    let context = of("a");
    let positions = context.clean.positions();
    let mut grid =
        Grid::new("g".into(), component, vec![Axis::Layer], &context.architecture, positions).expect("a grid");
    grid.value = value;
    SweepContext { grids: vec![grid], ..context }
}

fn scores(engine: &mut TorchEngine, context: &SweepContext, plain: bool) -> Vec<[u64; 2]> {
    let work = TileWork::Patch { grid: 0, cells: std::iter::once(0..sweep::SIZES.layers).collect(), plain };
    let tile = Tile { work, ..tile(8) };
    let evaluation = engine.evaluate(context, &tile, None, &Cancel::new()).expect("computed");
    evaluation.scores.scores.iter().map(|score| [score.value.mean, score.effect.mean].map(f64::to_bits)).collect()
}

#[test]
fn scores_over_two_devices_are_those_of_one_to_the_last_bit() {
    let (_one, mut one) = engine_with(&["a"], 1 << 30);
    let (_two, mut two) = twice(1 << 30);
    for component in Component::ALL {
        for value in [PatchValue::Other, PatchValue::Zero, PatchValue::Mean] {
            let context = sweep_of(component, value);
            for plain in [false, true] {
                let [one, two] = [&mut one, &mut two].map(|engine| scores(engine, &context, plain));
                assert_eq!(one, two, "{component:?} {value:?} {plain}");
            }
        }
    }
    let caches = two.cache.stats();
    assert!(caches.hits > 0 && caches.bytes > 0, "{caches:?}");
}

#[test]
fn two_parts_share_a_budget_and_each_has_its_layers() {
    // 4.5 MB for each: the model does not fit one of them as a whole beside a mebibyte.
    let budget = 9 << 20;
    let (_folder, mut engine) = twice(budget);
    let context = sweep_of(Component::ResidPre, PatchValue::Other);
    let _ = scores(&mut engine, &context, false);
    let model = engine.models.in_use().expect("loaded");
    assert_eq!([0, 1, 2, 3].map(|layer| model.layers.place(layer)), [0, 0, 1, 1]);
    assert!(model.most_bytes() < model.bytes());
    let tied_twice = model.bytes() - model_bytes();
    assert_eq!(tied_twice, 0, "on one device both parts read one embedding");
    assert_eq!(engine.gauge().read().memory.budget, budget);
}

#[test]
fn a_model_that_does_not_fit_several_devices_streams_through_them() {
    let (_folder, mut small) = twice(6 << 20);
    let (_other, mut large) = engine_with(&["a"], 1 << 30);
    let context = sweep_of(Component::ResidPost, PatchValue::Other);
    let means = |engine: &mut TorchEngine| -> Vec<f64> {
        scores(engine, &context, false).iter().map(|[_, effect]| f64::from_bits(*effect)).collect()
    };
    for (small, large) in means(&mut small).into_iter().zip(means(&mut large)) {
        assert!((small - large).abs() <= 1e-6, "{small} is not {large}");
    }
}
