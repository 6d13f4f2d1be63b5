//! Encoded results on their way to a client, which may be slow. All that are on their way share a budget of bytes.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use patchsweep_proto::chunk::{self, MAX_CHUNK_BYTES};
use patchsweep_proto::v1::ResultsChunk;
use tokio::sync::{Semaphore, mpsc};
use tokio::time::{Instant, timeout};
use tokio_stream::Stream;
use tonic::Status;

/// Bytes of encoded results that clients are still taking; of those that are larger there is one.
const MOST_BYTES: u32 = 256 << 20;

/// A client that takes no chunk for so long is given up.
const PATIENCE: Duration = Duration::from_mins(1);

/// While others wait for room, a client is given up too that took longer than [`PATIENCE`] and this for each chunk so far.
const FOR_A_CHUNK: Duration = Duration::from_secs(1);

/// What all results that are on their way may take.
#[derive(Clone, Debug)]
pub(super) struct Budget {
    room: Arc<Semaphore>,
    /// How many wait for room.
    waiting: Arc<AtomicUsize>,
}

impl Budget {
    pub(super) fn new() -> Self {
        Self { room: Arc::new(Semaphore::new(MOST_BYTES as usize)), waiting: Arc::default() }
    }

    /// Waits until there is room, and sends these bytes to whoever takes the stream; `None`: the coordinator is shutting down.
    pub(super) async fn send(&self, bytes: Vec<u8>) -> Option<Sending> {
        let share = u32::try_from(bytes.len()).unwrap_or(u32::MAX).min(MOST_BYTES);
        let waits = Waits::new(&self.waiting);
        let share = Arc::clone(&self.room).acquire_many_owned(share).await.ok()?;
        drop(waits);
        let left = bytes.len().div_ceil(MAX_CHUNK_BYTES).max(1);
        let (sender, chunks) = mpsc::channel(1);
        let waiting = Arc::clone(&self.waiting);
        tokio::spawn(async move {
            let mut late = Instant::now() + PATIENCE;
            // One at a time: results may be large.
            for chunk in chunk::pieces(bytes) {
                let is_late = Instant::now() > late && waiting.load(Ordering::Relaxed) > 0;
                if is_late || !matches!(timeout(PATIENCE, sender.send(chunk)).await, Ok(Ok(()))) {
                    break;
                }
                late += FOR_A_CHUNK;
            }
            drop(share);
        });
        Some(Sending { chunks, left })
    }
}

/// One that waits for room, as long as this is there.
struct Waits<'a>(&'a AtomicUsize);

impl<'a> Waits<'a> {
    fn new(waiting: &'a AtomicUsize) -> Self {
        waiting.fetch_add(1, Ordering::Relaxed);
        Self(waiting)
    }
}

impl Drop for Waits<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

/// The chunks of one answer.
#[derive(Debug)]
pub(super) struct Sending {
    chunks: mpsc::Receiver<Vec<u8>>,
    /// How many are still to come.
    left: usize,
}

impl Stream for Sending {
    type Item = Result<ResultsChunk, Status>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.chunks.poll_recv(context).map(|chunk| match chunk {
            Some(data) => {
                self.left -= 1;
                Some(Ok(ResultsChunk { data }))
            }
            None if self.left > 0 => {
                self.left = 0;
                let text = "the results were taken too slowly: nothing of them for a minute, or less than 1 MiB a second while others \
                            waited for their room; fetch them again";
                Some(Err(Status::deadline_exceeded(text)))
            }
            None => None,
        })
    }
}

#[cfg(test)]
mod tests {
    use tokio_stream::StreamExt;

    use super::*;

    const CHUNKS: usize = 5;

    fn bytes() -> Vec<u8> {
        (0..=250).cycle().take(CHUNKS * MAX_CHUNK_BYTES - 7).collect()
    }

    async fn sending(budget: &Budget) -> Sending {
        budget.send(bytes()).await.expect("it is open")
    }

