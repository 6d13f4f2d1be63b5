//! Messages that may be larger than one gRPC message travel in chunks.

/// Most bytes in one chunk.
pub const MAX_CHUNK_BYTES: usize = 1 << 20;

/// Most bytes of a context or of results.
pub const MAX_TOTAL_BYTES: usize = 1 << 30;

/// Most bytes of a spec with its dataset.
pub const MAX_SUBMISSION_BYTES: usize = 256 << 20;

/// More came than a receiver takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TooLarge {
    /// One chunk.
    #[error("a chunk is larger than {MAX_CHUNK_BYTES} bytes")]
    Chunk,
    /// All chunks together.
    #[error("the message is larger than {limit} bytes")]
    Total {
        /// Most bytes.
        limit: usize,
    },
}

/// Cuts an encoded message into chunks; at least one, so that an empty message arrives too.
#[must_use]
pub fn split(bytes: &[u8]) -> Vec<Vec<u8>> {
    pieces(bytes).collect()
}

/// The same chunks, each copied when its turn comes.
pub fn pieces(bytes: impl AsRef<[u8]>) -> impl Iterator<Item = Vec<u8>> {
    let count = bytes.as_ref().len().div_ceil(MAX_CHUNK_BYTES).max(1);
    (0..count).map(move |index| {
        let rest = &bytes.as_ref()[index * MAX_CHUNK_BYTES..];
        rest[..rest.len().min(MAX_CHUNK_BYTES)].to_vec()
    })
}

/// Puts chunks together again.
#[derive(Debug)]
pub struct Joiner {
    limit: usize,
    bytes: Vec<u8>,
}

impl Joiner {
    /// For a message of at most `limit` bytes.
    #[must_use]
    pub fn new(limit: usize) -> Self {
        Self { limit, bytes: Vec::new() }
    }

    /// Adds the next chunk.
    pub fn push(&mut self, chunk: &[u8]) -> Result<(), TooLarge> {
        if chunk.len() > MAX_CHUNK_BYTES {
            return Err(TooLarge::Chunk);
        }
        if self.bytes.len() + chunk.len() > self.limit {
            return Err(TooLarge::Total { limit: self.limit });
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
            let mut joiner = Joiner::new(length);
            for chunk in &chunks {
                joiner.push(chunk).expect("small");
            }
            assert_eq!(joiner.finish(), bytes);
        }
    }

    #[test]
    fn chunks_and_messages_beyond_their_limits_are_refused() {
        let mut joiner = Joiner::new(MAX_CHUNK_BYTES);
        assert_eq!(joiner.push(&vec![0; MAX_CHUNK_BYTES + 1]), Err(TooLarge::Chunk));
        joiner.push(&vec![0; MAX_CHUNK_BYTES - 1]).expect("one less than the limit");
        joiner.push(&[0]).expect("the limit");
        assert_eq!(joiner.push(&[0]), Err(TooLarge::Total { limit: MAX_CHUNK_BYTES }));
        assert_eq!(joiner.finish().len(), MAX_CHUNK_BYTES);
    }
}
