//! Metrics of runs.

pub(crate) mod metrics;
pub(crate) mod run_scores;
pub(crate) mod token_sets;
pub(crate) mod vocabulary;
