//! The tiles of one running sweep.

use std::collections::{BTreeMap, BTreeSet};

use patchsweep_core::ids::{Attempt, Epoch, SweepId, TileId, WorkerId};
use patchsweep_core::length;
use patchsweep_core::status::Priority;

use super::ready::{ReadyTiles, Shun};
use super::tile::{Fence, Holder, Stage, Strike, TileSlot, Trouble};
use super::{MAX_STRIKES, ModelKey, Past, Progress, TileInfo};

/// Granted multiply-adds are counted in parts of this many, so that dividing by the priority loses nothing that matters.
const SHARE_UNIT: u128 = 1 << 20;

/// The first attempt at a tile.
pub(super) const FIRST_ATTEMPT: Attempt = Attempt(1);

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct SweepQueue {
    pub(super) id: SweepId,
    /// The life in which it was submitted.
    pub(super) since: Epoch,
    pub(super) model: ModelKey,
    priority: Priority,
    /// Granted multiply-adds by priority; the sweep with the least comes next.
    pub(super) served: u128,
    /// The part of it that workers hold.
    under_way: u128,
    /// Where it stands in the order of sweeps with ready tiles.
    pub(super) queued_at: Option<u128>,
    tiles: Vec<TileSlot>,
    pub(super) ready: ReadyTiles,
    /// Of leased tiles: one, or two when the tile is computed a second time.
    holders: BTreeMap<TileId, Vec<Holder>>,
    /// Of the few tiles that have any.
    troubles: BTreeMap<TileId, Trouble>,
    /// Workers that leave a tile to others; of a check only.
    avoid: BTreeMap<TileId, BTreeSet<WorkerId>>,
    /// Workers that cannot compute its tiles, and why.
    pub(super) unfit: BTreeMap<WorkerId, String>,
    progress: Progress,
    /// Why a tile was last given up.
    pub(super) last_reason: String,
}

impl SweepQueue {
    pub(super) fn new(
        id: SweepId,
        since: Epoch,
        model: ModelKey,
        infos: &[TileInfo],
        priority: Priority,
        next_attempt: Attempt,
        avoid: BTreeMap<TileId, BTreeSet<WorkerId>>,
    ) -> Self {
        let slot = |&info| TileSlot { info, next_attempt, stage: Stage::Ready };
        let mut ready = ReadyTiles::default();
        for (tile, info) in (0..).map(TileId).zip(infos) {
            ready.insert(tile, info.iteration, Shun::of(None, avoid.get(&tile)));
        }
        let progress = Progress {
            total: length(infos.len()),
            cost_total: infos.iter().fold(0, |sum, info| sum.saturating_add(info.cost)),
            ..Progress::default()
        };
        Self {
            id,
            since,
            model,
            priority,
            served: 0,
            under_way: 0,
            queued_at: None,
            tiles: infos.iter().map(slot).collect(),
            ready,
            holders: BTreeMap::new(),
            troubles: BTreeMap::new(),
            avoid,
            unfit: BTreeMap::new(),
            progress,
            last_reason: String::new(),
        }
    }

    /// Adds tiles behind those that it has.
    pub(super) fn extend(&mut self, infos: &[TileInfo]) {
        for &info in infos {
            let tile = TileId(length(self.tiles.len()));
            self.tiles.push(TileSlot { info, next_attempt: FIRST_ATTEMPT, stage: Stage::Ready });
            self.ready.insert(tile, info.iteration, Shun::of(None, None));
            self.progress.total += 1;
            self.progress.cost_total = self.progress.cost_total.saturating_add(info.cost);
        }
    }

    /// Takes over what the journal says of a tile, before anything is leased.
    pub(super) fn recall(&mut self, tile: TileId, past: Past) {
        if self.slot(tile).is_none_or(|slot| slot.stage != Stage::Ready) {
            return;
        }
        match past {
            Past::Done => self.set_stage(tile, Stage::Done),
            Past::GivenUp { reason } => self.give_up(tile, reason),
            // Strikes that were taken back are still in the journal, so that they alone give no tile up.
            Past::Failures(strikes) => {
                self.change_trouble(tile, |trouble| trouble.earlier = strikes.min(MAX_STRIKES - 1));
            }
        }
    }

    /// What a tile counts for in the order of sweeps.
    pub(super) fn share(&self, cost: u64) -> u128 {
        u128::from(cost.max(1)) * SHARE_UNIT / u128::from(self.priority.get())
    }

    /// Multiply-adds that count for so much.
    pub(super) fn multiply_adds(&self, share: u128) -> u128 {
        share * u128::from(self.priority.get()) / SHARE_UNIT
    }

    /// What the tiles that workers hold count for.
    pub(super) fn under_way(&self) -> u128 {
        self.under_way
    }

    /// The same, added up anew; for checks.
    pub(super) fn count_under_way(&self) -> u128 {
        let leased = self.tiles.iter().filter(|slot| slot.stage == Stage::Leased);
        leased.map(|slot| self.share(slot.info.cost)).sum()
    }

    pub(super) fn progress(&self) -> Progress {
        self.progress
    }

    pub(super) fn slot(&self, tile: TileId) -> Option<&TileSlot> {
        self.tiles.get(tile.0 as usize)
    }

    pub(super) fn stage(&self, tile: TileId) -> Option<Stage> {
        self.slot(tile).map(|slot| slot.stage)
    }

