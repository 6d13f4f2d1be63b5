//! Messages that may be larger than one gRPC message travel in chunks.

/// Most bytes in one chunk.
pub const MAX_CHUNK_BYTES: usize = 1 << 20;

/// Most bytes that a receiver puts together.
pub const MAX_TOTAL_BYTES: usize = 1 << 30;

/// More chunks came than a receiver takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("message in chunks is larger than {MAX_TOTAL_BYTES} bytes")]
pub struct TooLarge;

/// Cuts an encoded message into chunks; at least one, so that an empty message arrives too.
#[must_use]
pub fn split(bytes: &[u8]) -> Vec<Vec<u8>> {
    if bytes.is_empty() {
        return vec![Vec::new()];
    }
    bytes.chunks(MAX_CHUNK_BYTES).map(<[u8]>::to_vec).collect()
}

/// Puts chunks together again.
#[derive(Debug, Default)]
pub struct Joiner {
    bytes: Vec<u8>,
}

impl Joiner {
    /// Adds the next chunk.
    pub fn push(&mut self, chunk: &[u8]) -> Result<(), TooLarge> {
        if self.bytes.len() + chunk.len() > MAX_TOTAL_BYTES {
            return Err(TooLarge);
        }
        self.bytes.extend_from_slice(chunk);
        Ok(())
    }

    /// The whole message.
    #[must_use]
    pub fn finish(self) -> Vec<u8> {
        self.bytes
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn chunks_around_the_limit_come_back_whole() {
        for length in [0, 1, MAX_CHUNK_BYTES - 1, MAX_CHUNK_BYTES, MAX_CHUNK_BYTES + 1] {
            let bytes: Vec<u8> = (0..=250).cycle().take(length).collect();
            let chunks = split(&bytes);
            assert!(chunks.iter().all(|chunk| chunk.len() <= MAX_CHUNK_BYTES));
            let mut joiner = Joiner::default();
            for chunk in &chunks {
                joiner.push(chunk).expect("small");
            }
            assert_eq!(joiner.finish(), bytes);
        }
    }
}
