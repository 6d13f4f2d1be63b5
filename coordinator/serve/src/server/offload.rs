//! Work that would hold up a task: planning, merging.

use patchsweep_process::panics;

/// Where long work runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Offload {
    /// On threads made for it.
    Threads,
    /// Where it is asked for: simulations must not depend on threads, and end with what panics in them.
    Inline,
}

/// Why work on a thread came to no end.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum OffloadError {
    #[error("{work} ran into a defect of the coordinator, which its log has, too: {message}; please report it")]
    Panicked { work: &'static str, message: String },
    #[error("the coordinator is shutting down")]
    ShuttingDown,
}

impl Offload {
    /// Runs a closure; `work`: what it does, in one word.
    pub(super) async fn run<T: Send + 'static>(
        self,
        work: &'static str,
        closure: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, OffloadError> {
        match self {
            Self::Threads => tokio::task::spawn_blocking(closure).await.map_err(|error| match error.try_into_panic() {
                Ok(panic) => {
                    let message = panics::message(panic.as_ref());
                    tracing::error!(work, message, "the coordinator has a defect");
                    OffloadError::Panicked { work, message }
                }
                Err(_) => OffloadError::ShuttingDown,
            }),
            Self::Inline => Ok(closure()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_panic_is_an_error_with_its_words() {
        let error = Offload::Threads.run("merging", || -> u32 { panic!("no row {}", 7) }).await.expect_err("a panic");
        assert_eq!(error, OffloadError::Panicked { work: "merging", message: "no row 7".to_owned() });
        assert!(error.to_string().contains("merging") && error.to_string().contains("no row 7"), "{error}");
        assert_eq!(Offload::Threads.run("merging", || 7).await, Ok(7));
    }
}
