//! The scores that were shown last, so that a page which asks for grid after grid, or many pages, cost one merge.

use std::sync::Arc;
use std::time::Duration;

use patchsweep_core::ids::SweepId;
use tokio::sync::Mutex;
use tokio::time::Instant;

use super::source::{PageSource, SoFar, SourceError};
use super::views::version;

/// Scores that are out of date are shown until this many times as long has passed as it took to put them together, so
/// that watching takes a small part of the coordinator's time.
const REST: u32 = 10;

/// Scores that nobody asks for are dropped after this long.
const KEPT: Duration = Duration::from_mins(1);

/// Scores from a source, those of one sweep kept.
#[derive(Debug)]
pub(super) struct Recent<S> {
    source: Arc<S>,
    kept: Arc<Mutex<Option<Kept>>>,
}

#[derive(Debug)]
struct Kept {
    so_far: SoFar,
    merged: Instant,
    took: Duration,
    asked: Instant,
}

impl Kept {
    fn is_good_for(&self, version_now: &str, now: Instant) -> bool {
        version(&self.so_far.status) == version_now || now < self.merged + self.took * REST
    }
}

impl<S: PageSource> Recent<S> {
    pub(super) fn new(source: Arc<S>) -> Self {
        Self { source, kept: Arc::default() }
    }

    /// A sweep's scores: of now, or of a moment ago while it runs. One merge at a time.
    pub(super) async fn results(&self, sweep: SweepId) -> Result<SoFar, SourceError> {
        let mut kept = self.kept.lock().await;
        let status = self.source.sweep(sweep.clone()).await?;
        let now = Instant::now();
        let good = |kept: &&mut Kept| {
            kept.so_far.status.sweep == sweep
                && (!status.state.is_final() || kept.so_far.status.state == status.state)
                && kept.is_good_for(&version(&status), now)
        };
        if let Some(kept) = kept.as_mut().filter(good) {
            kept.asked = now;
            return Ok(kept.so_far.clone());
        }
        let so_far = self.source.results(sweep).await?;
        let merged = Instant::now();
        if kept.is_none() {
            self.drop_when_unused();
        }
        *kept = Some(Kept { so_far: so_far.clone(), merged, took: merged - now, asked: merged });
        Ok(so_far)
    }

    fn drop_when_unused(&self) {
        let kept = Arc::clone(&self.kept);
        tokio::spawn(async move {
            loop {
                tokio::time::sleep(KEPT).await;
                let mut kept = kept.lock().await;
                if kept.as_ref().is_none_or(|kept| kept.asked.elapsed() >= KEPT) {
                    *kept = None;
                    return;
                }
            }
        });
    }
}
