//! Work that would hold up a task: planning, merging.

/// Where long work runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Offload {
    /// On threads made for it.
    Threads,
    /// Where it is asked for: simulations must not depend on threads.
    Inline,
}

impl Offload {
    /// Runs `work`; `None` if it panicked on its thread.
    pub(super) async fn run<T: Send + 'static>(self, work: impl FnOnce() -> T + Send + 'static) -> Option<T> {
        match self {
            Self::Threads => tokio::task::spawn_blocking(work).await.ok(),
            Self::Inline => Some(work()),
        }
    }
}
