//! `patchsweep` as people call it: the command line ([`cli`]), and the client's side of the RPCs ([`client`]).
//!
//! What a coordinator does is in four crates below: `patchsweep_plan`, `patchsweep_schedule`, `patchsweep_results` and
//! `patchsweep_serve`.

#![forbid(unsafe_code)]

pub mod cli;
pub mod client;
