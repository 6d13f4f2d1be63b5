//! Metrics of runs.

pub(crate) mod metrics;
pub(crate) mod run_scores;
pub(crate) mod vocabulary;
