//! `Lease` and digests.

use super::WireError;
use crate::v1;
use patchsweep_core::digest::Digest;
use patchsweep_core::ids::{Attempt, Epoch, Lease, SweepId, TileId};

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

/// A digest that a message holds as bytes.
pub fn digest_from_wire(bytes: &[u8]) -> Result<Digest, WireError> {
    let digest = bytes.try_into().map(Digest);
    digest.map_err(|_| WireError::invalid("Digest", "bytes", format!("{} bytes, not 32", bytes.len())))
}
