//! The tiles of one running sweep.

use std::collections::{BTreeMap, BTreeSet};

use patchsweep_proto::ids::{Attempt, SweepId, TileId, WorkerId};

use super::{FIRST_ATTEMPT, Progress, TileInfo};

/// Where a tile stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum TileState {
    Ready,
    Leased { worker: WorkerId, attempt: Attempt },
    Done,
}

#[derive(Debug)]
struct TileSlot {
    info: TileInfo,
    state: TileState,
    next_attempt: Attempt,
    failures: u32,
    /// Workers were lost with this tile in hand.
    losses: u32,
    /// Workers that could not compute it; others come first.
    failed_on: BTreeSet<WorkerId>,
}

/// The tiles of one running sweep, ready ones by iteration.
#[derive(Debug)]
pub(super) struct SweepQueue {
    pub(super) id: SweepId,
    tiles: Vec<TileSlot>,
    ready: BTreeMap<u32, BTreeSet<TileId>>,
    progress: Progress,
}

impl SweepQueue {
    pub(super) fn new(id: SweepId, infos: &[TileInfo]) -> Self {
        let slot = |&info| TileSlot {
            info,
            state: TileState::Ready,
            next_attempt: FIRST_ATTEMPT,
            failures: 0,
            losses: 0,
            failed_on: BTreeSet::new(),
        };
        let tiles: Vec<TileSlot> = infos.iter().map(slot).collect();
        let mut ready: BTreeMap<u32, BTreeSet<TileId>> = BTreeMap::new();
        for (tile, info) in (0..).map(TileId).zip(infos) {
            ready.entry(info.iteration).or_default().insert(tile);
        }
        let progress = Progress {
            total: u32::try_from(tiles.len()).unwrap_or(u32::MAX),
            cost_total: infos.iter().map(|info| info.cost).sum(),
            ..Progress::default()
        };
        Self { id, tiles, ready, progress }
    }

    pub(super) fn progress(&self) -> Progress {
        self.progress
    }

    pub(super) fn state(&self, tile: TileId) -> Option<TileState> {
        self.tiles.get(tile.0 as usize).map(|slot| slot.state)
    }

    pub(super) fn has_ready(&self) -> bool {
        !self.ready.is_empty()
    }

    /// Iterations with a tile that this worker may take.
    pub(super) fn iterations_for(&self, worker: WorkerId, others: &BTreeSet<WorkerId>) -> impl Iterator<Item = u32> {
        let has_tile = move |tiles: &BTreeSet<TileId>| self.pick(tiles, worker, others).is_some();
        self.ready.iter().filter(move |(_, tiles)| has_tile(tiles)).map(|(&iteration, _)| iteration)
    }

    /// Leases an iteration's first ready tile that this worker may take.
    pub(super) fn lease(
        &mut self,
        iteration: u32,
        worker: WorkerId,
        others: &BTreeSet<WorkerId>,
    ) -> Option<(TileId, Attempt)> {
        let tile = self.pick(self.ready.get(&iteration)?, worker, others)?;
        let tiles = self.ready.get_mut(&iteration)?;
        tiles.remove(&tile);
        if tiles.is_empty() {
            self.ready.remove(&iteration);
        }
        let slot = &mut self.tiles[tile.0 as usize];
        let attempt = slot.next_attempt;
        slot.next_attempt = Attempt(attempt.0 + 1);
        slot.state = TileState::Leased { worker, attempt };
        self.progress.leased += 1;
        Some((tile, attempt))
    }

    /// A tile that failed on this worker is left to the others, while there is one that it has not failed on.
    fn pick(&self, tiles: &BTreeSet<TileId>, worker: WorkerId, others: &BTreeSet<WorkerId>) -> Option<TileId> {
        let may_take = |tile: &&TileId| {
            let failed_on = &self.tiles[tile.0 as usize].failed_on;
            !failed_on.contains(&worker) || others.is_subset(failed_on)
        };
        tiles.iter().find(may_take).copied()
    }

    /// A leased tile's scores are kept.
    pub(super) fn finish(&mut self, tile: TileId) {
        let slot = &mut self.tiles[tile.0 as usize];
        slot.state = TileState::Done;
        self.progress.leased -= 1;
        self.progress.done += 1;
        self.progress.cost_done += slot.info.cost;
    }

    /// A leased tile is ready again, through nobody's fault.
    pub(super) fn hand_back(&mut self, tile: TileId) {
        let slot = &mut self.tiles[tile.0 as usize];
        slot.state = TileState::Ready;
        self.progress.leased -= 1;
        self.ready.entry(slot.info.iteration).or_default().insert(tile);
    }

    /// A leased tile is ready again after its worker could not compute it; says how often that happened.
    pub(super) fn fail(&mut self, tile: TileId, worker: WorkerId) -> u32 {
        self.hand_back(tile);
        let slot = &mut self.tiles[tile.0 as usize];
        slot.failed_on.insert(worker);
        slot.failures += 1;
        slot.failures
    }

    /// A leased tile is ready again after its worker was lost with it in hand; says how often that happened.
    pub(super) fn lose(&mut self, tile: TileId) -> u32 {
        self.hand_back(tile);
        let slot = &mut self.tiles[tile.0 as usize];
        slot.losses += 1;
        slot.losses
    }
}