    pub(super) fn holders(&self, tile: TileId) -> &[Holder] {
        self.holders.get(&tile).map_or(&[], Vec::as_slice)
    }

    pub(super) fn trouble(&self, tile: TileId) -> Option<&Trouble> {
        self.troubles.get(&tile)
    }

    /// Whether a worker leaves a tile to others.
    pub(super) fn is_avoided_by(&self, tile: TileId, worker: WorkerId) -> bool {
        self.avoid.get(&tile).is_some_and(|workers| workers.contains(&worker))
    }

    pub(super) fn troubled_tiles(&self) -> impl Iterator<Item = (TileId, &Trouble)> {
        self.troubles.iter().map(|(&tile, trouble)| (tile, trouble))
    }

    /// Leases a tile to one more worker.
    pub(super) fn lease(&mut self, tile: TileId, worker: WorkerId, epoch: Epoch) -> Fence {
        let slot = &self.tiles[tile.0 as usize];
        let fence = Fence { epoch, attempt: slot.next_attempt };
        self.served += self.share(slot.info.cost);
        self.hold(tile, Holder { worker, fence });
        fence
    }

    /// A worker computes a tile under this lease, old or new; the next attempt counts on.
    pub(super) fn hold(&mut self, tile: TileId, holder: Holder) {
        self.set_stage(tile, Stage::Leased);
        let slot = &mut self.tiles[tile.0 as usize];
        slot.next_attempt = slot.next_attempt.max(Attempt(holder.fence.attempt.0.saturating_add(1)));
        self.holders.entry(tile).or_default().push(holder);
    }

    /// A worker does not compute a tile any more. Without another holder the tile is ready again.
    pub(super) fn let_go(&mut self, tile: TileId, worker: WorkerId) {
        let Some(holders) = self.holders.get_mut(&tile) else { return };
        holders.retain(|holder| holder.worker != worker);
        if holders.is_empty() {
            self.set_stage(tile, Stage::Ready);
        }
    }

    /// A leased tile's scores are kept. Says who else was computing it, and what had gone wrong with it.
    pub(super) fn finish(&mut self, tile: TileId, worker: WorkerId) -> (Vec<Holder>, Trouble) {
        let mut holders = self.holders.get(&tile).cloned().unwrap_or_default();
        holders.retain(|holder| holder.worker != worker);
        self.set_stage(tile, Stage::Done);
        (holders, self.troubles.remove(&tile).unwrap_or_default())
    }

    /// A ready tile gets no more attempts.
    pub(super) fn give_up(&mut self, tile: TileId, reason: String) {
        self.set_stage(tile, Stage::GivenUp);
        self.troubles.remove(&tile);
        self.last_reason = reason;
    }

    /// Counts an attempt against a tile, and says how many do.
    pub(super) fn strike(&mut self, tile: TileId, strike: Strike) -> u32 {
        self.change_trouble(tile, |trouble| trouble.strikes.push(strike));
        self.trouble(tile).map_or(0, Trouble::strike_count)
    }

    /// Changes what went wrong with a tile, and what follows from it for who gets it next.
    pub(super) fn change_trouble(&mut self, tile: TileId, change: impl FnOnce(&mut Trouble)) {
        let slot = &self.tiles[tile.0 as usize];
        let before = self.troubles.remove(&tile);
        let mut after = before.clone().unwrap_or_default();
        change(&mut after);
        let after = (!after.is_none()).then_some(after);
        if slot.stage == Stage::Ready {
            let avoid = self.avoid.get(&tile);
            self.ready.remove(tile, slot.info.iteration, &Shun::of(before.as_ref(), avoid));
            self.ready.insert(tile, slot.info.iteration, Shun::of(after.as_ref(), avoid));
        }
        self.troubles.extend(after.map(|trouble| (tile, trouble)));
    }

    fn set_stage(&mut self, tile: TileId, stage: Stage) {
        let slot = &mut self.tiles[tile.0 as usize];
        let before = std::mem::replace(&mut slot.stage, stage);
        if before == stage {
            return;
        }
        let TileInfo { iteration, cost } = slot.info;
        let share = self.share(cost);
        let shun = Shun::of(self.troubles.get(&tile), self.avoid.get(&tile));
        match before {
            Stage::Ready => self.ready.remove(tile, iteration, &shun),
            Stage::Leased => {
                self.holders.remove(&tile);
                self.under_way -= share;
                self.progress.leased -= 1;
            }
            Stage::Done | Stage::GivenUp => {}
        }
        match stage {
            Stage::Ready => self.ready.insert(tile, iteration, shun),
            Stage::Leased => {
                self.under_way += share;
                self.progress.leased += 1;
            }
            Stage::Done => {
                self.progress.done += 1;
                self.progress.cost_done = self.progress.cost_done.saturating_add(cost);
            }
            Stage::GivenUp => self.progress.failed += 1,
        }
    }

    /// More than any attempt so far.
    pub(super) fn next_attempt(&self) -> Attempt {
        self.tiles.iter().map(|slot| slot.next_attempt).max().unwrap_or(FIRST_ATTEMPT)
    }

    /// Everything about its tiles counted anew; for checks.
    pub(super) fn tiles(&self) -> impl Iterator<Item = (TileId, &TileSlot)> {
        (0..).map(TileId).zip(&self.tiles)
    }
}
