//! Digests of large files, by some threads.

use blake3::Hasher;
use rayon_core::{ThreadPool, ThreadPoolBuilder};

/// Bytes that one thread hashes at once: few enough to stay in a core's cache.
const ALONE: usize = 1 << 18;
/// Bytes that several threads hash at once: enough for each.
const TOGETHER: usize = 1 << 24;

/// Adds what is read to a digest.
#[derive(Debug)]
pub(crate) struct Hashing {
    hasher: Hasher,
    /// Of several threads; the next piece is read by one of them meanwhile. They end with it.
    pool: Option<ThreadPool>,
}

impl Hashing {
    /// By so many threads; by the caller's own where no others can be had.
    pub(crate) fn new(threads: usize) -> Self {
        let builder = || ThreadPoolBuilder::new().num_threads(threads).thread_name(|index| format!("hash-{index}"));
        let pool = (threads > 1).then(|| builder().build().ok()).flatten();
        Self { hasher: Hasher::new(), pool }
    }

    pub(crate) fn add(&mut self, bytes: &[u8]) {
        self.hasher.update(bytes);
    }

    /// Adds so many bytes. `read`: fills a piece with those from a place on.
    pub(crate) fn add_read<E: Send>(
        &mut self,
        length: u64,
        read: impl Fn(u64, &mut [u8]) -> Result<(), E> + Sync,
    ) -> Result<(), E> {
        let Self { hasher, pool } = self;
        let most = if pool.is_some() { TOGETHER } else { ALONE };
        let piece = |start: u64, buffer: &mut Vec<u8>| {
            buffer.resize(usize::try_from(length - start).map_or(most, |left| left.min(most)), 0);
            read(start, buffer)
        };
        let (mut now, mut next) = (Vec::new(), Vec::new());
        piece(0, &mut now)?;
        for start in (0..length).step_by(most) {
            let behind = length.min(start + now.len() as u64);
            if let Some(pool) = pool {
                let (_, read) = pool.join(|| hasher.update_rayon(&now).count(), || piece(behind, &mut next));
                read?;
                std::mem::swap(&mut now, &mut next);
            } else {
                hasher.update(&now);
                piece(behind, &mut now)?;
            }
        }
        Ok(())
    }

    pub(crate) fn finish(&self) -> [u8; 32] {
        *self.hasher.finalize().as_bytes()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_digest_is_the_same_whoever_makes_it() {
        let all: Vec<u8> = (0..251).cycle().take(2 * TOGETHER + 12_345).collect();
        for length in [0, 1, ALONE, TOGETHER, TOGETHER + 1, all.len()] {
            let wanted = *blake3::hash(&[b"name", &all[..length]].concat()).as_bytes();
            for threads in [1, 3] {
                let read = |start: u64, buffer: &mut [u8]| {
                    buffer.copy_from_slice(&all[usize::try_from(start).expect("few")..][..buffer.len()]);
                    Ok::<_, ()>(())
                };
                let mut hashing = Hashing::new(threads);
                hashing.add(b"name");
                hashing.add_read(length as u64, read).expect("read");
                assert_eq!(hashing.finish(), wanted, "{length} bytes, {threads} threads");
            }
        }
    }

    #[test]
    fn what_cannot_be_read_ends_it() {
        let read = |start: u64, _: &mut [u8]| if start < TOGETHER as u64 { Ok(()) } else { Err(start) };
        for threads in [1, 2] {
            assert_eq!(Hashing::new(threads).add_read(3 * TOGETHER as u64, read), Err(TOGETHER as u64));
        }
    }
}
