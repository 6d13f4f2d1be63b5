//! The tiles of one sweep that wait for a worker.

use std::collections::{BTreeMap, BTreeSet};

use patchsweep_proto::ids::{TileId, WorkerId};

use super::tile::Trouble;

/// Ready tiles, so that the next one for a worker is found without a search.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub(super) struct ReadyTiles {
    /// By the workers that could not compute them. Most are under the empty set.
    by_failed_on: BTreeMap<BTreeSet<WorkerId>, Iterations>,
    /// Those that must be computed alone.
    suspects: BTreeMap<TileId, BTreeSet<WorkerId>>,
    /// How many workers have an iteration's activations.
    holders: BTreeMap<u32, u32>,
}

/// Ready tiles by iteration.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
struct Iterations {
    tiles: BTreeMap<u32, BTreeSet<TileId>>,
    /// The same iterations, those that the fewest workers hold first.
    fewest_holders_first: BTreeSet<(u32, u32)>,
}

impl ReadyTiles {
    pub(super) fn is_empty(&self) -> bool {
        self.by_failed_on.is_empty() && self.suspects.is_empty()
    }

    pub(super) fn insert(&mut self, tile: TileId, iteration: u32, trouble: Option<&Trouble>) {
        let failed_on = trouble.map(Trouble::failed_on).unwrap_or_default();
        if trouble.is_some_and(Trouble::is_suspect) {
            self.suspects.insert(tile, failed_on);
            return;
        }
        let holders = self.holders(iteration);
        let iterations = self.by_failed_on.entry(failed_on).or_default();
        iterations.tiles.entry(iteration).or_default().insert(tile);
        iterations.fewest_holders_first.insert((holders, iteration));
    }

    pub(super) fn remove(&mut self, tile: TileId, iteration: u32, trouble: Option<&Trouble>) {
        if trouble.is_some_and(Trouble::is_suspect) {
            self.suspects.remove(&tile);
            return;
        }
        let failed_on = trouble.map(Trouble::failed_on).unwrap_or_default();
        let holders = self.holders(iteration);
        let Some(iterations) = self.by_failed_on.get_mut(&failed_on) else { return };
        let Some(tiles) = iterations.tiles.get_mut(&iteration) else { return };
        tiles.remove(&tile);
        if tiles.is_empty() {
            iterations.tiles.remove(&iteration);
            iterations.fewest_holders_first.remove(&(holders, iteration));
        }
        if iterations.tiles.is_empty() {
            self.by_failed_on.remove(&failed_on);
        }
    }

    fn holders(&self, iteration: u32) -> u32 {
        self.holders.get(&iteration).copied().unwrap_or(0)
    }

    /// A worker got an iteration's activations.
    pub(super) fn hold(&mut self, iteration: u32) {
        self.set_holders(iteration, self.holders(iteration) + 1);
    }

    /// A worker does not have them any more.
    pub(super) fn unhold(&mut self, iteration: u32) {
        self.set_holders(iteration, self.holders(iteration).saturating_sub(1));
    }

    fn set_holders(&mut self, iteration: u32, holders: u32) {
        let before = self.holders(iteration);
        if holders == 0 {
            self.holders.remove(&iteration);
        } else {
            self.holders.insert(iteration, holders);
        }
        for iterations in self.by_failed_on.values_mut() {
            if iterations.fewest_holders_first.remove(&(before, iteration)) {
                iterations.fewest_holders_first.insert((holders, iteration));
            }
        }
    }

    pub(super) fn has_suspects(&self) -> bool {
        !self.suspects.is_empty()
    }

    /// A suspect for a worker that may take tiles that these workers failed on.
    pub(super) fn suspect(&self, may_take: impl Fn(&BTreeSet<WorkerId>) -> bool) -> Option<TileId> {
        self.suspects.iter().find(|(_, failed_on)| may_take(failed_on)).map(|(&tile, _)| tile)
    }

    /// Another tile for such a worker: of an iteration that it `holds`, else of the one that the fewest hold. Tiles
    /// that failed come first, so that it shows soon whether tile or worker is to blame.
    pub(super) fn pick(
        &self,
        holds: impl Iterator<Item = u32> + Clone,
        may_take: impl Fn(&BTreeSet<WorkerId>) -> bool,
    ) -> Option<TileId> {
        let (_, iterations) = self.by_failed_on.iter().rev().find(|(failed_on, _)| may_take(failed_on))?;
        let held = holds.into_iter().find(|iteration| iterations.tiles.contains_key(iteration));
        let iteration = held.or_else(|| Some(iterations.fewest_holders_first.first()?.1))?;
        iterations.tiles.get(&iteration)?.first().copied()
    }

    /// All tiles, and the number of holders of each iteration; for checks.
    pub(super) fn all(&self) -> (BTreeSet<TileId>, &BTreeMap<u32, u32>) {
        let tiles = self.by_failed_on.values().flat_map(|iterations| iterations.tiles.values().flatten());
        (tiles.chain(self.suspects.keys()).copied().collect(), &self.holders)
    }
}
