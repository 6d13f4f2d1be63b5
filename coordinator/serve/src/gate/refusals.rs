//! Whom the gate turned away: counted, and logged at a bounded rate.

use std::sync::Arc;
use std::time::Instant;

use patchsweep_process::throttle::Throttle;

use crate::telemetry::REFUSED_CONNECTIONS;

/// Lines a second for each reason; strangers could fill the disk with more.
const LINES: u32 = 5;

/// Why somebody was turned away.
#[derive(Clone, Copy, Debug)]
pub(super) enum Reason {
    TooMany,
    Tls,
    TlsTimeout,
    NotAdmitted,
    TokenRevoked,
}

/// Shared by all connections of a gate.
#[derive(Clone, Debug)]
pub(super) struct Refusals(Arc<[Throttle; 5]>);

impl Refusals {
    pub(super) fn new() -> Self {
        Self(Arc::new([const { Throttle::new(LINES) }; 5]))
    }

    /// Counts one; if it is to be logged, gives how many of the same reason were left out since the last line.
    pub(super) fn count(&self, reason: Reason) -> Option<u64> {
        REFUSED_CONNECTIONS.add(&[REFUSED_CONNECTIONS.labels[0].1[reason as usize]], 1);
        self.0[reason as usize].admit(Instant::now())
    }
}
