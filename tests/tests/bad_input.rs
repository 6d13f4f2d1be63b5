//! Bad input of every kind: what is said, how the command exits, and that nothing is left behind.

#[path = "bad_input/commands.rs"]
mod commands;
#[path = "bad_input/corruption.rs"]
mod corruption;
#[path = "bad_input/grids.rs"]
mod grids;
#[path = "bad_input/metrics.rs"]
mod metrics;
#[path = "bad_input/models.rs"]
mod models;
#[path = "bad_input/refusal.rs"]
mod refusal;
#[path = "bad_input/spec.rs"]
mod spec;
#[path = "bad_input/table.rs"]
mod table;
#[path = "bad_input/text.rs"]
mod text;
#[path = "bad_input/tokens.rs"]
mod tokens;
