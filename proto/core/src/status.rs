//! The state of a sweep as clients get it, and how they may have its work cut.

use std::time::{Duration, SystemTime};

use crate::ids::SweepId;

/// A sweep at one moment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SweepStatus {
    /// The sweep.
    pub sweep: SweepId,
    /// As in the spec.
    pub name: String,
    /// Where it stands.
    pub state: SweepState,
    /// Tiles of its plan.
    pub tiles_total: u32,
    /// Tiles whose scores are in.
    pub tiles_done: u32,
    /// Tiles that workers hold now.
    pub tiles_leased: u32,
    /// Cost estimate of all tiles, in multiply-adds.
    pub multiply_adds_total: u64,
    /// Of those that are done.
    pub multiply_adds_done: u64,
    /// Connected workers.
    pub workers: u32,
    /// Cells over all grids and iterations.
    pub cells_total: u64,
    /// Of those, cells that no worker computes, because their effect is 0 by causality.
    pub cells_noop: u64,
    /// Tiles that failed on every attempt.
    pub tiles_failed: u32,
    /// Its share of the workers.
    pub priority: Priority,
    /// Results that came too late or twice and were dropped, since the coordinator's start.
    pub results_dropped: u64,
    /// Of a check the sweep that it checks.
    pub check_of: Option<SweepId>,
    /// What a running sweep waits for, where nobody can compute it.
    pub waiting: Option<String>,
    /// The baselines, then every grid.
    pub grids: Vec<GridProgress>,
    /// When it was submitted.
    pub submitted: SystemTime,
    /// From its submission, or its last resumption, to its end or now; of a running sweep in whole seconds.
    pub elapsed: Duration,
    /// What all workers together do of it, measured over the last minute or so; `None`: not known.
    pub multiply_adds_per_second: Option<u64>,
}

/// What [`GridProgress::name`] is of baselines.
pub const BASELINES: &str = "baselines";

/// How far a grid is, over all iterations.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct GridProgress {
    /// The grid's; [`BASELINES`] for those, which have two cells in each iteration.
    pub name: String,
    /// Cells.
    pub cells_total: u64,
    /// Of those, cells that no worker computes, because their effect is 0 by causality.
    pub cells_noop: u64,
    /// Cells whose scores are in, over all prompts.
    pub cells_done: u64,
    /// Tiles.
    pub tiles_total: u32,
    /// Tiles whose scores are in.
    pub tiles_done: u32,
    /// Cost estimate of its tiles, in multiply-adds.
    pub multiply_adds_total: u64,
    /// Of those that are done.
    pub multiply_adds_done: u64,
}

impl SweepStatus {
    /// How long a running sweep still takes if it goes on as in the last minute, from multiply-adds; `None` where that is
    /// not known.
    #[must_use]
    pub fn remaining(&self) -> Option<Duration> {
        let rate = self.multiply_adds_per_second.filter(|&rate| rate > 0 && self.state == SweepState::Running)?;
        let left = self.multiply_adds_total.saturating_sub(self.multiply_adds_done);
        let millis = u128::from(left) * 1000 / u128::from(rate);
        Some(Duration::from_millis(u64::try_from(millis).unwrap_or(u64::MAX)))
    }
}

/// A sweep's share of the workers: one of priority 20 gets twice the multiply-adds of one of priority 10.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Priority(u8);

impl Priority {
    /// The largest share.
    pub const MAX: u8 = 100;

    /// 1 to [`Self::MAX`].
    #[must_use]
    pub fn new(share: u8) -> Option<Self> {
        (1..=Self::MAX).contains(&share).then_some(Self(share))
    }

    /// The share, at least 1.
    #[must_use]
    pub fn get(self) -> u8 {
        self.0
    }
}

impl Default for Priority {
    fn default() -> Self {
        Self(10)
    }
}

/// Where a sweep stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SweepState {
    /// Tiles are waiting or being computed.
    Running,
    /// All scores are in.
    Done,
    /// Some tiles failed on every attempt; all other scores are in.
    Partial {
        /// Why, as the last worker reported.
        reason: String,
    },
    /// No tile could be computed.
    Failed {
        /// Why, as the last worker reported.
        reason: String,
    },
    /// By a client.
    Cancelled,
}

impl SweepState {
    /// Whether nothing more will happen.
    #[must_use]
    pub fn is_final(&self) -> bool {
        *self != Self::Running
    }

    /// Why it is not whole.
    #[must_use]
    pub fn reason(&self) -> Option<&str> {
        match self {
            Self::Partial { reason } | Self::Failed { reason } => Some(reason),
            Self::Running | Self::Done | Self::Cancelled => None,
        }
    }

    /// One word for tables and JSON.
    #[must_use]
    pub fn name(&self) -> &'static str {
        match self {
            Self::Running => "running",
            Self::Done => "done",
            Self::Partial { .. } => "partial",
            Self::Failed { .. } => "failed",
            Self::Cancelled => "cancelled",
        }
    }
}

/// Whether a worker's device, by its name or several with commas between them, is GPUs and nothing else.
#[must_use]
pub fn only_gpus(device: &str) -> bool {
    device.split(',').all(|name| name.starts_with("cuda"))
}

/// How the work is cut into tiles; the scores do not depend on it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct PlanOptions {
    /// Multiply-adds that a tile aims at; `None`: a 64th of the sweep, within bounds, and rows enough for matrix products
    /// to run at full speed. Both are more for GPUs.
    pub tile_multiply_adds: Option<u64>,
    /// Most prompts of a tile; `None`: as many as have 8192 tokens up to the sweep's last read position, at least 1 and at
    /// most 256.
    pub tile_prompts: Option<u32>,
    /// GPUs compute it, and nobody else.
    pub for_gpus: bool,
}
