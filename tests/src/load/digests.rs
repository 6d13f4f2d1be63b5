//! The tensors of a results folder and those that must be in it, by digest: neither is held twice.

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::fs;
use std::path::Path;

use patchsweep_core::digest::Digest;
use patchsweep_core::results::CellStatus;
use patchsweep_core::tile::Tile;
use patchsweep_plan::Plan;
use patchsweep_results::statistics::Statistics;
use patchsweep_serve::merge::{TileOutcome, merge};
use safetensors::SafeTensors;

use crate::simulation::made_up_scores;

/// Of each tensor's bytes, by its name.
type Digests = BTreeMap<String, Digest>;

/// Of what a single process that makes up the scores of tile after tile gives.
///
/// # Panics
/// When the tiles do not make a whole.
#[must_use]
pub fn expected_digests(plan: &Plan) -> Digests {
    let metrics = plan.context.metrics.len();
    let scores = |tile: &Tile| Ok::<_, Infallible>((tile.id, TileOutcome::Scores(made_up_scores(tile, metrics))));
    let results = merge(plan, plan.tiles.iter().map(scores)).expect("all tiles").into_results(plan, String::new());
    let mut digests = Digests::new();
    let mut add = |name: String, bytes: Vec<u8>| digests.insert(name, Digest::of(&bytes));
    for (name, runs) in [("clean", &results.clean), ("corrupted", &results.corrupted)] {
        add(name.to_owned(), runs.iter().flat_map(|run| &run.mean).flat_map(|x| x.to_le_bytes()).collect());
        let stderr = runs.iter().flat_map(|run| &run.stderr).flat_map(|x| x.to_le_bytes());
        add(format!("{name}.stderr"), stderr.collect());
    }
    let statuses = |list: &[CellStatus]| list.iter().flat_map(|status| status.number().to_le_bytes()).collect();
    for name in ["clean.status", "corrupted.status"] {
        add(name.to_owned(), statuses(&results.baselines));
    }
    for grid in &results.grids {
        let name = |part: &str| format!("{}{part}", grid.grid);
        add(name(""), grid.effect.iter().flat_map(|x| x.to_le_bytes()).collect());
        add(name(".value"), grid.value.iter().flat_map(|x| x.to_le_bytes()).collect());
        add(name(".stderr"), grid.stderr.iter().flat_map(|x| x.to_le_bytes()).collect());
        add(name(".count"), grid.count.iter().flat_map(|x| x.to_le_bytes()).collect());
        add(name(".status"), statuses(&grid.status));
        let Statistics { low, high, p_value, significant } = Statistics::of(grid);
        add(name(".low"), low.iter().flat_map(|x| x.to_le_bytes()).collect());
        add(name(".high"), high.iter().flat_map(|x| x.to_le_bytes()).collect());
        add(name(".p_value"), p_value.iter().flat_map(|x| x.to_le_bytes()).collect());
        add(name(".significant"), significant.iter().flat_map(|x| x.to_le_bytes()).collect());
    }
    digests
}

/// Of what lies in a results folder.
///
/// # Panics
/// When it is none.
#[must_use]
pub fn digests_of_folder(folder: &Path) -> Digests {
    let bytes = fs::read(folder.join("scores.safetensors")).expect("a file of tensors");
    let tensors = SafeTensors::deserialize(&bytes).expect("tensors");
    tensors.iter().map(|(name, tensor)| (name.to_owned(), Digest::of(tensor.data()))).collect()
}
