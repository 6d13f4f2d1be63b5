//! Memory that runs out in the middle of a check.

use std::path::Path;

use patchsweep_core::ids::TileId;
use patchsweep_core::model::Dtype;
use patchsweep_core::weights::Placement;
use patchsweep_data::sweep;

use super::*;
use crate::engine::Cancel;
use crate::torch::devices::Devices;
use crate::torch::model::load::Loader;

#[test]
fn a_check_that_runs_out_of_memory_takes_what_is_cached_for_other_tiles_and_no_more_of_their_share() {
    let folder = Path::new(patchsweep_data::files::FOLDER).join("acronym-gpt2");
    let devices = Devices::open("cpu").expect("a device");
    let loader = Loader::open(&folder, Dtype::Float32, &devices).expect("the model's files");
    let model = loader.load(Placement::Resident).expect("the model loads");
    let context = sweep::of_prompts(8);
    let exec = Exec::new(&model, context.clean.positions(), 1 << 20, Cancel::new());
    let (parts, meter) = (TileParts::of(&context, &(0..8)), Meter::new(devices, 0));
    let tile = Tile { id: TileId(0), iteration: 0, prompts: 0..8, work: sweep::all_cells() };
    let mut cache = ActivationCache::new(1);
    let mut shares = MemoryShares::of(64 << 20, 0, false).expect("enough");
    let share = shares.cache;
    cache.limit(share);
    let mut run_out = |cache: &mut ActivationCache| {
        let (context, exec, tile, parts, meter) = (&context, &exec, &tile, &parts, &meter);
        let shares = &mut shares;
        let mut task = PlainTask { context, parts, tile, exec, cache, shares, meter, dictionary: None };
        Chunks { task: &mut task, means: None, runs: Vec::new() }.ran_out(&(0..8));
        task.shares.cache
    };
    assert_eq!(run_out(&mut cache), share, "nothing is cached");
    cache.keep_zeros(0, share);
    assert_eq!((run_out(&mut cache), cache.stats().bytes), (share / 2, 0));
}
