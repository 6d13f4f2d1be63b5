//! A record's bytes behind a checksum over them and the key that they are kept under.

use std::fmt;

use patchsweep_core::ids::{SweepId, TileId};
use prost::Message;

use super::Defect;

const CHECKSUM_BYTES: usize = 16;

/// Where a record is kept; a record found elsewhere is as damaged as one with a flipped bit.
#[derive(Clone, Copy, Debug)]
pub(super) struct Address<'a> {
    pub(super) kind: &'static str,
    /// The sweep, or the name of a record of which there is one.
    pub(super) name: &'a str,
    pub(super) tile: Option<TileId>,
}

impl<'a> Address<'a> {
    pub(super) fn of_sweep(kind: &'static str, sweep: &'a SweepId) -> Self {
        Self { kind, name: &sweep.0, tile: None }
    }

    pub(super) fn of_tile(kind: &'static str, sweep: &'a SweepId, tile: TileId) -> Self {
        Self { kind, name: &sweep.0, tile: Some(tile) }
    }
}

impl fmt::Display for Address<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "record `{} {}", self.kind, self.name)?;
        if let Some(tile) = self.tile {
            write!(f, " {tile}")?;
        }
        f.write_str("`")
    }
}

/// A message as it is kept.
pub(super) fn seal(address: Address<'_>, message: &impl Message) -> Vec<u8> {
    let mut sealed = Vec::with_capacity(CHECKSUM_BYTES + message.encoded_len());
    sealed.extend_from_slice(&[0; CHECKSUM_BYTES]);
    message.encode(&mut sealed).expect("a vector grows");
    let checksum = checksum(address, &sealed[CHECKSUM_BYTES..]);
    sealed[..CHECKSUM_BYTES].copy_from_slice(&checksum);
    sealed
}

/// The message, if it is the one that was kept here.
pub(super) fn unseal<M: Message + Default>(address: Address<'_>, sealed: &[u8]) -> Result<M, Defect> {
    let (found, payload) = sealed.split_at_checked(CHECKSUM_BYTES).ok_or(Defect::Checksum)?;
    if found != checksum(address, payload) {
        return Err(Defect::Checksum);
    }
    M::decode(payload).map_err(|_| Defect::Parts("its checksum is right, but it cannot be decoded"))
}

fn checksum(address: Address<'_>, payload: &[u8]) -> [u8; CHECKSUM_BYTES] {
    let mut hasher = blake3::Hasher::new();
    for part in [address.kind, address.name] {
        hasher.update(&(part.len() as u64).to_le_bytes()).update(part.as_bytes());
    }
    hasher.update(&address.tile.map_or(u64::MAX, |tile| tile.0.into()).to_le_bytes()).update(payload);
    let mut checksum = [0; CHECKSUM_BYTES];
    checksum.copy_from_slice(&hasher.finalize().as_bytes()[..CHECKSUM_BYTES]);
    checksum
}
