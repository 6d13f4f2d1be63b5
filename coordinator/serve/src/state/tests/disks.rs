//! Disks that fail.

use std::io;
use std::sync::{Arc, Mutex, PoisonError};

use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use redb::StorageBackend;

/// Power fails in pieces of this size.
const SECTOR: usize = 512;

/// A disk that loses power after some calls; of what was not synced, any part may be lost.
#[derive(Clone, Debug)]
pub(super) struct Disk(Arc<Mutex<State>>);

#[derive(Debug)]
struct State {
    /// As programs see it.
    bytes: Vec<u8>,
    /// As it would be found after a power failure, but for `unsynced`.
    synced: Vec<u8>,
    unsynced: Vec<Change>,
    /// Writes, resizes and syncs until the power fails.
    calls_left: Option<u64>,
    /// What calls answer, but for so many that still succeed.
    refusal: Option<(u64, io::ErrorKind)>,
    /// One call is refused only.
    refuses_once: bool,
    refused: u64,
    syncs: u64,
}

#[derive(Clone, Debug)]
enum Change {
    Write(usize, Vec<u8>),
    Resize(usize),
}

impl Change {
    fn apply(&self, bytes: &mut Vec<u8>) {
        match self {
            Self::Resize(length) => bytes.resize(*length, 0),
            Self::Write(offset, data) => {
                // A resize before it may be lost.
                bytes.resize(bytes.len().max(offset + data.len()), 0);
                bytes[*offset..][..data.len()].copy_from_slice(data);
            }
        }
    }
}

impl Disk {
    pub(super) fn new(bytes: Vec<u8>) -> Self {
        Self(Arc::new(Mutex::new(State {
            synced: bytes.clone(),
            bytes,
            unsynced: Vec::new(),
            calls_left: None,
            refusal: None,
            refuses_once: false,
            refused: 0,
            syncs: 0,
        })))
    }

    fn with<T>(&self, act: impl FnOnce(&mut State) -> T) -> T {
        act(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }

    pub(super) fn fail_after(&self, calls: u64) {
        self.with(|state| state.calls_left = Some(calls));
    }

    /// Answers writes, resizes and syncs with an error after some more, until [`Self::refuse_no_more`].
    pub(super) fn refuse_after(&self, calls: u64, refusal: io::ErrorKind) {
        self.with(|state| state.refusal = Some((calls, refusal)));
    }

    /// Answers one write, resize or sync with an error.
    pub(super) fn refuse_once_after(&self, calls: u64, refusal: io::ErrorKind) {
        self.with(|state| (state.refusal, state.refuses_once) = (Some((calls, refusal)), true));
    }

    pub(super) fn refuse_no_more(&self) {
        self.with(|state| state.refusal = None);
    }

    /// Calls that were refused.
    pub(super) fn refused(&self) -> u64 {
        self.with(|state| state.refused)
    }

    pub(super) fn syncs(&self) -> u64 {
        self.with(|state| state.syncs)
    }

    pub(super) fn bytes(&self) -> Vec<u8> {
        self.with(|state| state.bytes.clone())
    }

    pub(super) fn has_failed(&self) -> bool {
        self.with(|state| state.calls_left == Some(0))
    }

    /// What is found after the power failed.
    pub(super) fn survivors(&self, seed: u64) -> Vec<u8> {
        let mut random = ChaCha8Rng::seed_from_u64(seed);
        self.with(|state| {
            let mut bytes = state.synced.clone();
            let share = random.random_range(0.0..=1.0);
            for change in &state.unsynced {
                match change {
                    Change::Resize(_) if random.random_bool(share) => change.apply(&mut bytes),
                    Change::Resize(_) => {}
                    Change::Write(offset, data) => {
                        let pieces = data.chunks(SECTOR).enumerate();
                        for (index, piece) in pieces.filter(|_| random.random_bool(share)) {
                            Change::Write(offset + index * SECTOR, piece.to_vec()).apply(&mut bytes);
                        }
                    }
                }
            }
            bytes
        })
    }
}

impl State {
    fn call(&mut self, change: Option<Change>) -> io::Result<()> {
        match &mut self.calls_left {
            Some(0) => return Err(io::Error::other("no power")),
            Some(left) => *left -= 1,
            None => {}
        }
        match &mut self.refusal {
            Some((0, refusal)) => {
                self.refused += 1;
                let refusal = *refusal;
                if self.refuses_once {
                    (self.refusal, self.refuses_once) = (None, false);
                }
                return Err(refusal.into());
            }
            Some((left, _)) => *left -= 1,
            None => {}
        }
        let Some(change) = change else {
            self.syncs += 1;
            self.synced.clone_from(&self.bytes);
            self.unsynced.clear();
            return Ok(());
        };
        change.apply(&mut self.bytes);
        self.unsynced.push(change);
        Ok(())
    }
}

fn to_usize(offset: u64) -> usize {
    usize::try_from(offset).expect("small")
}

impl StorageBackend for Disk {
    fn len(&self) -> io::Result<u64> {
        Ok(self.with(|state| state.bytes.len() as u64))
    }

    fn read(&self, offset: u64, out: &mut [u8]) -> io::Result<()> {
        self.with(|state| {
            let range = to_usize(offset)..to_usize(offset) + out.len();
            out.copy_from_slice(state.bytes.get(range).ok_or(io::ErrorKind::UnexpectedEof)?);
            Ok(())
        })
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        self.with(|state| state.call(Some(Change::Resize(to_usize(len)))))
    }

    fn sync_data(&self) -> io::Result<()> {
        self.with(|state| state.call(None))
    }

    fn write(&self, offset: u64, data: &[u8]) -> io::Result<()> {
        self.with(|state| state.call(Some(Change::Write(to_usize(offset), data.to_vec()))))
    }
}
