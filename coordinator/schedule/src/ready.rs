//! The tiles of one sweep that wait for a worker.

use std::collections::{BTreeMap, BTreeSet};

use patchsweep_core::ids::{TileId, WorkerId};

use super::tile::Trouble;

/// Ready tiles, so that the next one for a worker is found without a search.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub(super) struct ReadyTiles {
    /// By the workers that should not get them. Most are under no worker at all.
    by_shun: BTreeMap<Shun, Iterations>,
    /// Those that must be computed alone.
    suspects: BTreeMap<TileId, Shun>,
    /// How many workers have an iteration's activations.
    holders: BTreeMap<u32, u32>,
}

/// Which workers should not get a tile, as long as there are others.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct Shun {
    /// They could not compute it.
    pub(super) failed_on: BTreeSet<WorkerId>,
    /// They leave it to those who can, to whom alone it is a matter of taste.
    pub(super) avoided_by: BTreeSet<WorkerId>,
    is_suspect: bool,
}

impl Shun {
    pub(super) fn of(trouble: Option<&Trouble>, avoid: Option<&BTreeSet<WorkerId>>) -> Self {
        Self {
            failed_on: trouble.map(Trouble::failed_on).unwrap_or_default(),
            avoided_by: avoid.cloned().unwrap_or_default(),
            is_suspect: trouble.is_some_and(Trouble::is_suspect),
        }
    }
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
        self.by_shun.is_empty() && self.suspects.is_empty()
    }

    pub(super) fn insert(&mut self, tile: TileId, iteration: u32, shun: Shun) {
        if shun.is_suspect {
            self.suspects.insert(tile, shun);
            return;
        }
        let holders = self.holders(iteration);
        let iterations = self.by_shun.entry(shun).or_default();
        iterations.tiles.entry(iteration).or_default().insert(tile);
        iterations.fewest_holders_first.insert((holders, iteration));
    }

    pub(super) fn remove(&mut self, tile: TileId, iteration: u32, shun: &Shun) {
        if shun.is_suspect {
            self.suspects.remove(&tile);
            return;
        }
        let holders = self.holders(iteration);
        let Some(iterations) = self.by_shun.get_mut(shun) else { return };
        let Some(tiles) = iterations.tiles.get_mut(&iteration) else { return };
        tiles.remove(&tile);
        if tiles.is_empty() {
            iterations.tiles.remove(&iteration);
            iterations.fewest_holders_first.remove(&(holders, iteration));
        }
        if iterations.tiles.is_empty() {
            self.by_shun.remove(shun);
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
        for iterations in self.by_shun.values_mut() {
            if iterations.fewest_holders_first.remove(&(before, iteration)) {
                iterations.fewest_holders_first.insert((holders, iteration));
            }
        }
    }

    pub(super) fn has_suspects(&self) -> bool {
        !self.suspects.is_empty()
    }

    /// A suspect for a worker that may take tiles that these workers should not get.
    pub(super) fn suspect(&self, may_take: impl Fn(&Shun) -> bool) -> Option<TileId> {
        self.suspects.iter().find(|(_, shun)| may_take(shun)).map(|(&tile, _)| tile)
    }

    /// Another tile for such a worker: of an iteration that it `holds`, else of the one that the fewest hold. Tiles
    /// that failed come first, so that it shows soon whether tile or worker is to blame.
    pub(super) fn pick(
        &self,
        holds: impl Iterator<Item = u32> + Clone,
        may_take: impl Fn(&Shun) -> bool,
    ) -> Option<TileId> {
        let (_, iterations) = self.by_shun.iter().rev().find(|(shun, _)| may_take(shun))?;
        let held = holds.into_iter().find(|iteration| iterations.tiles.contains_key(iteration));
        let iteration = held.or_else(|| Some(iterations.fewest_holders_first.first()?.1))?;
        iterations.tiles.get(&iteration)?.first().copied()
    }

    /// All tiles, and the number of holders of each iteration; for checks.
    pub(super) fn all(&self) -> (BTreeSet<TileId>, &BTreeMap<u32, u32>) {
        let tiles = self.by_shun.values().flat_map(|iterations| iterations.tiles.values().flatten());
        (tiles.chain(self.suspects.keys()).copied().collect(), &self.holders)
    }
}
