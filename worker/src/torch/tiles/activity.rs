//! How active a dictionary's features are in the clean and the corrupted run: which of a grid's cells are worth a patch.

use std::collections::BTreeSet;

use patchsweep_core::features::Encoded;
use patchsweep_core::grid::{Axis, Cell};
use patchsweep_core::tile::Tile;

use super::chunk::{Chunk, Scores};
use crate::torch::numbers::host;
use crate::torch::patch::features::{encoded, place_of};
use crate::torch::positions::Positions;
use crate::torch::runs::activations::ActivationCache;
use crate::torch::runs::sites::Sites;

/// Of each cell the largest activation of its features at its positions in either run, behind zeros, from which that is
/// measured \[cells + 1\]\[1\]\[prompts\].
pub(crate) fn active(chunk: &Chunk<'_>, tile: &Tile, cache: &mut ActivationCache) -> Vec<Scores> {
    let cells = tile.patches(chunk.context);
    let grid = cells[0].grid();
    let (layer, component) = (cells[0].layer(), grid.component);
    let dictionary = chunk.dictionary.expect("a grid over a dictionary");
    let last = u32::try_from(chunk.last_read()).expect("a position");
    let Encoded { positions, features } = grid.encoded(&cells.iter().copied(), last);
    let site = BTreeSet::from([Sites::of_features(grid)]);
    let mut runs = chunk.runs(cache);
    // The corrupted run makes the clean one with all that it needs of it.
    let both = [runs.corrupted(&site), runs.clean(&site)];
    let at = Positions::new(positions.iter().map(|&position| position.into()));
    let [corrupted, clean] = both.map(|run| {
        let x = at.of(&run.get(layer, component), 1, 0);
        encoded(chunk.exec, dictionary, layer, &x, &features).abs()
    });
    let strongest = clean.maximum(&corrupted);
    // A cell of no position has all of them.
    let is_of_one = grid.axes.contains(&Axis::Pos);
    let strongest = if is_of_one { strongest } else { strongest.amax([1i64].as_slice(), true) };
    let strongest = host(&strongest.permute([1, 2, 0]));
    let prompts = chunk.prompts.len();
    let of_cell = |cell: &Cell<'_>| {
        let row = if is_of_one { place_of(&positions, cell.positions()[0]) } else { 0 };
        let place = row * features.len() + place_of(&features, cell.indices(Axis::Feature)[0]);
        vec![strongest[place * prompts..][..prompts].to_vec()]
    };
    std::iter::once(vec![vec![0.0; prompts]]).chain(cells.iter().map(of_cell)).collect()
}