    #[tokio::test(start_paused = true)]
    async fn what_is_sent_has_its_share_until_it_is_taken() {
        let budget = Budget::new();
        let mut first = sending(&budget).await;
        assert_eq!(budget.room.available_permits(), MOST_BYTES as usize - bytes().len());
        let others = budget.room.available_permits() - bytes().len() + 1;
        let others = budget.room.acquire_many(u32::try_from(others).expect("small")).await.expect("it is open");
        let second = budget.send(bytes());
        tokio::pin!(second);
        assert!(timeout(PATIENCE / 2, &mut second).await.is_err(), "there is no room");
        let mut taken = Vec::new();
        while let Some(chunk) = first.next().await {
            taken.extend_from_slice(&chunk.expect("a chunk").data);
        }
        assert_eq!(taken, bytes());
        assert_eq!(second.await.expect("it is open").left, CHUNKS);
        drop(others);
    }

    #[tokio::test(start_paused = true)]
    async fn a_client_that_hangs_up_or_takes_nothing_gives_its_share_back() {
        let budget = Budget::new();
        drop(sending(&budget).await);
        let mut stuck = sending(&budget).await;
        stuck.next().await.expect("one").expect("a chunk");
        let all = budget.room.acquire_many(MOST_BYTES).await.expect("both have gone");
        drop(all);
        let rest: Vec<_> = stuck.collect().await;
        let (last, chunks) = rest.split_last().expect("some");
        assert!(chunks.len() < CHUNKS - 1 && chunks.iter().all(Result::is_ok));
        assert_eq!(last.as_ref().expect_err("not all came").code(), tonic::Code::DeadlineExceeded);
    }

    /// Takes one chunk every 50 seconds: how many came, and what the last answer was.
    async fn taken_slowly(mut slow: Sending) -> (usize, Option<Status>) {
        let mut count = 0;
        loop {
            match slow.next().await {
                Some(Ok(_)) => count += 1,
                Some(Err(status)) => return (count, Some(status)),
                None => return (count, None),
            }
            tokio::time::advance(Duration::from_secs(50)).await;
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_slow_client_is_given_up_when_others_wait_and_only_then() {
        let budget = Budget::new();
        let (alone, refused) = taken_slowly(sending(&budget).await).await;
        assert_eq!((alone, refused.is_none()), (CHUNKS, true), "nobody waits");

        let slow = sending(&budget).await;
        let second = budget.send(vec![0; MOST_BYTES as usize]);
        let ((some, refused), second) = tokio::join!(taken_slowly(slow), second);
        assert!(some < CHUNKS, "{some}");
        let refused = refused.expect("it is given up");
        assert!(refused.message().contains("while others waited for their room"), "{refused}");
        assert_eq!(refused.code(), tonic::Code::DeadlineExceeded);
        drop(second.expect("it is open"));
        assert_eq!(budget.waiting.load(Ordering::Relaxed), 0);
    }

    #[tokio::test(start_paused = true)]
    async fn a_fast_client_gets_all_while_others_wait() {
        let budget = Budget::new();
        let fast = sending(&budget).await;
        let second = budget.send(vec![0; MOST_BYTES as usize]);
        let takes = async {
            let mut fast = fast;
            let mut count = 0;
            while let Some(chunk) = fast.next().await {
                chunk.expect("a chunk");
                count += 1;
                tokio::time::advance(FOR_A_CHUNK).await;
            }
            count
        };
        let (count, second) = tokio::join!(takes, second);
        assert_eq!(count, CHUNKS);
        drop(second.expect("it is open"));
    }

    #[tokio::test(start_paused = true)]
    async fn who_does_not_wait_any_more_hurries_nobody() {
        let budget = Budget::new();
        let slow = sending(&budget).await;
        let given_up = timeout(PATIENCE / 4, budget.send(vec![0; MOST_BYTES as usize])).await;
        assert!(given_up.is_err(), "there is no room");
        assert_eq!(taken_slowly(slow).await.0, CHUNKS);
    }

    #[tokio::test(start_paused = true)]
    async fn what_is_larger_than_the_budget_goes_alone_and_nothing_is_a_chunk_too() {
        let budget = Budget::new();
        let empty = budget.send(Vec::new()).await.expect("it is open");
        assert_eq!(empty.collect::<Vec<_>>().await.len(), 1);
        let large = budget.send(vec![0; MOST_BYTES as usize + 1]).await.expect("it is open");
        assert_eq!(budget.room.available_permits(), 0);
        drop(large);
        drop(sending(&budget).await);
    }
}
