//! `Lease` and digests.

use super::WireError;
use crate::digest::Digest;
use crate::ids::{Attempt, Epoch, Lease, SweepId, TileId};
use crate::v1;

impl From<&Lease> for v1::Lease {
    fn from(lease: &Lease) -> Self {
        Self { epoch: lease.epoch.0, sweep_id: lease.sweep.0.clone(), tile_id: lease.tile.0, attempt: lease.attempt.0 }
    }
}

impl From<v1::Lease> for Lease {
    fn from(wire: v1::Lease) -> Self {
        Self {
            epoch: Epoch(wire.epoch),
            sweep: SweepId(wire.sweep_id),
            tile: TileId(wire.tile_id),
            attempt: Attempt(wire.attempt),
        }
    }
}

impl TryFrom<&[u8]> for Digest {
    type Error = WireError;

    fn try_from(bytes: &[u8]) -> Result<Self, WireError> {
        let digest = bytes.try_into().map(Self);
        digest.map_err(|_| WireError::invalid("Digest", "bytes", format!("{} bytes, not 32", bytes.len())))
    }
}
