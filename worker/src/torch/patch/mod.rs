//! Patched runs: only what a patch can change.

pub(crate) mod arrange;
pub(crate) mod attention;
pub(crate) mod attention_rows;
pub(crate) mod base;
pub(crate) mod batch;
pub(crate) mod cell_rows;
pub(crate) mod changes;
pub(crate) mod cohort;
pub(crate) mod features;
pub(crate) mod frames;
pub(crate) mod heads;
pub(crate) mod hidden_changes;
pub(crate) mod join;
pub(crate) mod neurons;
pub(crate) mod patches;
pub(crate) mod paths;
pub(crate) mod pattern_changes;
pub(crate) mod several;
pub(crate) mod stepper;
pub(crate) mod through_attention;
pub(crate) mod values;
