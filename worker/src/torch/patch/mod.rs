//! Patched runs: only what a patch can change.

pub(crate) mod attention;
pub(crate) mod batch;
pub(crate) mod enter;
pub(crate) mod heads;
pub(crate) mod suffix;
pub(crate) mod values;
