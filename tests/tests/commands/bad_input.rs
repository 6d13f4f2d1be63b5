//! Bad input of every kind: what is printed, how the command exits, and that nothing is left behind.

mod commands;
mod corruption;
mod grids;
mod metrics;
mod models;
mod refusal;
mod spec;
mod table;
mod text;
mod tokens;
